"""deadpeer itself, as a process on a machine of the lab.

The configuration file is written from Python dictionaries; faults are armed and lifted while it
runs as a user would: by writing the file again and sending SIGHUP.
"""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass

import lab
from peer import wait_until

BINARY = os.path.abspath(os.environ.get("DEADPEER", "./deadpeer"))
NOBODY = 65534
SANITIZED = bool(os.environ.get("SANITIZER"))  # make SANITIZER=...: slow, and not thrifty
PATIENCE = 10 if SANITIZED else 1


@dataclass(frozen=True)
class Privilege:
    """Who runs it, and what may be expected of it."""
    name: str
    rung: str
    grade: str
    drop: bool  # run without any capability
    keep: str = ""  # but this one

    def command(self):
        if not self.drop or lab.LOOPBACK:
            return []
        kept = f",+{self.keep}" if self.keep else ""
        if lab.MODE == "root":
            return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                    f"--inh-caps=-all{kept}", f"--ambient-caps=-all{kept}"]
        # One uid only is mapped in an unprivileged user namespace: no other user to become.
        return ["setpriv", f"--bounding-set=-all{kept}", f"--inh-caps=-all{kept}",
                f"--ambient-caps=-all{kept}"]


PRIVILEGES = {
    "exact": Privilege("exact", "best", "exact", False),
    "equivalent": Privilege("equivalent", "equivalent", "equivalent", False),
    "partial": Privilege("partial", "partial", "partial", False),
    "nobody": Privilege("nobody", "best", "equivalent", True),
    "raw": Privilege("raw", "best", "equivalent", True, "net_raw"),
}


def ini(sections):
    """Text of a configuration: {"proxy NAME": {key: value}}."""
    return "\n".join(
        f"[{name}]\n" + "".join(f"{k} = {v}\n" for k, v in keys.items() if v is not None)
        for name, keys in sections.items())


class Deadpeer:
    def __init__(self, machine, sections, privilege="nobody", splice="auto", wrapper=(),
                 arguments=(), settings=None):
        self.privilege = PRIVILEGES[privilege]
        self.machine = machine
        self.dir = workdir(self.privilege)
        self.path = lambda name: os.path.join(self.dir, name)
        self.sections = {"deadpeer": {
            "events": self.path("events"), "ports_file": self.path("ports"),
            "log_level": "debug", "splice": splice, "rung": self.privilege.rung, "seed": 7,
            "admin": "off",
            **(settings or {})}, **sections}
        self.wrapper, self.arguments = list(wrapper), list(arguments)
        self.process = None
        self._events, self._read = [], 0

    def start(self, ready=True):
        self._write_config()
        command = [*self.privilege.command(), *self.wrapper, BINARY, "serve", "-c",
                   self.path("conf"), *self.arguments]
        with self.machine.inside(), open(self.path("log"), "ab") as log, \
                open(self.path("out"), "ab") as out:
            self.process = subprocess.Popen(
                command, stdout=out, stderr=log, stdin=subprocess.DEVNULL, cwd=self.dir,
                env={**os.environ, "HOME": self.dir, "TMPDIR": self.dir})
        if ready:
            wait_until(lambda: "ready" in self.output().splitlines()
                       or self.process.poll() is not None, 10, "ready")
            assert self.process.poll() is None, f"ended at once: {self.log()}"
        return self

    def _write_config(self):
        with open(self.path("conf.new"), "w") as f:
            f.write(ini(self.sections))
        os.chmod(self.path("conf.new"), 0o644)
        os.rename(self.path("conf.new"), self.path("conf"))

    def output(self):
        return _slurp(self.path("out"))

    def log(self):
        return _slurp(self.path("log"))

    @property
    def pid(self):
        return self.process.pid

    def ports(self):
        return dict(line.rsplit("=", 1) for line in _slurp(self.path("ports")).splitlines())

    def address(self, name="proxy"):
        """(host, port) as connect(2) wants it."""
        host, port = self.ports()[name].rsplit(":", 1)
        return host.strip("[]"), int(port)

    # The timeline.

    def events(self, event=None, **match):
        """Those of one name whose fields are as told, in order."""
        text = _slurp(self.path("events"), self._read)
        whole = text[:text.rfind("\n") + 1]
        self._read += len(whole.encode())
        self._events += [json.loads(line) for line in whole.splitlines()]
        return [e for e in self._events if (event is None or e["event"] == event)
                and all(e.get(k) == v for k, v in match.items())]

    def wait_event(self, event, timeout=5, nth=1, after=0, **match):
        """The nth such event (after that monotonic ns); fails when it does not come in time."""
        def found():
            events = [e for e in self.events(event, **match) if e["mono_ns"] > after]
            return events[nth - 1] if len(events) >= nth else None
        return wait_until(found, timeout, f"event {event} {match or ''}")

    def open_files(self, kind):
        """How many of its descriptors are "pipe:", "socket:" ..."""
        count, folder = 0, f"/proc/{self.pid}/fd"
        for n in os.listdir(folder):
            try:
                count += os.readlink(f"{folder}/{n}").startswith(kind)
            except FileNotFoundError:  # closed meanwhile
                pass
        return count

    # Live changes.

    def change(self, sections, expect="config.reloaded"):
        for name, keys in sections.items():
            if keys is None:
                self.sections.pop(name)
            else:
                self.sections[name] = keys
        return self.reload(expect)

    def reload(self, expect="config.reloaded"):
        before = time.monotonic_ns()
        self._write_config()
        self.process.send_signal(signal.SIGHUP)
        return self.wait_event(expect, after=before)

    def strike(self, type, name="f", **keys):
        """Arms a fault now and waits for it to strike; the event fault.fired."""
        before = time.monotonic_ns()
        keys = {"proxy": "*", **keys} if "host" not in keys else keys
        self.change({f"fault {name}": {"type": type, **keys}})
        return self.wait_event("fault.fired", after=before, fault=name, session=None)

    def lift(self, name="f"):
        before = time.monotonic_ns()
        self.change({f"fault {name}": None})
        return self.wait_event("fault.lifted", after=before, fault=name)

    # The end.

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=10):
        return self.process.wait(timeout)

    def stop(self):
        """Kills it, if it still runs, and says whether something had gone wrong with it."""
        process, self.process = self.process, None
        if process and process.poll() is None:
            process.kill()
            process.wait()
            return self.complaint()
        return bool(process) and process.returncode < 0 or self.complaint()

    def complaint(self):
        """Did a sanitizer find something?"""
        return "Sanitizer" in self.log() or "runtime error:" in self.log()

    def remove(self):
        shutil.rmtree(self.dir, ignore_errors=True)


def workdir(privilege):
    """A folder that whoever runs deadpeer can write to."""
    path = tempfile.mkdtemp(prefix="deadpeer-")
    os.chmod(path, 0o755)
    if privilege.drop and lab.MODE == "root":
        os.chown(path, NOBODY, NOBODY)
    return path


def _slurp(path, offset=0):
    try:
        with open(path, "rb") as f:
            f.seek(offset)
            return f.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
