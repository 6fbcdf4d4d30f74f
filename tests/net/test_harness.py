"""The instruments themselves, held against plain kernel sockets and no deadpeer: an observer that
cannot see a death would find every death right."""

import pytest
from conftest import ONCE, namespaces, variants
from peer import connect, observe, start_connect

FAMILIES = variants(relays=("copy",), privileges=("nobody",))


def pair(world):
    server = world.server
    near = world.keep(connect(world.lab.client, world.family, (server.host, server.port)))
    return near, world.keep(server.accept())


@pytest.fixture
def straight(world):
    """The host forwards, so that client and server meet without deadpeer."""
    for path in "ipv4/ip_forward", "ipv6/conf/all/forwarding":
        with world.lab.host.inside(), open(f"/proc/sys/net/{path}", "w") as f:
            f.write("1")
    world.lab.client.ip("route add default via 10.9.1.2", "route add default via fd09:1::2")
    world.lab.server.ip("route add default via 10.9.2.2", "route add default via fd09:2::2")
    return world


@namespaces
@FAMILIES
@pytest.mark.parametrize("end, words, state", [
    ("close", ("EOF",), "CLOSE_WAIT"),
    ("abort", ("ECONNRESET",), "CLOSE"),
    ("deaf", ("ETIMEDOUT",), "CLOSE"),
    ("live", (), "ESTABLISHED")])
def test_observer_sees_how_a_peer_ends(straight, end, words, state):
    near, far = pair(straight)
    near.exchange(far)
    near.keepalive(idle=1, interval=1, count=1)
    {"close": far.close, "abort": far.abort, "deaf": far.deaf, "live": lambda: None}[end]()
    observe(near, seconds=2.8, until_settled=True)
    assert (near.words, near.state) == (words, state)


@namespaces
@FAMILIES
def test_capture_sees_everything_with_its_time(straight):
    capture = straight.capture()
    near, far = pair(straight)
    near.exchange(far, b"12345")
    port = near.sock.getsockname()[1]
    far.abort()
    observe(near, seconds=2, until_settled=True)
    from_far = capture.packets(src=straight.server.host, dport=port)
    assert [p.flags for p in from_far][:1] == ["SA"] and from_far[-1].flags in ("RA", "R")
    assert sum(p.length for p in from_far) == sum(
        p.length for p in capture.packets(dst=straight.server.host)) == 5
    reset_seen_at = near.history[-1][1]
    assert 0 <= reset_seen_at - from_far[-1].mono_ns < 200e6
    assert not any(p.signed for p in capture.packets())


@namespaces
@ONCE
def test_connect_is_told_apart(straight):
    straight.lab.client.sysctl(tcp_syn_retries=1, tcp_syn_linear_timeouts=0)
    server = straight.server
    accepted = start_connect(straight.lab.client, straight.family, (server.host, server.port))
    refused = start_connect(straight.lab.client, straight.family, (server.host, 1))
    lost = start_connect(straight.lab.client, straight.family, (server.host, server.port),
                         source_deaf=True)
    observe(accepted, refused, lost, seconds=5, until_settled=True)
    assert (accepted.words, refused.words, lost.words) == (
        ("accepted",), ("ECONNREFUSED",), ("ETIMEDOUT",))
