"""deadpeer as a process on loopback, its configuration written again while it runs, its timeline read.

    d = Deadpeer(tmp_path, {"proxy": redis.address}).start()
    d.arm("power_loss", duration="2s")           # writes the file, SIGHUP, waits for fault.fired
    d.lift()
    d.stop()
"""
import json
import os
import re
import signal
import subprocess
import time

BINARY = os.path.abspath(os.environ.get("DEADPEER", "./deadpeer"))


def wait_until(condition, seconds, what):
    """The first true value of condition(), looked at every 5 ms."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.005)


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read()
    except FileNotFoundError:
        return ""


def manual_events():
    """{event: (fields that are always there, fields that may be)} as deadpeer(1) lists them."""
    manual = os.path.join(os.path.dirname(__file__), "../../man/deadpeer.1")
    known = {}
    for name, fields in re.findall(r"^\.It Em ([a-z.]+)\n([^:]*):", read(manual), re.M):
        every = re.split(r",\s*", fields.strip())
        known[name] = ({f for f in every if not f.endswith("?")},
                       {f[:-1] for f in every if f.endswith("?")})
    return known


class Deadpeer:
    """upstreams: {proxy name: "ADDR:PORT"}."""

    def __init__(self, folder, upstreams):
        self.folder = str(folder)
        self.upstreams = upstreams
        self.faults = {}
        self.process = None
        self.seen = []
        self.read_to = 0

    def path(self, name):
        return os.path.join(self.folder, name)

    def _write(self):
        lines = ["[deadpeer]", f"events = {self.path('events')}", f"ports_file = {self.path('ports')}",
                 "log_level = debug", "seed = 1", "admin = off"]
        for name, upstream in self.upstreams.items():
            lines += [f"[proxy {name}]", "listen = 127.0.0.1:0", f"upstream = {upstream}"]
        for name, keys in self.faults.items():
            lines += [f"[fault {name}]", *(f"{key} = {value}" for key, value in keys.items())]
        with open(self.path("new"), "w", encoding="utf-8") as f:
            f.write("\n".join(lines) + "\n")
        os.rename(self.path("new"), self.path("deadpeer.ini"))

    def start(self):
        self._write()
        with open(self.path("log"), "wb") as log, open(self.path("out"), "wb") as out:
            self.process = subprocess.Popen([BINARY, "serve", "-c", self.path("deadpeer.ini")],
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=log)
        wait_until(lambda: os.path.exists(self.path("ports")) or self.process.poll() is not None,
                   10, "the ports file")
        assert self.process.poll() is None, read(self.path("log"))
        return self

    def stop(self):
        """SIGTERM must end it well. What it logged is printed: pytest shows it when a test failed."""
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        print(read(self.path("deadpeer.ini")), read(self.path("log"))[-8000:], sep="\n")
        assert status == 0, f"deadpeer ended with {status}"
        return self.not_in_manual()

    def not_in_manual(self):
        """What the timeline says and deadpeer(1) does not."""
        self.events("")
        known, wrong = manual_events(), set()
        for event in self.seen:
            told = set(event) - {"seq", "mono_ns", "wall", "event"}
            always, sometimes = known.get(event["event"], (set(), set()))
            for field in told - always - sometimes | always - told:
                wrong.add(f"{event['event']}: {field}")
        return sorted(wrong)

    def port(self, name="proxy"):
        lines = dict(line.split("=", 1) for line in read(self.path("ports")).splitlines())
        return int(lines[name].rsplit(":", 1)[1])

    def events(self, event, **match):
        """So far, in order: those of this name whose fields are as told."""
        with open(self.path("events"), "rb") as f:
            f.seek(self.read_to)
            whole = f.read().rpartition(b"\n")
        self.read_to += len(whole[0]) + len(whole[1])
        self.seen += [json.loads(line) for line in whole[0].splitlines()]
        return [e for e in self.seen if e["event"] == event and
                all(e.get(key) == value for key, value in match.items())]

    def wait(self, event, seconds=10, nth=1, **match):
        """The nth such event."""
        def found():
            every = self.events(event, **match)
            return every[nth - 1] if len(every) >= nth else None
        return wait_until(found, seconds, f"{event} {match}")

    def _reload(self):
        before = len(self.events("config.reloaded"))
        self._write()
        self.process.send_signal(signal.SIGHUP)
        self.wait("config.reloaded", nth=before + 1)

    def prepare(self, kind, name="f", **keys):
        """Arms a fault that fires by a trigger of its own."""
        self.faults[name] = {"type": kind, "proxy": "*", **keys}
        self._reload()

    def arm(self, kind, name="f", **keys):
        """Arms a fault and waits until it has fired; the event."""
        nth = len(self.events("fault.fired", fault=name)) + 1
        self.prepare(kind, name, **keys)
        return self.wait("fault.fired", fault=name, nth=nth)

    def lift(self, name="f"):
        """Takes the fault out of the file and waits until it is lifted; the event."""
        nth = len(self.events("fault.lifted", fault=name)) + 1
        del self.faults[name]
        self._reload()
        return self.wait("fault.lifted", fault=name, nth=nth)

    def sessions(self):
        """How many there have been."""
        return len(self.events("session.opened"))


def since(event):
    """Seconds from an event until now."""
    return (time.monotonic_ns() - event["mono_ns"]) / 1e9
