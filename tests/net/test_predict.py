"""deadpeer predict, held against the kernel: settings x deaths x situations, all at the same time,
each a real socket on a machine with sysctls of its own, and each inside the predicted range.

What a row measures is late by what the test adds: observe() looks every 10 ms, or later on a busy
machine, and a busy kernel runs its timers late, too. LATE is allowed above the range for both;
EARLY below it, for a time that TCP_INFO tells in whole ticks.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field

import lab
import pytest
from conftest import Variant, World, namespaces, only, variants
from peer import (TCP_USER_TIMEOUT, Info, Peer, Server, connect, deafen, observe,
                  start_connect)
from proxy import BINARY, PATIENCE, PRIVILEGES

EARLY, LATE = 0.02, 0.5 * PATIENCE
WATCH = 8.5

# Machines: what they are set to.
MACHINES = {
    "default": {"tcp_retries2": 15, "tcp_syn_retries": 6, "tcp_syn_linear_timeouts": 4},
    "hasty": {"tcp_retries2": 1, "tcp_syn_retries": 1, "tcp_syn_linear_timeouts": 4},
    "three": {"tcp_retries2": 3, "tcp_syn_retries": 2, "tcp_syn_linear_timeouts": 0},
    "short": {"tcp_retries2": 6, "tcp_syn_retries": 3, "tcp_syn_linear_timeouts": 0,
              "tcp_rto_max_ms": 1000},
}

# Proxies: how the server behind each of them dies.
DELAY = "300ms"
DEATHS = {
    "loss": ("power_loss", {"type": "power_loss", "delay": DELAY}, []),
    "boot": ("reboot", {"type": "reboot", "delay": DELAY, "down": "2200ms", "service_delay": "1s"},
             ["--back-after", "2200ms", "--service-delay", "1s"]),
    "hang": ("hang", {"type": "hang", "delay": DELAY}, []),
    "cut": ("partition", {"type": "partition", "delay": DELAY, "duration": "2500ms"},
            ["--heal-after", "2500ms"]),
    "crash": ("process_crash", {"type": "process_crash", "delay": DELAY}, []),
    "reset": ("reset", {"type": "reset", "delay": DELAY}, []),
    "nat-drop": ("idle_timeout", {"type": "idle_timeout", "after": "1500ms", "mode": "drop"},
                 ["--idle-timeout", "1500ms"]),
    "nat-rst": ("idle_timeout", {"type": "idle_timeout", "after": "1500ms", "mode": "rst_next"},
                ["--idle-timeout", "1500ms", "--idle-mode", "rst_next"]),
    "nat-both": ("idle_timeout", {"type": "idle_timeout", "after": "1500ms", "mode": "rst_both"},
                 ["--idle-timeout", "1500ms", "--idle-mode", "rst_both"]),
}


@dataclass(frozen=True)
class Row:
    proxy: str
    when: str
    machine: str = "default"
    keepalive: tuple = ()     # idle, interval, count
    user_timeout: float = 0
    syncnt: int = 0
    by: str = ""              # what must decide it; "" where it is never noticed

    def __str__(self):
        return " ".join(str(x) for x in (
            self.proxy, self.when, self.machine,
            "keepalive %d/%d/%d" % self.keepalive if self.keepalive else "",
            f"user_timeout {self.user_timeout}" if self.user_timeout else "",
            f"syncnt {self.syncnt}" if self.syncnt else "") if x)

    def set(self, peer):
        if self.keepalive:
            peer.keepalive(*self.keepalive)
        if self.user_timeout:
            peer.user_timeout(self.user_timeout)
        if self.syncnt:
            peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, self.syncnt)

    def flags(self):
        if self.keepalive:
            idle, interval, count = self.keepalive
            yield from ("--keep-idle", f"{idle}s", "--keep-interval", f"{interval}s",
                        "--keep-count", str(count))
        if self.user_timeout:
            yield from ("--user-timeout", f"{self.user_timeout:g}s")
        if self.syncnt:
            yield from ("--syn-retries", str(self.syncnt))


ROWS = [
    # Data in flight.
    Row("loss", "sending", "hasty", by="retries"),
    Row("loss", "sending", "three", by="retries"),
    Row("loss", "sending", "short", by="retries"),
    Row("loss", "sending", user_timeout=1, by="user_timeout"),
    Row("loss", "sending", user_timeout=4, by="user_timeout"),
    Row("loss", "sending", "three", keepalive=(1, 1, 1), by="retries"),  # keepalive is silent
    Row("loss", "sending", keepalive=(1, 1, 1), user_timeout=5, by="user_timeout"),
    Row("boot", "sending", by="retransmission"),
    Row("boot", "sending", "hasty", by="retries"),  # given up before
    Row("cut", "sending", by="retransmission"),
    Row("cut", "sending", user_timeout=1, by="user_timeout"),
    Row("crash", "sending", by="rst"),
    # Nothing in flight.
    Row("loss", "idle"),
    Row("loss", "idle", user_timeout=2),  # acts on data only
    Row("loss", "idle", keepalive=(1, 1, 2), by="keepalive"),
    Row("loss", "idle", keepalive=(2, 1, 3), by="keepalive"),
    Row("loss", "idle", keepalive=(1, 1, 9), user_timeout=3, by="keepalive_and_user_timeout"),
    Row("loss", "idle", keepalive=(3, 3, 9), user_timeout=4, by="keepalive_and_user_timeout"),
    Row("loss", "idle", keepalive=(1, 1, 2), user_timeout=6, by="keepalive_and_user_timeout"),
    Row("loss", "waiting", keepalive=(2, 2, 1), by="keepalive"),
    Row("loss", "waiting"),
    Row("boot", "idle"),
    Row("boot", "idle", keepalive=(1, 1, 9), by="probe"),
    Row("boot", "idle", keepalive=(1, 1, 9), user_timeout=1, by="keepalive_and_user_timeout"),
    Row("cut", "idle", keepalive=(1, 1, 9), by="probe"),
    Row("hang", "idle", keepalive=(1, 1, 1)),
    Row("hang", "waiting", keepalive=(1, 1, 1), user_timeout=1),
    Row("crash", "idle", by="fin"),
    Row("reset", "waiting", by="rst"),
    Row("nat-drop", "idle", keepalive=(2, 1, 2), by="keepalive"),
    Row("nat-rst", "idle", keepalive=(3, 1, 2), by="probe"),
    Row("nat-both", "idle", by="rst"),
    Row("nat-both", "idle", keepalive=(1, 1, 2)),  # it is reminded in time
    # Connecting.
    Row("loss", "connecting", "hasty", by="syn_retries"),
    Row("loss", "connecting", "three", by="syn_retries"),
    Row("loss", "connecting", "short", by="syn_retries"),
    Row("loss", "connecting", syncnt=2, by="syn_retries"),
    Row("loss", "connecting", user_timeout=2.5, by="user_timeout"),
    Row("loss", "connecting", user_timeout=30, syncnt=1, by="syn_retries"),  # the count: 7 s
    Row("boot", "connecting", by="syn"),
    Row("cut", "connecting", by="syn"),
    Row("hang", "connecting", by="syn"),
    Row("crash", "connecting", by="rst"),
    # The window is closed.
    Row("loss", "blocked", "three", by="window_probes"),
    Row("loss", "blocked", user_timeout=4, by="user_timeout"),
    Row("hang", "blocked"),
    Row("hang", "blocked", keepalive=(1, 1, 1)),
    Row("hang", "blocked", user_timeout=3, by="user_timeout"),  # a healthy slow reader
]


def run(*flags, machine=None, wrapper=(), binary=BINARY):
    command = [*wrapper, binary, "predict", *map(str, flags)]
    with machine.inside() if machine else nullcontext():
        return subprocess.run(command, capture_output=True, text=True, timeout=20 * PATIENCE)


def ask(*flags, fails=False, **kw):
    """deadpeer predict --json, on that machine; or what it complains of."""
    done = run("--json", *flags, **kw)
    if fails:
        assert done.returncode == 2 and done.stdout == "", done
        return done.stderr
    assert done.returncode == 0 and done.stderr == "", done
    return json.loads(done.stdout)


def people_read(*flags, **kw):
    done = run(*flags, **kw)
    assert done.returncode == 0 and done.stderr == "", done
    return done.stdout


def readable_copy(world):
    """The program, where any user may run it."""
    place = tempfile.mkdtemp(prefix="deadpeer-predict-")
    os.chmod(place, 0o755)
    world.keep(closing(lambda: shutil.rmtree(place)))
    return shutil.copy(BINARY, place)


class closing:
    def __init__(self, close):
        self.close = close


def last_heard_ns(sock):
    """When the last segment came from the peer, by the kernel's clock."""
    b = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 232).ljust(232, b"\0")
    data, ack = (int.from_bytes(b[at:at + 4], sys.byteorder) for at in (52, 56))
    return time.monotonic_ns() - min(data, ack) * 10**6


def rto_us(sock):
    b = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 232)
    return int.from_bytes(b[8:12], sys.byteorder)


@dataclass
class Trial:
    """A row being measured."""
    row: Row
    machine: lab.Machine
    peer: Peer = None
    far: Peer = None
    zero_ns: int = 0     # what the prediction counts from
    flags: list = field(default_factory=list)
    closed_ns: int = 0

    @property
    def death(self):
        return DEATHS[self.row.proxy][0]

    def fill(self, still=1, seconds=20):
        """Until the peer's window is closed, everything sent is acknowledged, and it stays so:
        what is behind the peer takes its time to fill."""
        self.peer.sock.setblocking(False)
        deadline, acked = time.monotonic() + seconds, -1
        while time.monotonic() < deadline:
            try:
                self.peer.sock.send(bytes(1 << 16))
            except BlockingIOError:
                pass
            info = self.peer.info
            if info.bytes_acked != acked or info.snd_wnd or info.unacked:
                acked, self.closed_ns = info.bytes_acked, time.monotonic_ns()
            elif time.monotonic_ns() - self.closed_ns > still * 1e9:
                return
            time.sleep(0.002)
        raise AssertionError(f"{self.row}: the window did not close")

    def strike(self, world, fired):
        """The death has just happened; the peer does what it does."""
        row, self.zero_ns = self.row, fired
        if row.when == "connecting":
            self.zero_ns = time.monotonic_ns()
            with self.machine.inside():
                sock = socket.socket(world.family)
            row_peer = Peer(sock, str(row), connecting=True)
            row.set(row_peer)
            sock.setblocking(False)
            sock.connect_ex(world.at(self.machine, row.proxy))
            self.peer = world.keep(row_peer)
            return
        if row.when == "sending":
            self.flags += ["--rto", f"{rto_us(self.peer.sock)}us"]
            self.zero_ns = time.monotonic_ns()
            self.peer._write()
        elif row.when == "blocked":
            self.flags += ["--rto", f"{rto_us(self.peer.sock)}us",
                           "--blocked-for", f"{max(fired - self.closed_ns, 0)}ns"]
        elif self.death == "idle_timeout":
            self.zero_ns = last_heard_ns(self.peer.sock)
        else:
            self.flags += ["--idle-for", f"{max(fired - last_heard_ns(self.peer.sock), 0)}ns"]

    def shift(self, fired):
        """What comes of the death at a fixed time, as seen from zero."""
        late = (self.zero_ns - fired) / 1e9 if self.row.when in ("sending", "connecting") else 0
        names = {"boot": ["--back-after", 2.2], "cut": ["--heal-after", 2.5]}
        if self.row.proxy in names:
            name, at = names[self.row.proxy]
            return [name, f"{max(at - late, 0.001):.6f}s"]
        return []

    def predict(self, fired):
        result = ask("--death", self.death, "--when", self.row.when, *self.row.flags(),
                     *DEATHS[self.row.proxy][2], *self.shift(fired), *self.flags,
                     machine=self.machine)
        return result["subjects"][0]["predictions"][0]

    def measured(self, p):
        """(what the kernel said, after so many seconds)."""
        words = [w for w in self.peer.history if w[0] != "EOF" or p["by"] == "fin"]
        if words:
            return words[0][0], (words[0][1] - self.zero_ns) / 1e9
        if p["outcome"] == "carries_on" and Info.of(self.peer.sock).unacked == 0:
            return "acked", (last_heard_ns(self.peer.sock) - self.zero_ns) / 1e9
        return "nothing", 0

    def mistake(self, fired):
        """(None or what is wrong, a line for the report)."""
        p = self.predict(fired)
        said, after = self.measured(p)
        expected = {"noticed": p["errno"] or "EOF", "connected": "accepted",
                    "carries_on": "acked"}.get(p["outcome"], "nothing")
        line = (f"{str(self.row):62} {expected:12} {said:12} {after:7.3f} in "
                f"{p['low_s'] or 0:.3f} to {p['high_s'] or 0:.3f} by {p['by']}")
        if p["by"] != (self.row.by or "nothing"):
            return f"decided by {p['by']}", line
        if said != expected and not (self.row.proxy == "crash" and said in (
                "EPIPE", "ECONNRESET")):
            return f"says {said}", line
        if self.row.proxy == "cut" and self.row.when == "idle":
            return None, line  # its own probes go on: when it was answered first is not told
        if said != "nothing" and not p["low_s"] - EARLY <= after <= p["high_s"] + LATE:
            return "outside the range", line
        if said == "nothing" and self.peer.state not in ("ESTABLISHED",):
            return f"is in {self.peer.state}", line
        return None, line


class Stage:
    """The machines, one deadpeer with a proxy for each death, and a connection for each row."""

    def __init__(self, world):
        self.world, self.family, self.keep = world, world.family, world.keep
        self.machines = {}
        for number, (name, sysctls) in enumerate(MACHINES.items(), 1):
            machine = self.machines[name] = world.keep(world.lab.add_client(number))
            if "tcp_rto_max_ms" in sysctls and not self.has_rto_max(machine):
                del self.machines[name]
                continue
            machine.sysctl(**sysctls)
        self.servers = {name: world.add_server() for name in DEATHS}
        any_address = "[::]:0" if world.variant.family == "v6" else "0.0.0.0:0"
        self.deadpeer = world.serve(sections={
            f"proxy {name}": {"listen": any_address, "upstream": self.servers[name].text}
            for name in DEATHS})
        self.trials = [Trial(row, self.machines[row.machine]) for row in ROWS
                       if row.machine in self.machines]

    def has_rto_max(self, machine):
        with machine.inside():
            return os.path.exists("/proc/sys/net/ipv4/tcp_rto_max_ms")

    def at(self, machine, name):
        port = self.deadpeer.address(name)[1]
        return machine.far_addr[self.world.variant.family], port

    def connect(self):
        for t in self.trials:
            if t.row.when == "connecting":
                continue
            t.peer = self.keep(connect(t.machine, self.family, self.at(t.machine, t.row.proxy),
                                       name=str(t.row)))
            t.far = self.keep(self.servers[t.row.proxy].accept())
            t.peer.exchange(t.far)
            t.row.set(t.peer)
        with ThreadPoolExecutor() as pool:
            list(pool.map(Trial.fill, [t for t in self.trials if t.row.when == "blocked"]))
        for t in self.trials:
            if t.row.when == "waiting" or t.row.proxy.startswith("nat"):
                t.peer.exchange(t.far)

    def play(self):
        over = [str(t.row) for t in self.trials if t.peer and t.peer.state != "ESTABLISHED"]
        assert not over, f"over before the death: {over}"
        self.deadpeer.change({f"fault {name}": {**keys, "proxy": name}
                              for name, (_, keys, _) in DEATHS.items()})
        fired = {}
        for name in DEATHS:
            if name.startswith("nat"):
                fired[name] = time.monotonic_ns()
            else:
                fired[name] = self.deadpeer.wait_event("fault.fired", fault=name,
                                                       session=None)["mono_ns"]
        for t in self.trials:
            t.strike(self, fired[t.row.proxy])
        observe(*(t.peer for t in self.trials), seconds=WATCH)
        return fired


@namespaces
@only([Variant("v4", "splice", "nobody"), Variant("v6", "copy", "exact")])
def test_every_row_is_inside_its_range(world):
    stage = Stage(world)
    stage.connect()
    fired = stage.play()
    results = [t.mistake(fired[t.row.proxy]) for t in stage.trials]
    assert len(results) >= 40
    report = "\n".join(f"{mistake or 'right':20} {line}" for mistake, line in results)
    print(report)
    assert not any(mistake for mistake, _ in results), report


# ---- what a running process has set ----

APP = """
import socket, sys, time
address, options = eval(sys.argv[1]), eval(sys.argv[2])
sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
for level, option, value in options:
    sock.setsockopt(level, option, value)
sock.connect(address)
print("connected", flush=True)
sys.stdin.read()
"""
TCP = socket.IPPROTO_TCP
KEEPALIVE = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), (TCP, socket.TCP_KEEPIDLE, 15),
             (TCP, socket.TCP_KEEPINTVL, 16), (TCP, socket.TCP_KEEPCNT, 7)]
EVERYTHING = [*KEEPALIVE, (TCP, TCP_USER_TIMEOUT, 20500), (TCP, socket.TCP_SYNCNT, 3)]


class App:
    """Another process, as nobody, with one connection to the server from the client's machine."""

    def __init__(self, world, options, drop=True):
        self.server = world.server
        command = PRIVILEGES["nobody" if drop else "exact"].command()
        with world.lab.client.inside():
            self.process = subprocess.Popen(
                [*command, sys.executable, "-c", APP, repr((world.server.host, world.server.port)),
                 repr(options)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "connected\n"
        self.far = world.server.accept()

    @property
    def pid(self):
        return self.process.pid

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.far.close()


@pytest.fixture
def lan(variant):
    """A client and a server on one cable, no deadpeer: the server is on the host's machine."""
    if variant.family == "v6" and not os.path.exists("/proc/net/if_inet6"):
        pytest.skip("v6: this kernel has no IPv6")
    world = World(variant)
    world.server = world.keep(Server(world.lab.host, variant.family))
    yield world
    world.close()


BOTH = variants(relays=("splice",), privileges=("nobody",))


@namespaces
@BOTH
def test_pid_tells_what_a_process_has_set(lan):
    app = lan.keep(App(lan, EVERYTHING))
    lan.lab.client.sysctl(tcp_retries2=7)
    # Asked from another network namespace: it goes there, for the sysctls, too.
    [subject] = ask("--pid", app.pid)["subjects"]
    connection, settings = subject["connection"], subject["settings"]
    assert connection["pid"] == app.pid and connection["peer"] == lan.server.text
    assert (connection["state"], connection["now"]) == ("ESTABLISHED", "idle")
    assert connection["timer"] == "keepalive" and 10 < connection["timer_s"] <= 15.5
    assert connection["options_error"] is None and settings["told"]
    assert (settings["keepalive"], settings["keep_idle_s"], settings["keep_interval_s"],
            settings["keep_count"]) == (True, 15, 16, 7)
    assert (settings["user_timeout_s"], settings["syn_retries"], settings["retries2"]) == (
        20.5, 3, 7)
    assert 0.2 <= settings["rto_s"] < 0.4 and 0 < settings["rtt_s"] < 0.1
    by = {p["when"]: p["by"] for p in subject["predictions"]}
    assert by == {"idle": "keepalive_and_user_timeout", "waiting": "keepalive_and_user_timeout",
                  "sending": "user_timeout", "blocked": "user_timeout",
                  "connecting": "syn_retries"}, "3 SYNs more are over after 19 s"
    idle = next(p for p in subject["predictions"] if p["when"] == "idle")
    assert "one lost probe" in idle["advice"]
    assert app.far.state == "ESTABLISHED", "looking disturbs nothing"
    # Flags win.
    [subject] = ask("--pid", app.pid, "--user-timeout", "0", "--keepalive", "off")["subjects"]
    assert not subject["settings"]["keepalive"] and subject["settings"]["user_timeout_s"] is None
    assert subject["predictions"][0]["outcome"] == "never"


@namespaces
@BOTH
def test_connect_tells_what_is_in_flight(lan):
    app = lan.keep(App(lan, []))
    app.far.deaf()
    app.process.stdin.close()  # it exits: FIN, which nobody acknowledges; the socket is nobody's
    app.process.wait()
    result = ask("--connect", lan.server.text, machine=lan.lab.client)
    [subject] = result["subjects"]
    assert subject["connection"]["pid"] == 0 and subject["connection"]["state"] == "FIN_WAIT1"
    assert subject["connection"]["timer"] == "retransmit"
    assert not subject["settings"]["told"]
    app.process.stdin = open(os.devnull, "w")


@namespaces
@BOTH
def test_connect_finds_whose_connections_they_are(lan):
    one, other = (lan.keep(App(lan, options)) for options in (KEEPALIVE, []))
    subjects = ask("--connect", lan.server.text, machine=lan.lab.client)["subjects"]
    told = {s["connection"]["pid"]: s["settings"]["keepalive"] for s in subjects}
    assert told == {one.pid: True, other.pid: False}
    subjects = ask("--pid", one.pid, other.pid)["subjects"]
    assert [s["connection"]["pid"] for s in subjects] == [one.pid, other.pid]
    [subject] = ask("--pid", one.pid, "--connect", lan.server.text)["subjects"]
    assert subject["connection"]["pid"] == one.pid


@namespaces
@BOTH
def test_who_may_not_look_is_told_so(lan, tmp_path):
    """Another user's process: the kernel tells its timers to anybody, its options to nobody."""
    if lab.MODE != "root":
        pytest.skip("there is no other user to be")
    app = lan.keep(App(lan, EVERYTHING, drop=False))
    binary = readable_copy(lan)
    nobody = PRIVILEGES["nobody"].command()
    [subject] = ask("--connect", lan.server.text, machine=lan.lab.client, wrapper=nobody,
                    binary=binary)["subjects"]
    assert subject["connection"]["timer"] == "keepalive" and subject["connection"]["pid"] == 0
    assert subject["settings"]["keepalive"] and not subject["settings"]["told"]
    assert subject["settings"]["user_timeout_s"] is None
    complaint = ask("--pid", app.pid, wrapper=nobody, binary=binary, fails=True)
    assert "another user's" in complaint and "sudo" in complaint
    people = people_read("--connect", lan.server.text, machine=lan.lab.client, wrapper=nobody,
                         binary=binary)
    assert "not told by the kernel" in people


@namespaces
@BOTH
def test_what_is_not_there_is_told_so(lan):
    for flags, said in (
            (["--pid", "4194304"], "no such process"),
            (["--pid", "my-app"], "pidof"),
            (["--pid", os.getppid(), "--connect", "192.0.2.1:1"], "no such connection"),
            (["--connect", "192.0.2.1:1"], "no such connection"),
            (["--connect", ":80"], "address and port"),
            (["--os", "windows", "--pid", "1"], "runs Linux"),
            (["--os", "macos", "--user-timeout", "5s"], "does not have"),
            (["--death", "powerloss"], 'did you mean "power_loss"'),
            (["--when", ""], "there is no"),
            (["--rto-max", "10ms"], "from 1s to 2m"),
            (["--keep-count", "128"], "from 1 to 127"),
            (["extra"], "unexpected 'extra'")):
        assert said in ask(*flags, fails=True), flags


def test_people_get_a_table_without_color_in_a_pipe():
    text = people_read("--os", "linux", "--schedule", "--death", "power_loss", "--when", "sending")
    assert "\033" not in text and "defaults of linux" in text
    rows = re.findall(r"^ +(\d+) +\S+ +([\d.]+) s", text, re.M)
    assert len(rows) == 15 and rows[-1] == ("15", "804.6")
    assert "15 min 25 s to 15 min 48 s" in text and "ETIMEDOUT" in text
    assert "(estimates)" in people_read("--os", "macos")


# ---- nothing made small ----

@pytest.mark.long
@pytest.mark.timeout(1200)
@namespaces
@BOTH
def test_defaults(lan):
    """The 924.6 s of the model, and 131 s of SYNs, with a cut alone: the far end is deaf."""
    lan.lab.client.sysctl(tcp_retries2=15, tcp_syn_retries=6, tcp_syn_linear_timeouts=4)
    address = lan.server.host, lan.server.port
    sender = lan.keep(connect(lan.lab.client, lan.family, address))
    far = lan.keep(lan.server.accept())
    sender.exchange(far)
    rto = rto_us(sender.sock)
    far.deaf()
    deafen(lan.server.sock)
    newcomer = lan.keep(start_connect(lan.lab.client, lan.family, address))
    begin = time.monotonic_ns()
    sender.send(b"?")
    observe(sender, newcomer, seconds=1080, until_settled=True)
    for peer, when in (sender, "sending"), (newcomer, "connecting"):
        [p] = ask("--death", "power_loss", "--when", when, "--rto", f"{rto}us",
                  machine=lan.lab.client)["subjects"][0]["predictions"]
        after = (peer.history[-1][1] - begin) / 1e9
        print(f"{when}: {after:.3f} s in {p['low_s']:.3f} to {p['high_s']:.3f}")
        assert peer.words == ("ETIMEDOUT",) and p["errno"] == "ETIMEDOUT"
        assert p["low_s"] - EARLY <= after <= p["high_s"] + LATE
