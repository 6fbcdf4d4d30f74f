"""Every call answers within a second, whatever state the relay is in."""
import json
import resource
import socket
import threading
import time

import pytest

from api import BINARY, Deadpeer, dial, wait_until
from v1 import V1

SESSIONS = 10000
SECOND = 5.0 if "address" in BINARY else 1.0  # a sanitizer's own time
CALLS = ["/healthz", "/readyz", "/metrics", "/v1/version", "/v1/config", "/v1/hosts", "/v1/proxies",
         "/v1/faults", "/v1/fault-types", "/v1/sessions", "/v1/sessions/1", "/v1/events?limit=10000",
         "/v1/openapi.json", "/v1/time", "/proxies", "/version",
         "/v1/sessions?state=dead&limit=10", "/v1/wait?for=reconnected&timeout=0",
         "/v1/wait?for=recovered&timeout=0&since=0"]


@pytest.fixture
def sessions():
    """How many there can be: both ends of each take a descriptor here, both legs one there."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    n = min(SESSIONS, (hard - 400) // 2)
    if n < 1000:
        pytest.skip(f"this needs thousands of descriptors, the limit is {hard}")
    yield n
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Sink:
    """A server that accepts and says nothing."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.accepted = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                self.accepted.append(self.listener.accept()[0])
            except OSError:
                return

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.drop()

    def drop(self):
        while self.accepted:
            self.accepted.pop().close()


def full_server():
    """Its accept queue is full: SYNs get no answer."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    fillers = []
    for _ in range(4):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(listener.getsockname())
        fillers.append(s)
    return "127.0.0.1:%d" % listener.getsockname()[1], [listener, *fillers]


class Watch:
    """Holds each call to a second by itself. What others had of the CPU meanwhile is not counted:
    the scheduler tells how long server and client have waited for one."""

    def __init__(self, deadpeer):
        self.deadpeer, self.took = deadpeer, {}

    def waited(self):
        total = 0
        for pid in (self.deadpeer.process.pid, "self"):
            with open(f"/proc/{pid}/schedstat", encoding="ascii") as f:
                total += int(f.read().split()[1])
        return total / 1e9

    def call(self, method, path, body=None, expect=(200, 201, 204, 408)):
        began, waited = time.monotonic(), self.waited()
        answer = self.deadpeer.api.call(method, path, body)
        took = time.monotonic() - began - (self.waited() - waited)
        what = f"{method} {path} {json.dumps(body)[:60]}"
        assert answer.status in expect, (what, answer)
        self.took[what] = max(took, self.took.get(what, 0))
        assert took < SECOND, f"{what}: {took:.3f} s"
        return answer

    def get_all(self):
        for path in CALLS:
            self.call("GET", path)


def knock(address, count):
    """Connections from several addresses of loopback: one has too few ports to spare."""
    host, port = address.rsplit(":", 1)
    every = []
    for n in range(count):
        s = socket.socket()
        s.bind((f"127.0.0.{2 + n % 4}", 0))
        s.connect((host, int(port)))
        every.append(s)
    return every


class Crowd:
    """So many clients of proxy p, and a proxy q whose upstream never answers."""

    def __init__(self, v1, size):
        self.v1, self.size = v1, size
        self.sink, self.clients = Sink(), []
        self.made = v1.proxy(upstream=self.sink.address)
        mute, self.holders = full_server()
        silent = v1.proxy("q", upstream=mute, connect_timeout="5m")["listen"]
        self.holders += [dial(silent) for _ in range(20)]

    def total(self, state):
        return self.v1.get("/sessions", proxy="p", state=state, limit=1)["total"]

    def fill(self):
        """All anew, and all have something under way."""
        self.leave()
        wait_until(lambda: self.total("any") == 0, 60)
        self.clients = knock(self.made["listen"], self.size)
        wait_until(lambda: self.total("open") == self.size, 60)

    def shout(self):
        for s in self.clients:
            try:
                s.send(b"anybody?")
            except OSError:
                pass

    def leave(self):
        for s in self.clients:
            s.close()
        self.clients = []
        self.sink.drop()

    def close(self):
        self.leave()
        self.sink.close()
        for s in self.holders:
            s.close()


@pytest.fixture(params=[(), ("--witness", "yes")], ids=["plain", "witness"])
def crowd(tmp_path, sessions, request):
    d = Deadpeer(tmp_path, "--log-level", "warn", *request.param).start()
    try:
        crowd = Crowd(V1(d.api), sessions)
        crowd.watch = Watch(d)
        yield crowd
        print(*(f"{t:.3f} s {what}" for what, t in crowd.watch.took.items()), sep="\n")
        crowd.close()
    finally:
        assert d.stop() == 0


def fault(type_, **more):
    return {"type": type_, "name": "f", "proxy": "p", **more}


@pytest.mark.timeout(300)
def test_with_all_sessions_dead_every_call_answers(crowd):
    w, v1 = crowd.watch, crowd.v1
    crowd.fill()
    w.get_all()
    assert len(v1.get("/sessions")["sessions"]) == 1000
    assert v1.get("/sessions", state="dialing", limit=1)["total"] == 20
    w.call("POST", "/v1/faults", fault("power_loss"))
    wait_until(lambda: crowd.total("dead") == crowd.size, 60)
    crowd.shout()
    w.get_all()
    for how, session in (("rst", 27), ("fin", 28), ("silent", 29)):
        w.call("DELETE", f"/v1/sessions/{session}?how={how}")
    w.call("PATCH", "/v1/faults/f", {"duration": "1h"})
    assert crowd.total("dead") == crowd.size - 2, "it goes on"
    w.call("POST", "/v1/faults", fault("power_loss") | {"name": "g"})
    w.call("DELETE", "/v1/faults/g")
    w.call("POST", "/v1/hosts", {"name": "h"})
    w.call("POST", "/v1/proxies", {"name": "x", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"})
    w.call("PATCH", "/v1/proxies/x", {"upstream": "127.0.0.1:2"})
    w.call("DELETE", "/v1/proxies/x")
    w.call("POST", "/populate", [{"name": "y", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"}])
    w.call("GET", "/v1/config?format=ini")
    w.call("PATCH", "/v1/faults/f", {"side": "both"})
    w.call("DELETE", "/v1/faults/f")
    w.get_all()
    crowd.fill()
    w.call("POST", "/v1/hosts/p/power_off")
    crowd.shout()
    w.call("POST", "/v1/hosts/p/power_on")
    for path in ("/v1/heal", "/reset"):
        crowd.fill()
        for type_ in ("hang", "latency", "power_loss"):
            w.call("POST", "/v1/faults", fault(type_) | {"name": type_})
        crowd.shout()
        w.call("POST", path)


@pytest.mark.timeout(300)
def test_with_all_sessions_open_every_call_answers(crowd):
    w = crowd.watch
    crowd.fill()
    for type_ in ("latency", "stall", "hang", "partition"):
        w.call("POST", "/v1/faults", fault(type_))
        crowd.shout()
        w.get_all()
        w.call("PATCH", "/v1/faults/f", {"toxicity": "50%"})
        w.call("PATCH", "/v1/faults/f", {"toxicity": 1})
        w.call("DELETE", "/v1/faults/f")
    assert crowd.total("open") == crowd.size, "none is lost"
    for type_ in ("process_crash", "reset", "reboot"):
        w.call("POST", "/v1/faults", fault(type_))
        w.call("DELETE", "/v1/faults/f")
        crowd.fill()
    w.call("PATCH", "/v1/proxies/p", {"enabled": False})
    w.call("PATCH", "/v1/proxies/p", {"enabled": True})
    crowd.fill()
    other = {"name": "p", "listen": crowd.made["listen"], "upstream": "127.0.0.1:1"}
    w.call("POST", "/populate", [other])
    w.call("POST", "/populate", [other | {"upstream": crowd.sink.address}])
    crowd.fill()
    w.call("DELETE", "/v1/proxies/p")
    w.get_all()
