"""GET /v1/wait: answered when it has happened, and not before."""
import threading
import time

import pytest

from api import dial, echoes, wait_until
from v1 import V1


@pytest.fixture
def v1(api):
    return V1(api)


class Waiting:
    """A wait that goes on beside the test; it has begun when this returns."""

    def __init__(self, v1, status=200, **query):
        self.told = None
        self.v1 = v1
        files = self.files()
        self.thread = threading.Thread(target=self.run, args=(status, query))
        self.thread.start()
        wait_until(lambda: self.told or self.files() > files, what="the wait's connection")
        v1.get("/version")  # accepted after it, so read after it

    @staticmethod
    def files():
        return threading.active_count()

    def run(self, status, query):
        self.told = self.v1.get("/wait", status, **query)

    def over(self):
        self.thread.join(10)
        assert not self.thread.is_alive()
        return self.told


def begin(v1, n=1, **query):
    """A wait whose events are counted from now on, whenever its request is read."""
    kept = v1.events()
    return Waiting(v1, since=kept[-1]["seq"] if kept else 0, timeout="10s", **query)


def test_each_event(v1, echo):
    made = v1.proxy(upstream=echo.address)
    v1.proxy("other")
    waits = {what: begin(v1, **{"for": what}, proxy="p")
             for what in ("opened", "connected", "closed", "armed", "active", "fired", "lifted")}
    with dial(made["listen"]) as s:
        assert echoes(s)
        assert waits["opened"].over()["event"]["event"] == "session.opened"
        assert waits["connected"].over()["event"]["upstream"] == echo.address
        v1.fault("hang", "other", name="not-this-one")
        v1.delete("/faults/not-this-one")
        v1.fault("hang", name="h")
        assert waits["armed"].told["event"]["fault"] == "not-this-one", "it does not tell where"
        assert waits["active"].over()["event"]["fault"] == "h"
        assert waits["fired"].over()["event"]["sessions"] == 1
        v1.delete("/faults/h")
    assert waits["closed"].over()["event"]["session"] == 1
    told = waits["lifted"].over()
    assert told["met"] is True and told["waited_ns"] > 0 and told["count"] == 1


def test_what_has_been_counts_with_since(v1):
    made = v1.proxy()
    for _ in range(3):
        dial(made["listen"]).close()
    wait_until(lambda: len(v1.events(0, "session.closed")) == 3)
    opened = v1.events(0, "session.opened")
    assert v1.get("/wait", **{"for": "opened"}, since=0)["event"] == opened[0]
    assert v1.get("/wait", **{"for": "opened"}, since=0, count=3)["event"] == opened[2]
    assert v1.get("/wait", **{"for": "opened"}, since=opened[0]["seq"])["event"] == opened[1]
    began = time.monotonic()
    told = v1.get("/wait", 408, **{"for": "opened"}, timeout="300ms")
    assert told["met"] is False and told["event"] is None and told["waited_ns"] >= 300e6
    assert time.monotonic() - began >= 0.3
    assert v1.get("/wait", 408, **{"for": "opened"}, since=0, count=4, timeout=50)["count"] == 3


def test_by_fault(v1):
    v1.proxy()
    wait = begin(v1, **{"for": "lifted"}, fault="b")
    for name in "ab":
        v1.fault("hang", name=name)
        v1.delete(f"/faults/{name}")
    assert wait.over()["event"]["fault"] == "b"


def test_reconnected(v1, echo):
    made = v1.proxy(upstream=echo.address)
    with dial(made["listen"]) as first:
        assert echoes(first)
        wait = begin(v1, **{"for": "reconnected"}, proxy="p")
        with dial(made["listen"]) as second:
            assert echoes(second), "one more, nothing was lost: this is no reconnection"
            assert wait.told is None
            v1.post("/faults", {"type": "reset", "proxy": "p"}, 201)
            assert wait.told is None
            with dial(made["listen"]) as third:
                assert echoes(third)
                assert wait.over()["event"]["client"].endswith(str(third.getsockname()[1]))


def test_recovered(v1, echo):
    made = v1.proxy(upstream=echo.address)
    with dial(made["listen"]) as before:
        assert echoes(before)
        v1.fault("hang", name="off")
        told = v1.get("/wait", 408, **{"for": "recovered"}, proxy="p", timeout="100ms")
        assert told["met"] is False
        wait = begin(v1, **{"for": "recovered"}, proxy="p")
        v1.post("/heal")
        assert echoes(before), "it is no new one"
        with dial(made["listen"]) as after:
            v1.sessions(2, state="open")
            time.sleep(0.1)  # several looks
            assert wait.told is None, "the new one has said nothing yet"
            assert echoes(after)
            assert wait.over()["event"]["client"].endswith(str(after.getsockname()[1]))
            again = v1.get("/wait", **{"for": "recovered"}, proxy="p")
            assert again["waited_ns"] < 1e9, "it has happened already"


def test_each_has_its_time(v1):
    """All that there are, by the description; at once with 0, later with more."""
    parameters = v1.document()["paths"]["/v1/wait"]["get"]["parameters"]
    every, = [p["schema"]["enum"] for p in parameters if p["name"] == "for"]
    assert len(every) == 9
    v1.proxy()
    for what in every:
        for timeout, least in ((0, 0), ("150ms", 0.15), (150, 0.15)):
            began = time.monotonic()
            told = v1.get("/wait", 408, **{"for": what}, proxy="p", timeout=timeout)
            assert told["met"] is False and told["event"] is None and told["count"] == 0
            assert least <= time.monotonic() - began < 5 and told["waited_ns"] >= least * 1e9


@pytest.mark.parametrize("query, status, says", [
    ({}, 400, "for: missing"),
    ({"for": "godot"}, 400, "?for: expected"),
    ({"for": "opened", "timeout": "11m"}, 400, "?timeout"),
    ({"for": "opened", "count": 0}, 400, "?count"),
    ({"for": "opened", "proxy": "nobody"}, 404, "GET /v1/proxies"),
    ({"for": "opened", "until": 1}, 400, "?until"),
])
def test_bad_waits(v1, query, status, says):
    assert says in v1.get("/wait", status, **query)


def test_many_wait_and_the_rest_goes_on(v1, deadpeer):
    """As many as there may be; one more is told so; who goes makes room."""
    made = v1.proxy()
    files = deadpeer.open_files()
    waiters = []
    for _ in range(512):
        s = dial(deadpeer.api.address)
        s.sendall(b"GET /v1/wait?for=opened&timeout=50s HTTP/1.1\r\nHost: localhost\r\n\r\n")
        waiters.append(s)
    wait_until(lambda: v1.api.get("/v1/wait?for=opened&timeout=0").status == 503)
    assert "too many" in v1.get("/wait", 503, **{"for": "opened"})
    waiters.pop().close()
    wait_until(lambda: v1.api.get("/v1/wait?for=opened&timeout=0").status == 408)
    began = time.monotonic()
    assert v1.get("/version")["name"] == "deadpeer"
    assert time.monotonic() - began < 1
    with dial(made["listen"]):
        for s in waiters:
            assert s.recv(12) == b"HTTP/1.1 200"
    for s in waiters:
        s.close()
    wait_until(lambda: deadpeer.open_files() <= files)


def test_many_who_ask_for_the_past_hold_up_nobody(v1, deadpeer):
    """Each has to go through all the events that are kept."""
    listen = v1.proxy()["listen"]
    for _ in range(3500):
        dial(listen).close()
    waiters = []
    for query in ["for=reconnected", "for=closed&since=0&count=9999"] * 200:
        waiters.append(dial(deadpeer.api.address))
        waiters[-1].sendall(f"GET /v1/wait?{query}&timeout=1ms HTTP/1.1\r\nHost: localhost\r\n"
                            "\r\n".encode())
    for _ in range(3):
        began = time.monotonic()
        v1.get("/proxies")
        assert time.monotonic() - began < 1
    for s in waiters:
        assert s.recv(12) in (b"HTTP/1.1 200", b"HTTP/1.1 408")
        s.close()


def test_stop_ends_waits(v1, deadpeer):
    s = dial(deadpeer.api.address)
    s.sendall(b"GET /v1/wait?for=opened&timeout=50s HTTP/1.1\r\nHost: localhost\r\n\r\n")
    v1.get("/version")
    deadpeer.stop()
    assert s.recv(1) == b""
