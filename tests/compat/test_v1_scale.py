"""Every call answers within a second, whatever state the relay is in."""
import resource
import socket
import threading
import time

import pytest

from api import Deadpeer, dial, wait_until
from v1 import V1

SESSIONS = 10000
CALLS = ["/healthz", "/readyz", "/metrics", "/v1/version", "/v1/config", "/v1/hosts", "/v1/proxies",
         "/v1/faults", "/v1/fault-types", "/v1/sessions", "/v1/sessions/1", "/v1/events?limit=10000",
         "/v1/openapi.json", "/proxies", "/v1/sessions?state=dead&limit=10",
         "/v1/wait?for=reconnected&timeout=0", "/v1/wait?for=recovered&timeout=0&since=0"]


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
        for s in self.accepted:
            s.close()


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


def slowest(v1, calls):
    """The longest that one of these took: (seconds, which)."""
    worst = (0, None)
    for call in calls:
        began = time.monotonic()
        answer = v1.api.get(call)
        worst = max(worst, (time.monotonic() - began, call))
        assert answer.status in (200, 408), (call, answer)
    return worst


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


@pytest.mark.timeout(300)
def test_ten_thousand_dead_sessions_and_a_silent_upstream(tmp_path, sessions):
    d = Deadpeer(tmp_path, "--log-level", "warn").start()
    v1 = V1(d.api)
    sink = Sink()
    made = v1.proxy(upstream=sink.address)
    mute, holders = full_server()
    silent = v1.proxy("q", upstream=mute, connect_timeout="5m")
    clients = knock(made["listen"], sessions)
    clients += [dial(silent["listen"]) for _ in range(20)]
    wait_until(lambda: v1.get("/sessions", state="open", limit=1)["total"] == sessions, 60)
    assert slowest(v1, CALLS) < (1, "")
    assert len(v1.get("/sessions")["sessions"]) == 1000
    assert v1.get("/sessions", state="dialing", limit=1)["total"] == 20
    v1.fault("power_loss", name="off")
    wait_until(lambda: v1.get("/sessions", state="dead", limit=1)["total"] == sessions, 60)
    for s in clients:
        s.sendall(b"anybody?")
    for _ in range(3):
        assert slowest(v1, CALLS) < (1, "")
    began = time.monotonic()
    v1.delete("/sessions/7", how="rst")
    v1.patch("/faults/off", {"duration": "1h"})
    assert time.monotonic() - began < 2
    for s in clients + holders:
        s.close()
    sink.close()
    assert d.stop() == 0
