"""The processes of a run: the far end's server, the relays, the load. Each is started pinned to
its core, dies with this script whatever ends it, and is ended by its pid."""

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import socket
import subprocess
import time

from works import SESSIONS

START_SECONDS = 10
STOP_SECONDS = 10
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)

HAPROXY = """\
global
    nbthread 1
    maxconn {sessions}
    maxpipes 100
{tuning}
defaults
    mode tcp
    timeout connect 10s
    timeout client 300s
    timeout server 300s
    maxconn {sessions}
{options}
listen bench
    bind fd@{fd}
{rules}
    server far 127.0.0.1:{upstream}
"""


class Failed(Exception):
    """A relay failed or the bytes were wrong: what the run has to report."""


def cores():
    """The core for the relay and the core for the load (the same one if there is only one)."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


def machine_seconds():
    """CPU time that the whole machine has used, by /proc/stat: user nice system - - irq softirq."""
    with open("/proc/stat", encoding="ascii") as stat:
        ticks = [int(field) for field in stat.readline().split()[1:]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def own_seconds():
    """CPU time of this script and of the children that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


@contextlib.contextmanager
def going_first():
    """What is started meanwhile goes before everything else on this machine (SCHED_FIFO), throttling
    apart (sched(7)). PermissionError: not allowed."""
    os.sched_setscheduler(0, os.SCHED_FIFO,
                          os.sched_param(os.sched_get_priority_min(os.SCHED_FIFO)))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


class Bystanders:
    """How much of the machine others used meanwhile: figures from a busy machine are rough."""

    def __init__(self):
        self.begin = time.monotonic(), machine_seconds(), own_seconds()

    def share(self):
        wall, machine, own = (now - then for now, then in zip(
            (time.monotonic(), machine_seconds(), own_seconds()), self.begin))
        return max(0.0, machine - own) / (wall * os.cpu_count())


def start(command, core, **options):
    def prepare():
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.sched_setaffinity(0, {core})

    return subprocess.Popen(command, preexec_fn=prepare, **options)


def read_line(process, what):
    """One line of the process' stdout, or Failed after START_SECONDS."""
    line, until = b"", time.monotonic() + START_SECONDS
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([process.stdout], [], [], max(0, until - time.monotonic()))
        byte = os.read(process.stdout.fileno(), 1) if ready else b""
        if not byte:
            raise Failed(f"{what} did not come up")
        line += byte
    return line.decode().strip()


class Server:
    """The far end: echo and sink on a port of the kernel's choice; ends with its stdin."""

    def __init__(self, loadgen, core):
        self.process = start([loadgen, "serve"], core, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE)
        self.port = int(read_line(self.process, "the load's server"))

    def stop(self):
        self.process.stdin.close()
        self.process.stdout.close()
        if self.process.wait(STOP_SECONDS) != 0:
            raise Failed(f"the load's server ended with status {self.process.returncode}")


class Relay:
    """A running relay: .port to connect to, .pid to measure."""

    process = None
    port = None

    @property
    def pid(self):
        return self.process.pid

    def stop(self):
        if self.process.poll() is not None:
            raise Failed(f"the relay ended by itself: status {self.process.returncode}")
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failed(f"the relay did not end within {STOP_SECONDS} s of SIGTERM") from None
        if self.process.stdout:
            self.process.stdout.close()


class Deadpeer(Relay):
    """faults: each as `deadpeer serve --fault` takes it; settings: further flags."""

    def __init__(self, binary, upstream, core, scratch, faults=(), settings=()):
        command = [binary, "serve", "--listen", "127.0.0.1:0",
                   "--upstream", f"127.0.0.1:{upstream}", "--log-level", "warn", "--admin", "off",
                   "--ports-file", os.path.join(scratch, "ports"), "--drain-timeout", "1s",
                   *settings]
        for fault in faults:
            command += ["--fault", fault]
        self.process = start(command, core, stdout=subprocess.PIPE)
        while read_line(self.process, "deadpeer") != "ready":
            pass
        with open(os.path.join(scratch, "ports"), encoding="ascii") as ports:
            self.port = int(ports.read().rsplit(":", 1)[1])


class Haproxy(Relay):
    """It inherits its listening socket, bound to a port that nobody else can take meanwhile."""

    def __init__(self, upstream, core, scratch, options="", tuning="", rules=""):
        path = os.path.join(scratch, "haproxy.cfg")
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = listener.getsockname()[1]
            with open(path, "w", encoding="ascii") as config:
                config.write(HAPROXY.format(options=options, tuning=tuning, rules=rules,
                                            upstream=upstream, fd=listener.fileno(),
                                            sessions=SESSIONS + 100))
            self.process = start(["haproxy", "-db", "-q", "-f", path], core,
                                 pass_fds=[listener.fileno()])
            self.wait_until_accepting()

    def wait_until_accepting(self):
        until = time.monotonic() + START_SECONDS
        while self.process.poll() is None and time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except ConnectionRefusedError:
                time.sleep(0.005)
        raise Failed("haproxy did not come up")


def haproxy_limits():
    """Does the haproxy that is installed, if one is, know the filter bwlim (2.7 does)?"""
    try:
        told = subprocess.run(["haproxy", "-vv"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return False
    return "bwlim" in told.stdout


@contextlib.contextmanager
def relayed(loadgen, make_relay, scratch):
    """A server and a relay of its own before it, for as long as the block runs."""
    relay_core, load_core = cores()
    server = Server(loadgen, load_core)
    try:
        relay = make_relay(server.port, relay_core, scratch)
        try:
            yield relay
        finally:
            relay.stop()
    finally:
        server.stop()


def run_load(loadgen, core, kind, port=None, **options):
    """One run of the load: what it measured, or Failed with what went wrong."""
    command = [loadgen, kind]
    if port:
        options["port"] = port
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    load = start(command, core, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = load.communicate()
    if load.returncode != 0:
        raise Failed(f"{kind}: {err.decode().strip() or load.returncode}")
    return json.loads(out)
