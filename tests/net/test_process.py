"""deadpeer as a process: what it prints, its signals, exit codes, reload, configuration errors."""

import ctypes
import os
import signal
import socket
import struct
import subprocess
import time

import pytest
from conftest import ONCE, RELAY, variants
from peer import connect, start_connect, observe, wait_until
from proxy import BINARY, ini

FAMILIES = variants(relays=("splice",), privileges=("nobody",))


# What it says when it is up.

@FAMILIES
def test_says_where_it_listens(world):
    d = world.serve({"proxy two": {"listen": world.listen_text(), "upstream": "builtin:echo"}})
    ports = d.ports()
    assert sorted(ports) == ["proxy", "two"]
    assert d.output().splitlines() == [
        f"proxy listening on {ports['proxy']}, upstream {world.server.text}",
        f"two listening on {ports['two']}, upstream builtin:echo",
        "ready"]
    assert {e["proxy"]: e["listen"] for e in d.events("proxy.up")} == ports
    d.signal(signal.SIGTERM)
    assert d.wait() == 0
    assert not os.path.exists(d.path("ports")), "the ports file goes with the process"


@ONCE
def test_without_a_file(world):
    with world.lab.host.inside():
        process = subprocess.Popen(
            [BINARY, "serve", "--listen", world.listen_text(), "--upstream", "builtin:echo",
             "--name", "mine", "--fault", "reset after_idle=300ms", "--events", "-",
             "--drain-timeout", "1s", "--admin", "127.0.0.1:0"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        address = None
        for line in process.stdout:
            if line.startswith("mine listening on "):
                address = line.split()[3].rstrip(",")
            if line == "ready\n":
                break
        host, port = address.rsplit(":", 1)
        client = world.keep(connect(world.lab.client, world.family, (host, int(port))))
        client.send(b"hello")
        assert client.recv(5) == b"hello"
        assert client.end() == "ECONNRESET"
    finally:
        process.terminate()
        process.communicate(timeout=5)
    assert process.returncode == 0


@ONCE
def test_a_taken_address(world):
    d = world.serve(start=False)
    d.sections["proxy proxy"]["listen"] = world.listen_text(7777)
    with world.lab.host.inside():
        taken = world.keep(socket.socket(world.family))
    taken.bind((world.host_addr, 7777))
    taken.listen()
    d.start(ready=False)
    assert d.wait() == 1
    assert "7777" in d.log() and "proxy" in d.log()


# The end.

@RELAY
def test_sigterm_drains(world):
    """Open sessions go on, new ones are refused, and it ends with the last of them."""
    d = world.serve(settings={"drain_timeout": "20s"})
    client, far = world.session()
    address = d.address()
    d.signal(signal.SIGTERM)
    wait_until(lambda: _attempt(world, address) == ("ECONNREFUSED",))
    client.exchange(far)
    begin = time.monotonic()
    client.close()
    assert far.end() == "EOF"
    far.close()
    assert d.wait() == 0 and time.monotonic() - begin < 2
    assert d.events("deadpeer.stop")


def _attempt(world, address):
    """What a new client hears; it leaves at once."""
    peer = start_connect(world.lab.client, world.family, address)
    observe(peer, seconds=1, until_settled=True)
    peer.abort()
    return peer.words


@ONCE
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_drain_has_a_limit(world, number):
    d = world.serve(settings={"drain_timeout": "700ms"})
    client, _ = world.session()
    begin = time.monotonic()
    d.signal(number)
    assert d.wait() == 0
    assert 0.6 < time.monotonic() - begin < 2
    assert client.end() in ("EOF", "ECONNRESET")


@ONCE
def test_a_second_sigterm_ends_it_at_once(world):
    d = world.serve(settings={"drain_timeout": "20s"})
    world.session()
    d.signal(signal.SIGTERM)
    time.sleep(0.2)
    assert d.process.poll() is None
    begin = time.monotonic()
    d.signal(signal.SIGTERM)
    assert d.wait() >= 0 and time.monotonic() - begin < 0.5


# SIGUSR1, SIGHUP.

@RELAY
def test_sigusr1_tells_every_session(world):
    d = world.serve()
    sessions = [world.session() for _ in range(3)]
    d.signal(signal.SIGUSR1)
    d.wait_event("session.dump", nth=3)
    ports = {client.sock.getsockname()[1] for client, _ in sessions}
    assert {int(e["client"].rsplit(":", 1)[1]) for e in d.events("session.dump")} == ports
    assert "session.dump" in d.log()


@RELAY
def test_reload_applies_the_difference(world):
    """Untouched proxies keep their sessions; one comes, one goes, a fault arms and lifts."""
    d = world.serve({"proxy going": {"listen": world.listen_text(), "upstream": "builtin:echo"}})
    client, far = world.session()
    goes = world.connect("going")
    goes.send(b"x")
    assert goes.recv(1) == b"x"
    gone = d.address("going")
    told = d.change({"proxy going": None,
                     "proxy coming": {"listen": world.listen_text(), "upstream": "builtin:echo"}})
    assert (told["added"], told["removed"], told["kept"]) == (1, 1, 1)
    client.exchange(far)
    comes = world.connect("coming")
    comes.send(b"x")
    assert comes.recv(1) == b"x"
    assert _attempt(world, gone) == ("ECONNREFUSED",)
    assert sorted(d.ports()) == ["coming", "proxy"]

    d.strike("hang")
    d.lift()
    client.exchange(far)
    d.change({})
    assert d.events("config.reloaded")[-1]["faults_armed"] == 0


@ONCE
def test_a_changed_upstream_is_for_new_sessions(world):
    second = world.add_server()
    d = world.serve()
    client, far = world.session()
    address = d.address()
    d.change({"proxy proxy": world.proxy_section(upstream=second.text)})
    assert d.address() == address
    client.exchange(far)
    fresh = world.connect()
    fresh.exchange(world.keep(second.accept()))


@ONCE
def test_a_wrong_file_changes_nothing_and_is_told(world):
    d = world.serve()
    client, far = world.session()
    good = dict(d.sections)
    d.sections["fault typo"] = {"type": "power_los", "proxy": "*"}
    d.sections["proxy third"] = {"listen": "nowhere", "upstream": "builtin:echo"}
    rejected = d.reload(expect="config.rejected")
    lines = open(d.path("conf")).read().splitlines()
    assert f"{d.path('conf')}:{1 + lines.index('type = power_los')}" in d.log()
    assert f"{d.path('conf')}:{1 + lines.index('listen = nowhere')}" in d.log()
    assert rejected["error"]
    client.exchange(far)
    world.session()
    d.sections = good
    d.change({})
    client.exchange(far)


# deadpeer check: a file's every mistake, its place, the nearest right word.

GOOD = {"proxy a": {"listen": "127.0.0.1:7001", "upstream": "127.0.0.1:6379"}}
LONG = "x" * 250
MISTAKES = {  # what is wrong: the file's text, and what must be said of it
    "an unknown section": ("[proxi a]\nlisten = :1\n", [":1:", "proxi", "proxy"]),
    "an unknown key": (ini({"proxy a": {**GOOD["proxy a"], "upstraem": "x"}}),
                       [":4:", "upstraem", '"upstream"']),
    "an unknown type": (ini({**GOOD, "fault f": {"type": "power_los", "proxy": "*"}}),
                        [":6:", "power_los", '"power_loss"']),
    "an unknown parameter": (ini({**GOOD, "fault f": {"type": "reset", "proxy": "*",
                                                      "down": "3s"}}), [":8:", "down"]),
    "a duplicate name": (ini(GOOD) + ini(GOOD), [":4:", "a"]),
    "two proxies on one address": (ini({**GOOD, "proxy b": GOOD["proxy a"]}), [":6:", "7001"]),
    "a duration without a unit": (ini({**GOOD, "fault f": {"type": "hang", "proxy": "*",
                                                           "delay": "5"}}), [":8:", "delay", "5"]),
    "a proxy that does not exist": (ini({**GOOD, "fault f": {"type": "hang", "proxy": "b"}}),
                                    [":7:", "b"]),
    "a host that does not exist": (ini({**GOOD, "fault f": {"type": "hang", "host": "db"}}),
                                   [":7:", "db"]),
    "an over-long line": (ini({**GOOD, "host h": {"title": LONG}}), [":6:", "199"]),
    "no upstream": ("[proxy a]\nlisten = 127.0.0.1:7001\n", ["upstream"]),
    "a key the type refuses": (ini({**GOOD, "fault f": {"type": "refuse", "proxy": "*",
                                                        "after_bytes": "1KiB"}}),
                               [":8:", "after_bytes"]),
    "not a key at all": (ini(GOOD) + "nonsense\n", [":4:"]),
    "no such choice": (ini({**GOOD, "fault f": {"type": "hang", "proxy": "*", "side": "left"}}),
                       [":8:", "side", "left"]),
    "a probability above 1": (ini({**GOOD, "fault f": {"type": "hang", "proxy": "*",
                                                       "toxicity": "1.5"}}), [":8:", "toxicity"]),
    "a silence on a Unix socket": (ini({"proxy a": {"listen": "unix:/run/x.sock",
                                                    "upstream": "builtin:echo"},
                                        "fault f": {"type": "power_loss", "proxy": "a"}}),
                                   ["Unix"]),
}


def check(path):
    return subprocess.run([BINARY, "check", path], capture_output=True, text=True, timeout=10)


@pytest.mark.parametrize("name", MISTAKES)
def test_check_tells_a_mistake_and_its_place(tmp_path, name):
    text, said = MISTAKES[name]
    path = tmp_path / "mistaken.ini"
    path.write_text(text)
    done = check(str(path))
    told = done.stdout + done.stderr
    assert done.returncode == 2, told
    assert str(path) in told
    for word in said:
        assert word in told, f"{word!r} is not in: {told}"


def test_check_tells_every_mistake_of_a_file(tmp_path):
    path = tmp_path / "many.ini"
    path.write_text("[proxy a]\nlisten = nowhere\nupstraem = x\n[fault f]\ntype = hung\n"
                    "delay = 5\n[nonsense x]\n")
    done = check(str(path))
    told = done.stdout + done.stderr
    assert done.returncode == 2
    for line in 2, 3, 5, 6, 7:
        assert f"{path}:{line}:" in told, told


def test_check_of_a_right_file_is_silent_success(tmp_path):
    path = tmp_path / "right.ini"
    path.write_text(ini({**GOOD, "fault f": {"type": "power_loss", "proxy": "a", "delay": "5s"}}))
    done = check(str(path))
    assert (done.returncode, done.stderr) == (0, "")


def test_exit_codes():
    def code(*arguments):
        return subprocess.run([BINARY, *arguments], capture_output=True, timeout=10).returncode

    assert code("--version") == 0
    assert code("--help") == 0
    assert code("serve", "--help") == 0
    assert code() == 2
    assert code("no-such-command") == 2
    assert code("serve", "--no-such-flag") == 2
    assert code("serve", "-c", "/no/such/file") == 2
    assert code("serve", "--listen", "nowhere", "--upstream", "builtin:echo") == 2
    assert code("check", "/no/such/file") == 2


def scheduling(pid):
    """Policy, niceness and slice (ns), as sched_getattr(2) tells them; glibc 2.36 has no wrapper."""
    number = {"x86_64": 315, "aarch64": 275, "riscv64": 275}.get(os.uname().machine)
    if not number:
        pytest.skip(f"the number of sched_getattr(2) on {os.uname().machine} is not known here")
    attr = ctypes.create_string_buffer(56)
    assert ctypes.CDLL(None, use_errno=True).syscall(number, pid, attr, 56, 0) == 0
    _, policy, _, nice, _, runtime, _, _ = struct.unpack("IIQiIQQQ", attr.raw[:48])
    return policy, nice, runtime


@pytest.mark.parametrize("wrapper, policy, nicer, prompt",
                         [(("nice", "-n", "5"), 0, 5, True), (("chrt", "-b", "0"), 3, 0, False)])
def test_short_slices_are_asked_for_and_nothing_else_changes(wrapper, policy, nicer, prompt):
    if not scheduling(0)[2]:
        pytest.skip("this kernel has no slices of a process's own (Linux 6.12)")
    process = subprocess.Popen(
        [*wrapper, BINARY, "serve", "--admin", "off", "--listen", "127.0.0.1:0",
         "--upstream", "builtin:echo"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert any(line == "ready\n" for line in process.stdout)
        is_policy, is_nice, slice_ns = scheduling(process.pid)
    finally:
        process.terminate()
        process.communicate(timeout=5)
    assert (is_policy, is_nice) == (policy, min(19, os.nice(0) + nicer))
    assert (slice_ns == 100_000) is prompt


def test_serve_refuses_what_check_refuses(tmp_path):
    path = tmp_path / "mistaken.ini"
    path.write_text(MISTAKES["an unknown type"][0])
    done = subprocess.run([BINARY, "serve", "-c", str(path)], capture_output=True, text=True,
                          timeout=10)
    assert done.returncode == 2 and f"{path}:6:" in done.stderr
