"""A partition loses no byte."""

import time

import pytest
from bulk import Drink, Pour, same
from conftest import EVERYWHERE, WIRE, variants
from peer import observe, wait_until

MIB = 1 << 20


@pytest.mark.heavy
@variants(("v4", "v6"), ("splice", "copy"), ("exact", "nobody"))
def test_healed_after_3_s_amid_256_MiB_each_way(world, size=256 * MIB):
    d = world.serve()
    client, far = world.session(talk=False)
    up, down = Pour(client.sock, size, "up"), Pour(far.sock, size, "down")
    up_end, down_end = Drink(far.sock), Drink(client.sock)
    wait_until(lambda: min(up_end.done, down_end.done) > 16 * MIB, 20)
    fired = d.strike("partition", duration="3s")
    time.sleep(1)  # what had already arrived is read meanwhile
    held = up_end.done, down_end.done
    assert max(held) < size, "it was over before it was cut"
    time.sleep(2.9 - (time.monotonic_ns() - fired["mono_ns"]) / 1e9)
    assert (up_end.done, down_end.done) == held, "bytes came through a cut path"
    lifted = d.wait_event("fault.lifted", fault="f")
    assert 2.9 < (lifted["mono_ns"] - fired["mono_ns"]) / 1e9 < 3.3
    same(up, up_end)
    same(down, down_end)


@EVERYWHERE
def test_cut_many_times_amid_a_transfer(world, size=24 * MIB):
    """Short cuts at any moment, in all directions."""
    d = world.serve()
    client, far = world.session(talk=False)
    up, down = Pour(client.sock, size, "up"), Pour(far.sock, size, "down")
    up_end, down_end = Drink(far.sock), Drink(client.sock)
    for direction in ("both", "upstream", "downstream", "both"):
        before = up_end.done + down_end.done
        d.strike("partition", direction=direction, duration="150ms")
        d.wait_event("fault.lifted", fault="f", nth=len(d.events("fault.fired", fault="f")))
        wait_until(lambda: up_end.done + down_end.done > min(before + MIB, 2 * size), 20)
    same(up, up_end)
    same(down, down_end)


@WIRE
def test_an_end_of_file_during_the_cut_arrives_after_it(world):
    d = world.serve()
    client, far = world.session()
    other, other_far = world.session()
    d.strike("partition")
    client.send(b"last words")
    client.close()
    other_far.abort()
    observe(other, far, seconds=0.4)
    assert (other.words, far.words, far.received) == ((), (), b"")
    d.lift()
    assert far.recv(10) == b"last words"
    assert far.end() == "EOF"
    assert other.state == "ESTABLISHED"  # the reset itself is lost for good
    other.send(b"?")
    assert other.end() == "ECONNRESET"


def half_done(world):
    """A client whose last word of the handshake is 200 ms late: TCP_DEFER_ACCEPT (tcp(7)) on the
    connecting side holds it back (tcp_rcv_synsent_state_process())."""
    client = world.start_connect(late_ack=True)
    observe(client, seconds=5, until_settled=True)
    assert client.words == ("accepted",)
    return client


@WIRE
def test_a_handshake_that_is_half_done_is_completed_after_it(world):
    """As far as the client knows it is connected; the server's kernel asks again with its SYN-ACK."""
    d = world.serve()
    client = half_done(world)
    d.strike("partition", duration="1s")
    d.wait_event("fault.lifted")
    far = world.keep(world.server.accept(timeout=20))
    client.exchange(far)


@WIRE
def test_a_dead_host_knows_nothing_of_it(world):
    d = world.serve()
    client = half_done(world)
    d.strike("power_loss", duration="1s")
    d.wait_event("fault.lifted")
    client.sock.send(b"?")
    assert client.end(10) == "ECONNRESET"
