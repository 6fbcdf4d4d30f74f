"""Nothing leaves a dead host, whatever was under way when it died."""

import pytest
from conftest import EVERYWHERE, WIRE, namespaces
from peer import observe, wait_until
from silence import assert_only_answers, assert_silent


def in_flight(world, capture, client, far, size=5000):
    """The client hears nothing any more, so what the server sends stays in deadpeer's send
    queue, unacknowledged; seen on the cable as data and its retransmission."""
    client.deaf()
    far.send(b"z" * size)
    port, spoken = client.sock.getsockname()[1], len(b"are you there?")
    wait_until(lambda: sum(p.length for p in capture.packets(src=world.host_addr, dport=port))
               > spoken + size, 3, "a retransmission")


@namespaces
@EVERYWHERE
@pytest.mark.parametrize("death", ["power_loss", "reboot"])
def test_with_unacknowledged_data_in_flight(world, death):
    """Zero packets (exact), or signed ones only (equivalent), from death to boot; then RST, but
    only as an answer."""
    capture = world.capture()
    d = world.serve()
    loaded, far = world.session(name="loaded")
    quiet, _ = world.session(name="quiet")
    in_flight(world, capture, loaded, far)
    lasts = {"power_loss": {"duration": "2500ms"},
             "reboot": {"down": "2500ms", "service_delay": "0s"}}[death]
    fired = d.strike(death, **lasts)
    begin = fired["mono_ns"]
    loaded.deaf(False)
    observe(loaded, quiet, seconds=1)
    loaded.send(b"anybody?")  # it is retransmitted into the dark, and across the boot
    observe(loaded, quiet, seconds=1.3)
    assert (fired["sessions"], fired["grade"]) == (2, d.privilege.grade)
    assert_silent(capture.packets(src=world.host_addr, after=begin, before=begin + 2_480_000_000),
                  fired["grade"], begin)
    assert (loaded.words, quiet.words) == ((), ())

    d.wait_event("fault.lifted", fault="f")
    assert loaded.end() == "ECONNRESET" and not loaded.received
    assert quiet.state == "ESTABLISHED"
    assert_only_answers(capture.packets(after=begin), world.host_addr)


@namespaces
@WIRE
def test_in_the_middle_of_a_transfer(world):
    """The server pours, the client drinks: the host dies between two segments."""
    capture = world.capture()
    d = world.serve(faults={"f": {"type": "power_loss", "after_bytes": "8MiB"}})
    client, far = world.session(talk=False)
    far.sock.setblocking(False)
    block = b"y" * 65536

    def pour():
        try:
            for _ in range(16):
                far.sock.send(block)
        except BlockingIOError:
            pass
        except ConnectionResetError:
            return True
        observe(client, seconds=0.001)
        return bool(d.events("fault.fired"))

    wait_until(pour, 10)
    fired = d.wait_event("fault.fired", fault="f")
    observe(client, seconds=1.5)
    assert client.words == () and len(client.received) >= 4 << 20
    assert_silent(capture.packets(src=world.host_addr, after=fired["mono_ns"]), fired["grade"],
                  fired["mono_ns"])


@namespaces
@WIRE
def test_with_a_handshake_half_done(world):
    """A SYN came, its answer was lost, the host dies: the kernel must not repeat the answer."""
    capture = world.capture()
    d = world.serve()
    half = world.start_connect(source_deaf=True)
    port = half.sock.getsockname()[1]
    wait_until(lambda: capture.packets(src=world.host_addr, dport=port), 2, "a SYN's answer")
    fired = d.strike("power_loss")
    observe(half, seconds=2.5)
    assert_silent(capture.packets(src=world.host_addr, after=fired["mono_ns"]), fired["grade"],
                  fired["mono_ns"])


@namespaces
@WIRE
def test_with_connections_that_nobody_accepted_yet(world):
    """They wait in the accept queue of a hung process when the power goes."""
    capture = world.capture()
    d = world.serve()
    d.strike("hang", name="stop")
    waiting = [world.start_connect() for _ in range(3)]
    observe(*waiting, seconds=0.3)
    assert [w.words for w in waiting] == [("accepted",)] * 3
    fired = d.strike("power_loss", name="dark")
    for w in waiting:
        w.send(b"anybody?")
    observe(*waiting, seconds=2)
    assert [w.words for w in waiting] == [("accepted",)] * 3
    assert_silent(capture.packets(src=world.host_addr, after=fired["mono_ns"]), fired["grade"],
                  fired["mono_ns"])
    d.lift("stop")
    d.lift("dark")
    assert [w.end() for w in waiting] == ["ECONNRESET"] * 3


@namespaces
@WIRE
def test_with_a_session_that_has_just_ended(world):
    """The client leg was closed, its last bytes are still unacknowledged: nobody owns that socket
    any more, but it is a dead host's."""
    capture = world.capture()
    d = world.serve()
    client, far = world.session()
    in_flight(world, capture, client, far)
    client.sock.shutdown(1)  # both directions have ended
    far.end()
    far.close()
    d.wait_event("session.state", timeout=3, new="closing")
    fired = d.strike("power_loss")
    observe(client, seconds=2.5)
    assert_silent(capture.packets(src=world.host_addr, after=fired["mono_ns"]), fired["grade"],
                  fired["mono_ns"])


@namespaces
@WIRE
def test_the_server_sees_a_silent_client(world):
    """side=client: it is the server leg that goes silent, with data in flight to the server."""
    capture = world.capture(world.lab.server)
    d = world.serve()
    client, far = world.session()
    far.deaf()
    client.send(b"z" * 5000)
    wait_until(lambda: sum(p.length for p in capture.packets(src=world.host_far_addr)) > 5014, 3,
               "a retransmission")
    fired = d.strike("power_loss", side="client", duration="2500ms")
    assert client.end(timeout=1) == "ECONNRESET", "the living leg is aborted"
    far.deaf(False)
    far.send(b"anybody?")
    observe(far, seconds=2)
    begin = fired["mono_ns"]
    assert far.words == () and fired["grade"] == d.privilege.grade
    assert_silent(capture.packets(src=world.host_far_addr, after=begin,
                                  before=begin + 2_480_000_000), fired["grade"], begin)
    d.wait_event("fault.lifted", fault="f")
    assert far.end() == "ECONNRESET"
    assert_only_answers(capture.packets(after=begin), world.host_far_addr)


def one_way_outwards(world):
    """Silencing only what an IPv4 socket sends takes CAP_NET_RAW (wire.h: mute)."""
    return not (world.variant.family == "v4" and world.variant.privilege == "nobody")


@WIRE
@pytest.mark.parametrize("direction", ["upstream", "downstream"])
def test_one_way_cut(world, direction):
    """What goes the other way arrives; of what is cut, no byte, until it heals; then each once."""
    d = world.serve()
    client, far = world.session()
    cut, cut_far, other, other_far = ((client, far, far, client) if direction == "upstream"
                                      else (far, client, client, far))
    fired = d.strike("partition", direction=direction)
    if not one_way_outwards(world):
        assert fired["grade"] == "partial"
    cut.send(b"lost for now")
    other.send(b"gets through")
    observe(cut_far, other_far, seconds=1)
    assert cut_far.received == b""
    assert other_far.received == b"gets through"
    d.lift()
    assert cut_far.recv(12) == b"lost for now"
    client.exchange(far)


@namespaces
@WIRE
def test_what_a_dead_host_dropped_is_on_the_timeline(world):
    """Each retransmission, probe and SYN at a silent host, counted with its time."""
    world.lab.client.sysctl(tcp_retries2=8)
    capture = world.capture()
    d = world.serve()
    client, _ = world.session()
    idle, _ = world.session()
    fired = d.strike("power_loss")
    client.send(b"anybody?")
    newcomer = world.start_connect()
    observe(client, newcomer, idle, seconds=1.2)
    on_cable = [p for p in capture.packets(dst=world.host_addr, after=fired["mono_ns"])]
    syns = [p for p in on_cable if "S" in p.flags]
    dropped = wait_until(lambda: (
        lambda found: found if sum(e["segments"] for e in found) >= len(on_cable) else None)(
            d.events("segments.dropped")), 2, f"{len(on_cable)} segments on the timeline")
    assert sum(e["segments"] for e in dropped if e["leg"] == "listener") == len(syns) >= 1
    lifted = d.lift()
    assert lifted["sessions"] == 2 and lifted["segments"] >= len(on_cable)


@WIRE
def test_a_fault_that_touched_nothing_says_so(world):
    d = world.serve()
    fired = d.strike("power_loss")
    assert fired["sessions"] == 0
    assert d.lift()["touched"] is False
