"""Faults that shape bytes, on the wire and in the eyes of the peers. Lower bounds of times are tight; the
upper ones leave room for a machine that has other things to do."""

import errno
import os
import signal
import statistics
import time

import pytest
from bulk import Drink, Pour, same
from conftest import EVERYWHERE, ONCE, namespaces, variants
from peer import observe, wait_until

MIB = 1 << 20
SLACK = 0.002  # a capture's times come from another clock
TWICE = variants(("v4",), ("splice",), ("exact", "nobody"))
WIRES = variants(("v4", "v6"), ("splice",), ("exact", "nobody"))


def shaped(world, type, talk=True, **keys):
    """A session whose bytes go through a fault that is there from its beginning."""
    d = world.serve(faults={"f": {"type": type, **keys}})
    ends = world.session(talk=talk)
    d.wait_event("session.connected")  # deadpeer knows, too
    return ends


def took(action):
    begin = time.monotonic()
    action()
    return time.monotonic() - begin


def one_way(source, sink, data=b"x" * 100):
    def action():
        source.send(data)
        assert sink.recv(len(data)) == data
    return took(action)


def said(world, capture, after=0):
    """What deadpeer told the client."""
    return capture.packets(src=world.host_addr, after=after)


def data_times(packets):
    return [(p.mono_ns / 1e9, p.length) for p in packets if p.length]


# ---- latency, bandwidth, slow_close ----

@TWICE
def test_latency_adds_to_the_round_trip(world):
    client, far = shaped(world, "latency", latency="40ms", direction="both")
    times = [one_way(client, far) + one_way(far, client) for _ in range(10)]
    assert min(times) >= 0.080
    assert statistics.median(times) < 0.160


@pytest.mark.heavy
@ONCE
def test_latency_of_a_normal_distribution_has_its_mean(world):
    client, far = shaped(world, "latency", latency="10ms", jitter="3ms", distribution="normal")
    times = [one_way(far, client) for _ in range(150)]
    assert 0.0092 < statistics.mean(times) < 0.020
    assert min(times) < 0.0095 and max(times) > 0.0105, "it varies both ways"


@ONCE
def test_latency_does_not_limit_the_number_under_way(world):
    """40 messages 5 ms apart, each 100 ms late: 0.3 s in all, not 4 s."""
    client, far = shaped(world, "latency", latency="100ms")
    begin = time.monotonic()
    for _ in range(40):
        far.send(b"0123456789")
        time.sleep(0.005)  # the pace
    assert client.recv(400) == b"0123456789" * 40
    assert 0.295 <= time.monotonic() - begin < 1.5


@pytest.mark.heavy
@pytest.mark.parametrize("rate, size", [("10KB/s", 5_000), ("100", 50_000), ("4MB/s", 2_000_000)])
@ONCE
def test_bandwidth_over_time(world, rate, size):
    client, far = shaped(world, "bandwidth", talk=False, rate=rate)
    begin = time.monotonic()
    pour = Pour(far.sock, size, "seed", shut=False)
    assert len(client.recv(size)) == size
    assert 0.499 <= time.monotonic() - begin < 1.5
    pour.join()


@namespaces
@TWICE
def test_slow_close_delays_the_fin_alone(world):
    client, far = shaped(world, "slow_close", linger="500ms")
    capture = world.capture()
    far.send(b"last words")
    assert client.recv(10) == b"last words"
    closed = time.monotonic_ns()
    far.close()
    assert client.end() == "EOF"
    fin = next(p for p in said(world, capture) if "F" in p.flags)
    assert 0.5 - SLACK <= (fin.mono_ns - closed) / 1e9 < 2


@EVERYWHERE
def test_a_reply_after_the_clients_shutdown_arrives_through_latency(world):
    client, far = shaped(world, "latency", talk=False, latency="50ms", direction="both")
    client.send(b"request")
    client.sock.shutdown(1)
    assert far.recv(7) == b"request"
    assert far.end() == "EOF"
    far.send(b"reply" * 1000)
    far.close()
    assert client.recv(5000) == b"reply" * 1000
    assert client.end() == "EOF"
    world.deadpeer.wait_event("session.closed", reason="closed", downstream_bytes=5000)


@WIRES
def test_a_reset_keeps_its_place_behind_the_bytes(world):
    client, far = shaped(world, "latency", latency="200ms", talk=False, direction="both")
    other, other_far = world.session(talk=False)
    world.deadpeer.wait_event("session.connected", nth=2)
    begin = time.monotonic()
    far.send(b"last words")
    far.abort()
    client.send(b"into the void")
    other.abort()  # idle
    assert client.recv(10) == b"last words"
    assert client.end() == "ECONNRESET"
    assert 0.195 < time.monotonic() - begin < 2
    assert other_far.end() == "ECONNRESET"
    assert 0.195 < time.monotonic() - begin < 2
    for reason in "server_reset", "client_reset":
        world.deadpeer.wait_event("session.closed", reason=reason)


@ONCE
def test_a_reset_on_its_way_arrives_at_once_when_all_is_lifted(world):
    client, far = shaped(world, "latency", latency="1h", direction="both", talk=False)
    far.send(b"last words")
    far.abort()
    assert client.end(0.1) == "nothing"
    world.deadpeer.lift()
    assert client.recv(10) == b"last words"
    assert client.end() == "ECONNRESET"


@ONCE
def test_both_ends_reset_while_one_is_on_its_way(world):
    client, far = shaped(world, "latency", latency="1h", direction="both", talk=False)
    far.send(b"last words")
    far.abort()
    client.send(b"x")
    client.abort()
    world.deadpeer.wait_event("session.closed", reason="server_reset")


def cpu_seconds(d):
    with open(f"/proc/{d.pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@ONCE
def test_bytes_to_an_end_that_was_reset_do_not_keep_it_busy(world):
    d = world.serve(faults={"up": {"type": "latency", "latency": "50ms", "direction": "upstream"},
                            "down": {"type": "latency", "latency": "1h"}})
    client, far = world.session(talk=False)
    d.wait_event("session.connected")
    client.send(b"under way")
    far.abort()
    before = cpu_seconds(d)
    assert client.end(0.6) == "nothing"
    client.send(b"and more")
    assert client.end(0.3) == "nothing"
    assert cpu_seconds(d) - before < 0.3
    wait_until(lambda: client.info.unacked == 0, 5, "it to be read")
    d.lift("up")
    d.lift("down")
    assert client.end() == "ECONNRESET"


# ---- slicer, slow_drip, stall ----

@namespaces
@WIRES
def test_slicer_is_seen_on_the_wire(world):
    client, far = shaped(world, "slicer", talk=False, average_size=40, size_variation=20,
                         pause="1ms")
    capture = world.capture()
    text = bytes(range(256)) * 4
    far.send(text)
    assert client.recv(1024) == text
    lengths = [length for _, length in data_times(said(world, capture))]
    assert sum(lengths) == 1024
    assert max(lengths) <= 60 and len(set(lengths)) > 3


@namespaces
@TWICE
def test_slow_drip_keeps_its_beat(world):
    client, far = shaped(world, "slow_drip", talk=False, size=2, interval="40ms")
    capture = world.capture()
    begin = time.monotonic()
    far.send(b"0123456789")
    assert client.recv(10) == b"0123456789"
    drops = data_times(said(world, capture))
    assert [length for _, length in drops] == [2] * 5
    for n, (at, _) in enumerate(drops):
        assert n * 0.04 - SLACK <= at - begin < n * 0.04 + 1


@namespaces
@TWICE
def test_stall_stops_after_each_portion(world):
    client, far = shaped(world, "stall", talk=False, bytes=1000, pause="200ms")
    capture = world.capture()
    begin = time.monotonic()
    far.send(b"x" * 2500)
    assert client.recv(2500) == b"x" * 2500
    portions = data_times(said(world, capture))
    assert [length for _, length in portions] == [1000, 1000, 500]
    for n, (at, _) in enumerate(portions):
        assert n * 0.2 - SLACK <= at - begin < n * 0.2 + 1


# ---- limit_data ----

def limited(world, then):
    client, far = shaped(world, "limit_data", talk=False, bytes=600, then=then)
    capture = world.capture()
    client.send(b"not counted")
    assert far.recv(11) == b"not counted"
    far.send(b"x" * 500)
    assert client.recv(500) == b"x" * 500
    far.send(b"y" * 500)
    assert client.recv(100) == b"y" * 100
    return client, far, capture


def lengths_to_client(world, capture):
    return sum(p.length for p in said(world, capture))


@namespaces
@WIRES
def test_limit_data_then_fin(world):
    client, far, capture = limited(world, "fin")
    assert client.end() == "EOF"
    assert far.end() == "EOF"
    packets = said(world, capture)
    assert lengths_to_client(world, capture) == 600
    assert any("F" in p.flags for p in packets) and not any("R" in p.flags for p in packets)
    world.deadpeer.wait_event("session.closed", reason="fault", fault="f", downstream_bytes=600)


@namespaces
@WIRES
def test_limit_data_then_rst(world):
    client, far, capture = limited(world, "rst")
    assert client.end() == "ECONNRESET"
    assert far.end() == "ECONNRESET"
    packets = said(world, capture)
    assert lengths_to_client(world, capture) == 600
    assert "R" in packets[-1].flags and not any("F" in p.flags for p in packets)


@namespaces
@WIRES
def test_limit_data_then_silent(world):
    client, far, capture = limited(world, "silent")
    fired = world.deadpeer.wait_event("fault.fired", fault="f", session=1, nth=2)
    client.send(b"anybody?")
    wait_until(lambda: client.info.retransmits >= 2, 5, "retransmissions")
    assert far.end(0.1) == "nothing" and far.received == b""
    assert all(p.signed for p in said(world, capture, after=fired["mono_ns"]))
    lifted = world.deadpeer.lift()
    assert lifted["segments"] >= 2 and lifted["touched"]
    assert client.recv(400) == b"y" * 400
    assert far.recv(8) == b"anybody?"


@namespaces
@TWICE
def test_limit_data_then_hang(world):
    client, far, _ = limited(world, "hang")
    world.deadpeer.wait_event("fault.fired", fault="f", session=1, nth=2)
    client.send(b"anybody?")
    wait_until(lambda: client.info.unacked == 0, 5, "the kernel's acknowledgement")
    assert (far.end(0.1), client.end(0.1)) == ("nothing", "nothing")
    world.deadpeer.lift()
    assert client.recv(400) == b"y" * 400
    assert far.recv(8) == b"anybody?"


# ---- timeout, reset_peer ----

@namespaces
@TWICE
def test_timeout_throws_all_away_and_closes(world):
    client, far = shaped(world, "timeout", talk=False, timeout="300ms")
    began = world.deadpeer.events("session.opened")[0]["mono_ns"]
    capture = world.capture()
    client.send(b"hello")
    assert far.recv(5) == b"hello"
    far.send(b"never arrives")
    time.sleep(0.15)
    far.send(b"and restarts no clock")
    assert client.end() == "EOF"
    assert client.received == b""
    assert 0.295 < (time.monotonic_ns() - began) / 1e9 < 2
    assert far.end() == "EOF"
    packets = said(world, capture)
    assert sum(p.length for p in packets) == 0 and any("F" in p.flags for p in packets)


@ONCE
def test_timeout_lifted_goes_on_without_what_was_lost(world):
    client, far = shaped(world, "timeout", talk=False)
    far.send(b"lost")
    wait_until(lambda: far.info.unacked == 0, 5, "it to be acknowledged")
    world.deadpeer.lift()
    client.exchange(far)


@namespaces
@WIRES
def test_reset_peer_resets_idle_connections_older_than_itself(world):
    d = world.serve()
    client, far = world.session()
    capture = world.capture()
    fired = d.strike("reset_peer", timeout="300ms")
    observe(client, far, seconds=5, until_settled=True)
    for peer in client, far:
        assert peer.words == ("ECONNRESET",)
        assert 0.295 < (peer.history[0][1] - fired["mono_ns"]) / 1e9 < 2
    packets = said(world, capture, after=fired["mono_ns"])
    assert "R" in packets[0].flags and "F" not in packets[0].flags


@namespaces
@ONCE
def test_reset_peer_at_once_while_the_upstream_is_dialled(world):
    d = world.serve({"proxy nowhere": {"listen": world.listen_text(), "upstream": "10.9.2.99:1"}},
                    faults={"f": {"type": "reset_peer"}})
    assert world.connect_and_hear() == "ECONNRESET"
    assert world.connect_and_hear("nowhere") == "ECONNRESET"
    d.wait_event("session.closed", nth=2, reason="fault", fault="f")


@ONCE
def test_reset_peer_lifted_before_loses_nothing(world):
    client, far = shaped(world, "reset_peer", talk=False, timeout="1h")
    far.send(b"held back")
    assert client.end(0.1) == "nothing"
    world.deadpeer.lift()
    assert client.recv(9) == b"held back"


# ---- corrupt ----

def told_offsets(d):
    events = d.events("bytes.corrupted", fault="f", direction="downstream")
    offsets = [int(n) for e in events for n in e["offsets"].split(",")]
    assert len(offsets) == sum(e["bytes"] for e in events)
    return offsets


@TWICE
def test_corrupt_tells_the_bytes_that_differ(world):
    text = bytes(300_000)
    found = []
    for _ in range(2):  # the same seed twice
        d = world.serve(faults={"f": {"type": "corrupt", "rate": "0.01%"}})
        world.deadpeer = d
        client, far = world.session(talk=False)
        for at in range(0, len(text), 10_000):
            far.send(text[at:at + 10_000])
        got = client.recv(len(text))
        differ = [n for n, byte in enumerate(got) if byte]
        assert differ == told_offsets(d) and len(differ) > 10
        assert all(bin(got[n]).count("1") == 1 for n in differ)
        found.append(differ)
    assert found[0] == found[1]


# ---- fin_race ----

@namespaces
@WIRES
def test_fin_race_meets_the_request(world):
    d = world.serve(faults={"f": {"type": "fin_race", "after": "200ms"}})
    client, far = world.session()  # no silence yet: it is served
    capture = world.capture()
    assert client.end(0.3) == "nothing"
    too_late(world, d, capture, client, far)


def too_late(world, d, capture, client, far):
    """A request meets the end; when FIN came, and RST behind it, in ns after the request."""
    sent = time.monotonic_ns()
    client.send(b"GET /")
    d.wait_event("session.closed", reason="fault", fault="f")
    assert client.end() == "EOF"
    with pytest.raises(BrokenPipeError):
        client.sock.send(b"x")
    assert far.end() == "EOF" and far.received == b""
    packets = [p for p in said(world, capture, after=sent) if set(p.flags) & set("FR")]
    assert ["F" in p.flags for p in packets] == [True, False]
    assert "R" in packets[1].flags
    return [p.mono_ns - sent for p in packets]


@namespaces
@WIRES
def test_fin_race_is_late_as_the_answers_are(world):
    d = world.serve(faults={"f": {"type": "fin_race"}, "late": {"type": "latency", "latency": "200ms"}})
    client, far = world.session(talk=False)
    capture = world.capture()
    far.send(b"hello")
    fin, rst = too_late(world, d, capture, client, far)
    assert client.received == b"hello"
    assert 200e6 <= fin <= rst


@ONCE
def test_fin_race_chooses_sessions(world):
    world.serve(faults={"f": {"type": "fin_race", "every": 2, "other": "abort"}})
    client, far = world.session()
    second = world.connect()
    second_far = world.keep(world.server.accept())
    second.send(b"GET /")
    assert second.end() in ("EOF", "ECONNRESET")
    assert second_far.end() == "ECONNRESET"
    client.exchange(far)


# ---- live ----

def change(d, **keys):
    before = time.monotonic_ns()
    d.change({"fault f": {"proxy": "*", **keys}})
    d.wait_event("fault.updated", after=before, fault="f")


@TWICE
def test_armed_updated_and_lifted_on_one_connection(world):
    d = world.serve()
    client, far = world.session()
    d.strike("latency", latency="50ms")
    assert one_way(far, client) >= 0.050
    change(d, type="latency", latency="150ms")
    assert one_way(far, client) >= 0.150
    far.send(b"under way")
    change(d, type="latency", latency="1h")
    far.send(b" and more")
    assert client.end(0.2) == "nothing"
    change(d, type="latency", latency="0")
    assert client.recv(18) == b"under way and more"
    change(d, type="latency", latency="1h")
    far.send(b"held")
    assert client.end(0.1) == "nothing"
    d.lift()
    assert client.recv(4) == b"held"
    assert min(one_way(far, client) for _ in range(5)) < 0.050
    assert not d.events("session.closed")


@variants(("v4",), ("splice",), ("nobody",))
def test_what_waits_is_in_pipes_that_go_back(world, pipes=3):
    """splice = on: each message that waits has a pipe of its own; they go back to the pool, which has
    enough of them for the flow once nothing shapes it any more."""
    d = world.serve(faults={"f": {"type": "latency", "latency": "1ms", "direction": "both"}})
    client, far = world.session()
    client.exchange(far)
    d.lift()
    d.strike("latency", latency="1h", direction="upstream")
    sent = []

    def another():
        sent.append(client.send(b"x"))
        return d.open_files("pipe:") >= 2 * pipes

    wait_until(another, 10, "messages to wait in pipes")
    d.lift()
    assert far.recv(len(sent)) == b"x" * len(sent)
    waited = d.open_files("pipe:")
    d.strike("latency", latency="30ms", direction="both")
    assert one_way(far, client) >= 0.030
    d.lift()
    assert min(one_way(far, client) for _ in range(5)) < 0.030
    assert d.open_files("pipe:") == waited


def shaped_flows(d):
    """As SIGUSR1 tells of the only session."""
    before = len(d.events("session.dump"))
    d.signal(signal.SIGUSR1)
    return d.wait_event("session.dump", nth=before + 1)["shaped"]


@TWICE
def test_a_flow_goes_its_own_way_again(world):
    """Idle or amid a transfer: as soon as nothing shapes it and nothing waits any more."""
    d = world.serve()
    client, far = world.session()
    assert shaped_flows(d) == []
    d.strike("latency", latency="1h", direction="both")
    client.send(b"late")
    wait_until(lambda: client.info.unacked == 0)
    assert shaped_flows(d) == ["upstream", "downstream"]
    d.lift()
    assert far.recv(4) == b"late"
    assert shaped_flows(d) == []
    down, end = Pour(far.sock, 64 * MIB, "down"), Drink(client.sock)
    d.strike("bandwidth", rate="50MB/s")
    wait_until(lambda: end.done > MIB, 20)
    assert shaped_flows(d) == ["downstream"]
    d.lift()
    wait_until(lambda: shaped_flows(d) == [], 20, "nothing to be shaped")
    assert end.done < down.total, "it was over before"
    same(down, end)


@EVERYWHERE
def test_nothing_is_lost_amid_changes(world, size=12 * MIB):
    d = world.serve()
    client, far = world.session(talk=False)
    up, down = Pour(client.sock, size, "up"), Pour(far.sock, size, "down")
    up_end, down_end = Drink(far.sock), Drink(client.sock)
    steps = [{"type": "latency", "latency": "20ms", "jitter": "10ms"},
             {"type": "latency", "latency": "5ms"},
             {"type": "bandwidth", "rate": "5MB/s"},
             {"type": "bandwidth", "rate": "50MB/s"},
             {"type": "slicer", "average_size": 9000, "size_variation": 4000},
             {"type": "stall", "bytes": "1MiB", "pause": "5ms"},
             None]
    for keys in steps:
        before = up_end.done + down_end.done
        section = keys and {"proxy": "*", "direction": "both", **keys}
        d.change({"fault f": section})
        wait_until(lambda: up_end.done + down_end.done > min(before + MIB, 2 * size - 1), 20)
    same(up, up_end)
    same(down, down_end)


@ONCE
def test_a_slow_reader_bounds_what_is_held(world):
    """The source ends in a zero window: deadpeer keeps no more than buffer says."""
    d = world.serve(faults={"f": {"type": "bandwidth", "rate": 0}}, settings={"buffer": "64KiB"})
    client, far = world.session(talk=False)
    far.sock.setblocking(False)
    accepted = 0
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            accepted += far.sock.send(b"x" * 65536)
        except BlockingIOError as e:
            assert e.errno == errno.EAGAIN
            if far.info.snd_wnd == 0 or far.info.probes:
                break
            time.sleep(0.01)
    assert far.info.snd_wnd == 0 or far.info.probes
    d.lift()
    assert len(client.recv(accepted, timeout=20)) == accepted
