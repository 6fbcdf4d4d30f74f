"""Events through the native API: those that are kept, and live."""
import http.client
import json
import resource
import socket
import threading
import time

import pytest

from api import BINARY, dial, wait_until
from v1 import V1


@pytest.fixture
def v1(api):
    return V1(api)


class Stream:
    """Server-sent events, as (id, record)."""

    def __init__(self, api, query="follow=1", **headers):
        host, port = api.address.rsplit(":", 1)
        self.connection = http.client.HTTPConnection(host, int(port), timeout=10)
        self.connection.request("GET", f"/v1/events?{query}", headers={
            k.replace("_", "-"): v for k, v in headers.items()})
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200
        assert self.answer.headers["content-type"] == "text/event-stream"
        assert self.line() == ":" and self.line() == "", "it is there at once"

    def line(self):
        line = self.answer.readline()
        assert line.endswith(b"\n"), "the stream ended"
        return line[:-1].decode()

    def next(self):
        line = self.line()
        while line == ":":
            assert self.line() == ""
            line = self.line()
        assert line.startswith("id: "), line
        data = self.line()
        assert data.startswith("data: ") and self.line() == ""
        record = json.loads(data[6:])
        assert record["seq"] == int(line[4:])
        return record

    def close(self):
        self.answer.close()
        self.connection.close()


def test_kept_events_are_those_of_the_file(v1, deadpeer):
    v1.proxy()
    v1.fault("hang", name="h", delay="1h")
    written = [e for e in deadpeer.events() if e["event"] != "deadpeer.start"]
    kept = v1.events()
    assert kept == written
    assert [e["seq"] for e in kept] == list(range(kept[0]["seq"], kept[-1]["seq"] + 1))
    assert v1.events(kept[1]["seq"]) == kept[2:]
    assert v1.events(kept[-1]["seq"]) == [] == v1.events(10**15)
    for query, event in (("since=0&limit=1", kept[0]), ("limit=1", kept[-1])):
        assert json.loads(deadpeer.api.get(f"/v1/events?{query}").body) == event
    for bad in ("since=-1", "since=x", "limit=0", "limit=10001", "follow=maybe"):
        assert deadpeer.api.get(f"/v1/events?{bad}").status == 400, bad


def test_the_last_ten_thousand(v1, deadpeer):
    v1.proxy()
    for n in range(5100):
        if n % 2:
            v1.api.delete("/v1/faults/f")
        else:
            v1.fault("noop", name="f")
    kept = v1.events()
    assert len(kept) == 10000
    assert kept == deadpeer.events()[-10000:]


def test_live(v1, api):
    stream = Stream(api)
    v1.proxy()
    seen = [stream.next() for _ in range(3)]
    assert {e["event"] for e in seen} == {"proxy.gate", "proxy.up", "api.changed"}
    by_header = Stream(api, "", Accept="text/event-stream", Last_Event_ID=str(seen[0]["seq"]))
    assert [by_header.next() for _ in range(2)] == seen[1:]
    since = Stream(api, "follow=yes&since=0")
    kept = v1.events()
    assert [since.next() for _ in kept] == kept
    anew = Stream(api, "", Accept="text/event-stream", Last_Event_ID=str(kept[-1]["seq"] + 1))
    assert [anew.next() for _ in kept] == kept, "an id from before a restart"
    for s in (stream, by_header, since, anew):
        s.close()


def test_readers_that_go_leave_nothing(v1, deadpeer):
    before = deadpeer.open_files()
    streams = [Stream(deadpeer.api) for _ in range(20)]
    assert deadpeer.open_files() >= before + 20
    for s in streams:
        s.close()
    wait_until(lambda: deadpeer.open_files() <= before, what="closed descriptors")
    v1.proxy()


def test_a_slow_reader_is_let_go_and_holds_up_nobody(v1, deadpeer):
    """It reads nothing; the feed forgets what it would have to read next."""
    v1.proxy()
    slow = Stream(deadpeer.api)
    slow.connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deadline, sent = time.monotonic() + 40, 0
    connection = v1.api.connection()

    def quick(method, path, body=None):
        connection.request(method, path, body and json.dumps(body))
        connection.getresponse().read()

    quick("GET", "/v1/version")
    before, files = deadpeer.resident_kib(), deadpeer.open_files()
    while deadpeer.open_files() == files and time.monotonic() < deadline:
        quick("POST", "/v1/faults", {"type": "noop", "proxy": "p", "name": "f", "delay": "1h"})
        quick("DELETE", "/v1/faults/f")
        sent += 4
    assert deadpeer.open_files() == files - 1, "let go"
    assert sent >= 10000, "not before the feed forgot"
    if "address" not in BINARY:  # its allocator keeps what was freed
        assert deadpeer.resident_kib() - before < 30000
    connection.close()
    slow.close()


@pytest.fixture
def many_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 16000:
        pytest.skip(f"this needs 16,000 descriptors, the limit is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_many_at_once_reach_a_reader(v1, deadpeer, many_files):
    """More events than the feed keeps, in one turn of the loop."""
    made = v1.proxy(upstream="builtin:discard")
    n = 5200  # two events each
    clients = [dial(made["listen"]) for _ in range(n)]
    v1.sessions(1000)
    wait_until(lambda: v1.get("/sessions", state="open", limit=1)["total"] == n, 30)
    stream = Stream(deadpeer.api)
    got = []

    def read():
        while not got or got[-1]["event"] != "proxy.down":
            got.append(stream.next())

    reader = threading.Thread(target=read)
    reader.start()
    v1.delete("/proxies/p")
    reader.join(20)
    assert not reader.is_alive()
    assert sum(e["event"] == "session.closed" for e in got) == n
    assert [e["seq"] for e in got] == list(range(got[0]["seq"], got[0]["seq"] + len(got)))
    for s in clients:
        s.close()
    stream.close()


def test_stop_ends_streams(v1, deadpeer):
    stream = Stream(deadpeer.api)
    deadpeer.stop()
    with pytest.raises((AssertionError, http.client.IncompleteRead)):
        while True:
            stream.next()
