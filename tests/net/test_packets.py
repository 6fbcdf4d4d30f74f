"""A path that loses some packets: what each end's kernel makes of it, and that no byte is lost.

A side is looked at by its own kernel: what it sent again (TCP_INFO), and what it got twice
(TCPDSACKOldSent of its namespace: the receiver of a duplicate says so, RFC 2883).
"""

import socket
import struct
import time

import pytest
from bulk import Drink, Pour, same
from conftest import namespaces, only, variants, Variant
from peer import observe, wait_until

MIB = 1 << 20
LOSSY = variants(privileges=("exact",))
BY_TURNS = only((Variant("v4", "splice", "exact"), Variant("v6", "copy", "exact")))
TYPES = ("packet_loss", "mtu_blackhole", "ack_loss", "keepalive_blackhole")
# On a busy machine a tail may be sent twice although nothing was lost (RFC 8985, tail loss probe).
STRAY = 3


def resent(peer):
    """Segments that this end has sent again so far (tcpi_total_retrans)."""
    info = peer.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return struct.unpack_from("=I", info, 100)[0]


def duplicates(machine):
    """Segments that arrived on that machine although they had arrived before."""
    with machine.inside(), open("/proc/thread-self/net/netstat") as f:
        names, values = [line.split() for line in f if line.startswith("TcpExt:")]
    return int(values[names.index("TCPDSACKOldSent")])


def carry(client, far, size, seed):
    """So many bytes each way at once, intact."""
    ends = Drink(far.sock, total=size), Drink(client.sock, total=size)
    pours = [Pour(peer.sock, size, f"{seed}{n}", shut=False)
             for n, peer in enumerate((client, far))]
    for pour, end in zip(pours, ends):
        same(pour, end)


def chat(client, far, rounds=15, burst=8):
    """A few small segments each way, and again; how many of them each end has sent again. (At full
    speed veth lets segments overtake each other, which looks like loss where there is none.)"""
    before = resent(client), resent(far)
    for n in range(rounds):
        for _ in range(burst):
            client.send(bytes([n]) * 100)
            far.send(bytes([n]) * 100)
        for peer in client, far:
            assert peer.recv(100 * burst, 40) == bytes([n]) * 100 * burst
    return resent(client) - before[0], resent(far) - before[1]


def nothing_comes(peer, seconds):
    observe(peer, seconds=seconds)
    return peer.received == b"" and peer.words == ()


@LOSSY
@pytest.mark.parametrize("direction", ["upstream", "downstream"])
def test_lost_packets_are_sent_again_by_who_sent_them(world, direction):
    d = world.serve()
    client, far = world.session()
    assert max(chat(client, far)) <= STRAY
    d.strike("packet_loss", direction=direction, rate="0%")
    assert max(chat(client, far)) <= STRAY
    fired = d.strike("packet_loss", direction=direction, rate="20%")
    by_client, by_far = chat(client, far)
    lossy, whole = (by_client, by_far) if direction == "upstream" else (by_far, by_client)
    assert lossy > 5 and whole <= STRAY
    carry(client, far, 2 * MIB, "lossy")
    leg = {"upstream": "client", "downstream": "server"}[direction]
    lifted = d.lift()
    dropped = [e for e in d.events("segments.dropped") if e["mono_ns"] > fired["mono_ns"]]
    assert {e["leg"] for e in dropped} == {leg}
    total = sum(e["segments"] for e in dropped)
    assert lifted["segments"] == dropped[-1]["total"] == total > 5
    assert lifted["grade"] == "exact"
    assert max(chat(client, far)) <= STRAY
    carry(client, far, 4 * MIB, "after")


@BY_TURNS
def test_both_ways_and_sessions_that_come_later(world):
    world.serve(faults={"f": {"type": "packet_loss", "rate": "20%"}})
    client, far = world.session(talk=False)
    assert min(chat(client, far)) > 5
    carry(client, far, 2 * MIB, "both")


@LOSSY
@pytest.mark.parametrize("direction", ["upstream", "downstream"])
def test_what_is_too_large_hangs_until_it_is_lifted(world, direction):
    d = world.serve(faults={"f": {"type": "mtu_blackhole", "direction": direction}})
    client, far = world.session()
    sender, receiver = (client, far) if direction == "upstream" else (far, client)
    large = bytes(range(250)) * 40
    receiver.send(large)  # the other way there is no hole
    assert sender.recv(len(large)) == large
    assert resent(sender) == 0
    sender.send(large)
    wait_until(lambda: resent(sender) >= 2, 5)
    assert nothing_comes(receiver, 0.3)
    assert sender.info.unacked > 0 and sender.state == "ESTABLISHED"
    receiver.send(b"small ones pass")
    assert sender.recv(15) == b"small ones pass"
    d.lift()
    assert receiver.recv(len(large)) == large
    client.exchange(far)


@LOSSY
def test_the_hole_gives_etimedout(world):
    world.serve(faults={"f": {"type": "mtu_blackhole", "direction": "upstream", "mtu": "1000"}})
    client, far = world.session()
    client.user_timeout(1)
    client.sock.setblocking(False)
    client.sock.send(bytes(1000))
    assert client.end() == "ETIMEDOUT"
    assert far.end(0.3) == "nothing"  # tcp_write_err() says nothing to the other end


@namespaces
@LOSSY
@pytest.mark.parametrize("direction", ["upstream", "downstream"])
def test_lost_acknowledgements_make_the_sender_repeat_what_arrived(world, direction):
    """The acknowledgements of upstream's sender, the client, are for bytes that went downstream."""
    d = world.serve()
    client, far = world.session()
    sender, receiver, machine = ((far, client, world.lab.client) if direction == "upstream"
                                 else (client, far, world.lab.server))
    before = duplicates(machine)
    d.strike("ack_loss", direction=direction)
    sender.send(b"heard")
    assert receiver.recv(5) == b"heard"
    wait_until(lambda: duplicates(machine) >= before + 2, 5)
    assert nothing_comes(receiver, 0.1)  # ... and is not given to the application twice
    receiver.send(b"so I say")  # data passes, and the acknowledgement that it carries
    assert sender.recv(8) == b"so I say"
    pour, end = Pour(sender.sock, 8 * MIB, "stuck"), Drink(receiver.sock)
    before = duplicates(machine)
    wait_until(lambda: duplicates(machine) >= before + 2, 5)
    assert end.done < 8 * MIB
    assert d.lift()["segments"] > 0
    same(pour, end)


@BY_TURNS
def test_some_lost_acknowledgements_are_made_up_for_by_others(world):
    d = world.serve(faults={"f": {"type": "ack_loss", "rate": "30%"}})
    client, far = world.session(talk=False)
    pour, end = Pour(client.sock, 16 * MIB, "thirty"), Drink(far.sock)
    same(pour, end)
    d.wait_event("segments.dropped", leg="server")


def lives_on_data(client, far, seconds, pause):
    """Bytes now and then, acknowledged and answered; all arrive."""
    until, sent, got = time.monotonic() + seconds, 0, 0
    while time.monotonic() < until:
        observe(client, far, seconds=pause)
        assert client.words == ()
        client.send(b"alive?")
        far.send(b"yes")
        sent, got = sent + 6, got + 3
        wait_until(lambda: (observe(client, far, seconds=0.02), len(far.received) == sent
                            and len(client.received) == got)[1], 3)
    return time.monotonic_ns()


@BY_TURNS
def test_keepalive_probes_vanish_and_data_does_not(world):
    """Idle 1 s, probes 1 s apart, 3 of them: 4 s after the last word."""
    d = world.serve()
    idle, _ = world.session(name="idle")
    busy, busy_far = world.session(name="busy")
    slow, slow_far = world.session(name="slow")
    for peer in idle, busy, slow:
        peer.keepalive(idle=1, interval=1, count=3)
    fired = d.strike("keepalive_blackhole")
    fallen_idle = {
        busy: lives_on_data(busy, busy_far, 2, 0.5),
        slow: lives_on_data(slow, slow_far, 2.5, 1.6)}  # long enough for a probe each time
    observe(idle, busy, slow, seconds=12, until_settled=True)
    assert (idle.words, busy.words, slow.words) == (("ETIMEDOUT",),) * 3
    assert 2.9 < (idle.history[0][1] - fired["mono_ns"]) / 1e9 < 6
    for peer, last in fallen_idle.items():
        assert 3.5 < (peer.history[0][1] - last) / 1e9 < 6.5
    assert {e["leg"] for e in d.events("segments.dropped")} == {"client"}
    assert d.lift()["segments"] >= 9


@BY_TURNS
def test_other_directions_probes_are_answered(world):
    d = world.serve()
    client, far = world.session()
    client.keepalive(idle=1, interval=1, count=1)
    far.keepalive(idle=1, interval=1, count=1)
    d.strike("keepalive_blackhole", direction="downstream")
    observe(client, far, seconds=6, until_settled=True)
    assert far.words == ("ETIMEDOUT",)
    assert client.words in ((), ("ECONNRESET",))  # the server's kernel says RST as it gives up


@LOSSY
def test_what_was_dropped_is_counted_to_the_end(world):
    """However soon the session ends: sooner than anybody looks at the counter."""
    d = world.serve(faults={"f": {"type": "ack_loss", "direction": "upstream"}},
                    settings={"observe_interval": "10s"})
    client, far = world.session(talk=False)
    far.send(b"heard")
    assert client.recv(5) == b"heard"
    client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
    client.abort()
    d.wait_event("session.closed")
    dropped = d.events("segments.dropped", leg="client")
    assert d.lift()["segments"] == sum(e["segments"] for e in dropped) > 0


@LOSSY
def test_it_holds_after_a_silence(world):
    """A partition's filter takes its place for a while; what it drops is the partition's."""
    d = world.serve(faults={"f": {"type": "mtu_blackhole", "direction": "both"}})
    client, far = world.session()
    d.strike("partition", name="cut")
    client.sock.send(b"?")
    d.wait_event("segments.dropped", leg="client")
    d.lift("cut")
    assert far.recv(1) == b"?"
    client.exchange(far)
    for sender, receiver in (client, far), (far, client):
        sender.send(bytes(5000))
        assert nothing_comes(receiver, 0.3)
    d.lift()
    assert (len(client.recv(5000)), len(far.recv(5000))) == (5000, 5000)


@LOSSY
def test_a_silence_stays_silent_whatever_else_is_lifted(world):
    d = world.serve()
    client, far = world.session()
    d.strike("packet_loss", rate="50%")
    d.strike("partition", name="cut")
    d.strike("keepalive_blackhole", name="probes")
    d.lift()
    client.sock.send(b"?")
    assert nothing_comes(far, 0.5) and client.info.unacked > 0
    d.lift("probes")
    assert nothing_comes(far, 0.5) and client.info.unacked > 0
    d.lift("cut")
    assert far.recv(1) == b"?"


@BY_TURNS
def test_the_port_can_be_listened_on_anew(world):
    """Telling probes apart takes a moment in repair mode, which must leave SO_REUSEADDR as it was:
    else nobody could have the port while a connection is in TIME_WAIT."""
    d = world.serve({"proxy other": world.proxy_section()},
                    faults={"f": {"type": "keepalive_blackhole", "direction": "both"}})
    client, far = world.session()
    far.close()
    assert client.end() == "EOF"
    client.close()
    d.wait_event("session.closed")
    again = world.proxy_section(listen=world.listen_text(d.address()[1]))
    d.change({"proxy proxy": None})
    d.wait_event("proxy.down")
    d.change({"proxy again": again})
    world.session("again")


@variants(("v4", "v6"), ("splice",), ("nobody", "equivalent"))
@pytest.mark.parametrize("type", TYPES)
def test_without_the_capability_it_is_refused(world, type):
    d = world.serve()
    client, far = world.session()
    refused = d.change({"fault f": {"type": type, "proxy": "*"}}, expect="fault.refused")
    assert refused["reason"].startswith(f"{type}: needs CAP_NET_ADMIN")
    client.exchange(far)
    assert d.events("fault.fired") == []
