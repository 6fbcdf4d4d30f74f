"""The middlebox that forgets: what each end sees when a session was idle for too long, by mode."""

import pytest
from conftest import WIRE, variants
from peer import observe

AFTER = {"type": "idle_timeout", "after": "600ms"}


def unanswered(*peers):
    """Each of them speaks; nobody acknowledges, nobody refuses."""
    for peer in peers:
        peer.sock.setblocking(False)
        peer.sock.send(b"?")
    observe(*peers, seconds=1)
    return all(peer.state == "ESTABLISHED" and peer.info.unacked > 0 and peer.words == ()
               for peer in peers)


def forgotten(world, mode):
    d = world.serve(faults={"f": {**AFTER, "mode": mode}})
    client, far = world.session()
    fired = d.wait_event("fault.fired", fault="f")
    last = max(e["mono_ns"] for e in d.events("session.connected"))
    assert 0.6 <= (fired["mono_ns"] - last) / 1e9 < 0.9
    return d, client, far


@WIRE
def test_drop_lets_later_segments_vanish(world):
    d, client, far = forgotten(world, "drop")
    assert unanswered(client, far)
    d.wait_event("segments.dropped", session=1, leg="client")
    d.lift()  # the middlebox is gone: what was not acknowledged gets through
    far.recv(1)
    client.recv(1)


@WIRE
def test_rst_next_answers_who_speaks_and_leaves_the_other_half_open(world):
    _, client, far = forgotten(world, "rst_next")
    observe(client, far, seconds=0.5)
    assert client.words == far.words == (), "nothing is said when it happens"
    client.send(b"?")
    assert client.end(2) == "ECONNRESET"
    observe(far, seconds=0.5)
    assert far.words == () and far.state == "ESTABLISHED", "half-open"
    far.send(b"?")
    assert far.end(2) == "ECONNRESET"


@WIRE
@pytest.mark.parametrize("mode, word", [("rst_both", "ECONNRESET"), ("fin", "EOF")])
def test_both_ends_are_told_at_once(world, mode, word):
    _, client, far = forgotten(world, mode)
    assert (client.end(1), far.end(1)) == (word, word)


@variants(relays=("splice",), privileges=("exact", "nobody"))
@pytest.mark.parametrize("counts", ["yes", "no"])
def test_keepalive_probes_restart_the_clock_where_they_count(world, counts):
    """Probes come each second, the middlebox forgets after one and a half."""
    d = world.serve(faults={"f": {"type": "idle_timeout", "after": "1500ms", "mode": "rst_both",
                                  "keepalive_counts": counts}})
    client, far = world.session()
    client.keepalive(idle=1, interval=1, count=9)
    observe(client, far, seconds=4)
    if counts == "yes":
        client.exchange(far)
        assert d.events("fault.fired") == []
    else:
        assert client.words == far.words == ("ECONNRESET",)
