"""scripts/chaos: what they arm, that a seed draws the same again, and that they heal whatever
happens to them."""
import os
import re
import signal
import socket
import subprocess
import sys

import pytest

from relay import BINARY, Deadpeer
from survive import CLIENTS

CHAOS = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../scripts/chaos"))
SCRIPTS = ["random-deaths", "flapping-link", "rolling-reboot", "partition"]
HOSTS = ["h1", "h2", "h3"]

# The shortest that each can do, twice at most.
SHORT = {
    "random-deaths": ["--proxies", "h1,h2", "--types", "power_loss,process_crash,hang,reset",
                      "--least", "1s", "--most", "1s", "--pause", "1s", "--budget", "3s"],
    "flapping-link": ["--proxies", "h1", "--least", "1s", "--most", "1s", "--round", "2s", "--pause",
                      "1s", "--budget", "2s"],
    "rolling-reboot": ["--hosts", "h2,h1", "--down", "1s", "--service-delay", "0s", "--pause", "1s",
                       "--budget", "10s"],
    "partition": ["--hosts", "h1,h2,h3", "--least", "1s", "--most", "1s", "--pause", "1s",
                  "--budget", "2s"],
}
# One fault that does not end for a long time.
LONG = {
    "random-deaths": ["--types", "power_loss", "--least", "10m", "--most", "10m"],
    "flapping-link": ["--least", "100s", "--most", "100s", "--round", "10m"],
    "rolling-reboot": ["--down", "10m"],
    "partition": ["--least", "10m", "--most", "10m"],
}
SEED = "4711"


class Relay(Deadpeer):
    """With its API on a Unix socket, and three hosts with a proxy each, h1 to h3, on one address."""

    def _write(self):
        lines = ["[deadpeer]", f"events = {self.path('events')}", f"ports_file = {self.path('ports')}",
                 f"admin = unix:{self.path('admin')}", "drain_timeout = 1s"]
        for i, host in enumerate(HOSTS):
            lines += [f"[host {host}]", f"address = 127.0.0.{i + 1}", f"[proxy {host}]",
                      "listen = 127.0.0.1:0", "upstream = builtin:echo", f"host = {host}"]
        with open(self.path("deadpeer.ini"), "w", encoding="utf-8") as f:
            f.write("\n".join(lines) + "\n")

    def ask(self, *words):
        return subprocess.run([BINARY, *words, "--admin", "unix:" + self.path("admin")], check=True,
                              capture_output=True, text=True, timeout=20).stdout

    def armed(self):
        return self.ask("fault", "list", "--quiet").split()

    def answers(self, proxy):
        with socket.create_connection(("127.0.0.1", self.port(proxy)), 10) as s:
            s.settimeout(10)
            s.sendall(b"?")
            return s.recv(1) == b"?"


@pytest.fixture
def relay(tmp_path):
    r = Relay(tmp_path, {}).start()
    yield r
    r.stop()


@pytest.fixture
def clients(relay, start):
    """One that comes back, on each proxy."""
    for host in HOSTS:
        start([sys.executable, os.path.join(CLIENTS, "good.py"), f"127.0.0.1:{relay.port(host)}"])
    for nth in range(len(HOSTS)):
        relay.wait("session.connected", nth=nth + 1)


def words_of(script, admin, *options):
    return [os.path.join(CHAOS, script), "--seed", SEED, "--admin", admin, *options]


ENVIRONMENT = {**os.environ, "DEADPEER": BINARY}


def run(script, relay, *options):
    admin = "unix:" + relay.path("admin") if relay else "unix:/nonexistent/admin"
    return subprocess.run(words_of(script, admin, *options), capture_output=True, text=True,
                          timeout=60, env=ENVIRONMENT, stdin=subprocess.DEVNULL, check=False)


@pytest.mark.parametrize("script", SCRIPTS)
def test_dry_run(relay, script):
    """Nothing is armed, and the same seed says the same, as it would be done."""
    before = relay.ask("config")
    first, again = run(script, relay, "--dry-run"), run(script, relay, "--dry-run")
    assert first.returncode == 0, first
    assert first.stdout == again.stdout and first.stdout.count("\n") > 3, first
    assert relay.ask("config") == before
    assert not relay.events("fault.armed")
    if script != "rolling-reboot":
        other = run(script, relay, "--dry-run", "--seed", "12")
        assert other.stdout.replace("12", SEED) != first.stdout, "another seed, and the same"


@pytest.mark.parametrize("script", SCRIPTS)
def test_dry_run_needs_no_relay(script):
    done = run(script, None, "--dry-run", *SHORT[script])
    assert done.returncode == 0, done


@pytest.mark.parametrize("script", SCRIPTS)
def test_short(relay, clients, script):
    """What was told is what was armed; it is over when the script is, and others' faults are left."""
    relay.ask("fault", "add", "h3", "latency", "latency=1ms", "--name", "mine")
    options = [*SHORT[script], *(["--recover", "20s"] if script != "partition" else [])]
    done = run(script, relay, *options)
    assert done.returncode == 0, done
    assert relay.armed() == ["mine"], done
    told = done.stdout.count(f"{BINARY} ")
    assert told >= 1 and re.search(rf"^{script}: {told} \w+, seed {SEED}$", done.stdout, re.M), done
    fired = {e["fault"] for e in relay.events("fault.fired")} - {"mine"}
    assert fired, done
    if script != "partition":
        assert all(re.fullmatch(rf"chaos-{script}-{SEED}-\d+", name) for name in fired), fired
        # No more than the dry run has said, and in its order.
        dry = run(script, relay, "--dry-run", *options).stdout
        lines = [line for line in done.stdout.splitlines() if BINARY in line]
        assert lines == [line for line in dry.splitlines() if BINARY in line][:len(lines)], dry
    else:
        assert all(name.startswith("partition-") for name in fired), fired


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("sign, status", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_ended_by_a_signal(relay, clients, script, sign, status):
    with open(relay.path("said"), "w+", encoding="utf-8") as said:
        # Whoever runs the tests may have had SIGINT ignored, and a shell cannot undo that.
        process = subprocess.Popen(
            words_of(script, "unix:" + relay.path("admin"), *LONG[script]), stdout=said, stderr=said,
            env=ENVIRONMENT, stdin=subprocess.DEVNULL,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        try:
            relay.wait("fault.fired", seconds=20)
            process.send_signal(sign)
            assert process.wait(20) == status
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        said.seek(0)
        text = said.read()
    assert "lifting" in text, text
    assert relay.armed() == [], text
    assert all(relay.answers(host) for host in HOSTS), text


@pytest.mark.parametrize("script, option", [
    (script, option) for script in SCRIPTS
    for option in (["--no-such", "1"], ["--budget", "soon"], ["--seed", "x"], ["word"], ["--pause"],
                   ["--pause", "1x"])] + [
    ("random-deaths", ["--least", "9s", "--most", "2s"]),
    ("partition", ["--least", "9s", "--most", "2s"]),
    ("flapping-link", ["--least", "0s"]), ("rolling-reboot", ["--rounds", "many"]),
    ("partition", ["--hosts", "a,b"]), ("partition", ["--hosts", "a,b,c", "--minority", "d"]),
    ("partition", ["--hosts", "a,b,c", "--minority", "a,b,c"])])
def test_wrong_options(script, option):
    done = run(script, None, "--dry-run", *option)
    assert done.returncode == 2 and done.stderr, done


@pytest.mark.parametrize("script", SCRIPTS)
def test_help(script):
    done = run(script, None, "--help")
    assert done.returncode == 0 and done.stdout.startswith(f"usage: {script} ["), done
    options = set(re.findall(r"^  (--[a-z-]+)", done.stdout, re.M))
    assert {"--seed", "--budget", "--admin", "--dry-run"} <= options, options


@pytest.mark.parametrize("script", SCRIPTS)
def test_no_relay(script):
    done = run(script, None, *SHORT[script])
    assert done.returncode == 3 and done.stderr, done


@pytest.mark.parametrize("script", ["random-deaths", "flapping-link", "rolling-reboot"])
def test_nobody_comes_back(relay, script):
    """No client, no traffic: the script says so and ends."""
    done = run(script, relay, *SHORT[script], "--recover", "1s")
    assert done.returncode == 1, done
    assert "no traffic on h" in done.stderr and f"seed {SEED}" in done.stderr, done
    assert relay.armed() == []
