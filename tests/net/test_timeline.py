"""The record of what happened, and what becomes of it when it cannot be written."""

import json
import os
import signal
import subprocess
import time

import pytest
from conftest import ONCE, RELAY
from peer import connect, wait_until
from proxy import BINARY


@RELAY
def test_one_session_from_start_to_end(world):
    begin = time.monotonic_ns()
    d = world.serve()
    client, far = world.session()
    client.send(b"abc")
    assert far.recv(3) == b"abc"
    client.close()
    assert far.end() == "EOF"
    far.close()
    closed = d.wait_event("session.closed")
    d.signal(signal.SIGTERM)
    assert d.wait() == 0
    events = d.events()
    names = [e["event"] for e in events]
    expected = ["deadpeer.start", "proxy.up", "deadpeer.ready", "session.opened",
                "session.connected", "session.closed", "deadpeer.stop"]
    assert [n for n in names if n in expected] == expected
    first = events[0]["seq"]
    assert [e["seq"] for e in events] == list(range(first, first + len(events)))
    times = [e["mono_ns"] for e in events]
    assert times == sorted(times) and begin < times[0] < times[-1] < time.monotonic_ns()
    assert all(e["wall"].endswith("Z") and len(e["wall"]) > 20 for e in events)
    assert (closed["upstream_bytes"], closed["downstream_bytes"]) == (17, 14)
    assert 0 < closed["duration_ns"] < 10e9 and closed["reason"]
    assert events[0]["seed"] == 7


@ONCE
@pytest.mark.parametrize("log_format", ["logfmt", "json"])
def test_the_log_tells_the_same(world, log_format):
    d = world.serve(settings={"log_format": log_format})
    client, far = world.session()
    client.close()
    far.close()
    d.wait_event("session.closed")
    lines = d.log().splitlines()
    closed = [line for line in lines if "session.closed" in line]
    assert len(closed) == 1
    if log_format == "json":
        assert all(json.loads(line) for line in lines)
    else:
        assert "upstream_bytes=14" in closed[0] and "reason=" in closed[0]


@ONCE
def test_a_full_disk_loses_events_and_no_session(world):
    d = world.serve(settings={"events": "/dev/full"})
    for _ in range(5):
        client, far = world.session()
        client.close()
        far.close()
    wait_until(lambda: "events.lost" in d.log(), 3, "the warning")
    assert d.log().count("events.lost") < 10, "told now and then, not for every line"
    client, far = world.session()
    client.exchange(far)


class Piped:
    """serve with its timeline on a pipe that this test holds."""

    def __init__(self, world, log=False):
        self.read_end, write_end = os.pipe()
        self.log_path = os.path.join(world.piped_dir, "log")
        with world.lab.host.inside(), open(self.log_path, "ab") as log_file:
            self.process = subprocess.Popen(
                [BINARY, "serve", "--listen", world.listen_text(), "--upstream", world.server.text,
                 "--events", "-", "--ports-file", os.path.join(world.piped_dir, "ports"),
                 "--log-level", "debug", "--drain-timeout", "200ms", "--admin", "off"],
                stdout=write_end, stderr=write_end if log else log_file)
        os.close(write_end)
        self.seen = b""
        ports = os.path.join(world.piped_dir, "ports")
        wait_until(lambda: os.path.exists(ports), 5, "the ports file")
        host, port = open(ports).read().strip().rsplit("=", 1)[1].rsplit(":", 1)
        self.address = host.strip("[]"), int(port)

    def session(self, world):
        client = world.keep(connect(world.lab.client, world.family, self.address))
        far = world.keep(world.server.accept())
        client.exchange(far)
        return client, far

    def events(self):
        """What can be read now, with what was read before."""
        os.set_blocking(self.read_end, False)
        try:
            while data := os.read(self.read_end, 65536):
                self.seen += data
        except BlockingIOError:
            pass
        whole = self.seen[:self.seen.rfind(b"\n") + 1].decode()
        return [json.loads(line) for line in whole.splitlines() if line.startswith("{")]

    def log(self):
        return open(self.log_path).read()

    def close(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def piped_world(world, tmp_path):
    world.piped_dir = str(tmp_path)
    return world


@ONCE
def test_a_closed_pipe_loses_events_and_no_session(piped_world):
    world = piped_world
    d = world.keep(Piped(world))
    client, far = d.session(world)
    os.close(d.read_end)
    for _ in range(5):
        a, b = d.session(world)
        a.close()
        b.close()
    client.exchange(far)
    wait_until(lambda: "events.lost" in d.log(), 3, "the warning")
    d.process.terminate()
    assert d.process.wait(5) == 0


@ONCE
@pytest.mark.parametrize("log_too", [False, True], ids=["events", "events-and-log"])
def test_a_reader_that_stalls_stalls_nobody_else(piped_world, log_too):
    """A pipe that nobody empties fills up; the relay goes on; what was lost is told afterwards."""
    world = piped_world
    d = world.keep(Piped(world, log=log_too))
    client, far = d.session(world)
    for _ in range(60):
        d.session(world)
    for _ in range(150):  # 60 sessions told each time, some 2 MB in all
        d.process.send_signal(signal.SIGUSR1)
        client.exchange(far)
    def told():
        """The queue goes out first; then the next event brings the news."""
        d.session(world)
        return [e for e in d.events() if e["event"] == "events.lost"]

    lost = wait_until(told, 20, "events.lost")
    assert lost[0]["lost"] > 0
    numbers = [e["seq"] for e in d.events()]
    assert numbers == sorted(numbers), "in order, whole lines"
    assert numbers[-1] - numbers[0] + 1 > len(numbers)
    os.close(d.read_end)
