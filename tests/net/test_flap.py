"""A fault that comes and goes: what survives each outage, who is struck again and again."""

import hashlib
import random
import socket
import struct
import threading
import time

import pytest
from bulk import Drink, same
from conftest import ONCE, WIRE, variants
from peer import observe, wait_until

TOTAL_RETRANS = 100  # offset in struct tcp_info


def retransmissions(peer):
    info = peer.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 232)
    return struct.unpack_from("=I", info, TOTAL_RETRANS)[0]


class Trickle(threading.Thread):
    """Writes all the time, some megabytes a second, until it is told to stop; what bulk.Pour is for
    a size, this is for a time."""

    def __init__(self, sock, seed):
        super().__init__(daemon=True)
        self.sock, self.seed, self.stop = sock, seed, threading.Event()
        self.sha, self.done, self.error = hashlib.sha256(), 0, None
        sock.settimeout(30)
        self.start()

    @property
    def total(self):
        return self.done

    def run(self):
        rng = random.Random(self.seed)
        try:
            while not self.stop.wait(0.005):
                piece = rng.randbytes(rng.randint(1, 32768))
                self.sock.sendall(piece)
                self.sha.update(piece)
                self.done += len(piece)
            self.sock.shutdown(1)
        except OSError as e:
            self.error = e


@WIRE
def test_a_path_that_comes_and_goes_loses_no_byte(world):
    d = world.serve()
    client, far = world.session()
    down_end, up_end = Drink(client.sock), Drink(far.sock)
    up, down = Trickle(client.sock, "up"), Trickle(far.sock, "down")
    fired = d.strike("flap", down="300ms", up="700ms")
    # What is in flight as it is struck goes on being sent, signed: hence "armed".
    armed = d.events("fault.armed", fault="f")[-1]
    assert (fired["type"], armed["grade"]) == ("flap", d.privilege.grade)
    last = d.wait_event("fault.phase", 10, fault="f", phase="up", cycle=4)
    before = up_end.done, down_end.done
    # Patience: retransmissions whose doubling intervals fall into one outage after another.
    wait_until(lambda: up_end.done > before[0] and down_end.done > before[1], 30, "it carries on")
    assert retransmissions(client) >= 2 and retransmissions(far) >= 2
    d.lift()
    up.stop.set()
    down.stop.set()
    same(up, up_end)
    same(down, down_end)
    first = d.events("fault.phase")[0]
    assert [(e["phase"], e["cycle"]) for e in d.events("fault.phase")[:4]] == [
        ("down", 1), ("up", 1), ("down", 2), ("up", 2)]
    # Four downs and three ups, less what the first was told late by on a busy machine.
    assert 3.3 - 0.2 < (last["mono_ns"] - first["mono_ns"]) / 1e9 < 4.6


@WIRE
def test_nothing_comes_through_while_it_is_down(world):
    d = world.serve()
    client, far = world.session()
    d.strike("flap", down="1h")
    client.send(b"through?")
    newcomer = world.start_connect()
    observe(far, newcomer, seconds=0.5)
    assert (far.received, newcomer.words) == (b"", ())
    lifted = d.lift()
    assert (lifted["type"], lifted["side"]) == ("flap", "both")
    assert far.recv(8) == b"through?"
    observe(newcomer, seconds=3, until_settled=True)
    assert newcomer.words == ("accepted",)


@variants(("v4", "v6"), ("splice",), ("exact", "nobody"))
@pytest.mark.parametrize("fault, word", [("process_crash", "EOF"), ("reset", "ECONNRESET")])
def test_who_reconnects_is_killed_in_each_cycle(world, fault, word):
    d = world.serve()
    d.strike("flap", fault=fault, down="200ms", up="2s")  # time enough to connect
    for cycle in range(2, 5):
        d.wait_event("fault.phase", phase="up", cycle=cycle - 1)
        client, _ = world.session()
        assert client.end(5) == word
        d.wait_event("fault.phase", phase="down", cycle=cycle)
    d.lift()
    client, far = world.session()
    observe(client, far, seconds=0.3)
    assert client.words == far.words == ()


@WIRE
def test_power_that_fails_twice(world):
    """Who sends after an outage hears RST: the host does not know it any more."""
    d = world.serve()
    old, _ = world.session()
    d.strike("flap", fault="power_loss", down="500ms", up="1s")
    for cycle in (1, 2):
        observe(old, seconds=0.2)
        assert old.words == ()
        d.wait_event("fault.phase", phase="up", cycle=cycle)
        old.send(b"?")
        assert old.end() == "ECONNRESET"
        old, _ = world.session()
        d.wait_event("fault.phase", phase="down", cycle=cycle + 1)


@ONCE
def test_it_ends_by_its_duration_and_is_changed_by_a_reload(world):
    d = world.serve(faults={"f": {"type": "flap", "fault": "refuse", "down": "100ms", "up": "100ms",
                                  "duration": "450ms"}})
    lifted = d.wait_event("fault.lifted", fault="f")
    assert lifted["reason"] == "over" and 0.45 <= lifted["active_ns"] / 1e9 < 0.8
    world.session()
    d.strike("flap", fault="hang", down="1h", up="100ms")
    d.strike("flap", fault="refuse", down="1h", up="100ms")  # the same name: changed
    assert d.events("fault.lifted", fault="f")[-1]["reason"] == "changed"
    assert world.connect_and_hear() == "ECONNREFUSED"
    d.lift()
    begin = time.monotonic()
    world.session()
    assert time.monotonic() - begin < 2
