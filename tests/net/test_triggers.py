"""Which sessions, and when: delay, duration, toxicity, after_bytes, after_idle, clients, nth,
first, every; and several faults at once."""

import time

import pytest
from conftest import ONCE, RELAY, WIRE, namespaces, variants
from peer import observe

WIRE_TWICE = variants(("v4", "v6"), ("splice",), ("exact", "nobody"))


def dead(peer, timeout=0.8):
    """The peer speaks and nobody acknowledges."""
    peer.sock.setblocking(False)
    try:
        peer.sock.send(b"?")
    except OSError:
        return False
    observe(peer, seconds=timeout)
    return peer.info.unacked > 0 and set(peer.words) <= {"accepted"}


def seconds_between(a, b):
    return (b["mono_ns"] - a["mono_ns"]) / 1e9


@pytest.mark.heavy  # for its bounds, not for its weight
@ONCE
def test_delay_and_duration_keep_time(world):
    d = world.serve(faults={"f": {"type": "power_loss", "delay": "400ms", "duration": "600ms"}})
    armed, fired, lifted = (d.wait_event(f"fault.{e}", fault="f")
                            for e in ("armed", "fired", "lifted"))
    assert 0.4 <= seconds_between(armed, fired) < 0.45
    assert 0.6 <= seconds_between(fired, lifted) + 0.005 < 0.65


@WIRE
def test_a_fault_of_the_file_holds_before_the_first_accept(world):
    """Not one connection slips in between listening and the fault."""
    d = world.serve(faults={"f": {"type": "power_loss"}})
    events = [e["event"] for e in d.events()]
    assert "fault.active" in events and "session.opened" not in events
    attempt = world.start_connect()
    observe(attempt, seconds=1.3)
    assert attempt.words == ()
    d.lift()
    observe(attempt, seconds=5, until_settled=True)
    assert attempt.words == ("accepted",)


@RELAY
@pytest.mark.parametrize("side, carrier", [("server", "far"), ("client", "client")])
def test_after_bytes_counts_the_direction_that_the_dying_end_sends(world, side, carrier):
    d = world.serve(faults={"f": {"type": "reset", "after_bytes": "1000", "side": side}})
    client, far = world.session(talk=False)
    talker, listener = (client, far) if carrier == "client" else (far, client)
    listener.send(b"b" * 5000)
    talker.recv(5000)
    talker.send(b"a" * 990)
    listener.recv(990)
    observe(client, far, seconds=0.1)
    assert (client.words, far.words) == ((), ())
    talker.send(b"a" * 20)
    assert client.end() == "ECONNRESET" and far.end() == "ECONNRESET"
    assert d.wait_event("fault.fired", fault="f")["sessions"] == 1
    second, second_far = world.session()
    assert (second.state, second_far.state) == ("ESTABLISHED",) * 2


@WIRE_TWICE
def test_after_bytes_with_a_window_of_its_own_for_each_session(world):
    d = world.serve(faults={"f": {"type": "partition", "after_bytes": "100KiB",
                                  "duration": "700ms"}})
    client, far = world.session(talk=False)
    bystander, bystander_far = world.session()
    far.send(b"d" * 200_000)
    d.wait_event("fault.fired", fault="f")
    bystander.exchange(bystander_far)
    assert len(client.recv(200_000)) == 200_000
    client.exchange(far)
    assert time.monotonic_ns() - d.events("fault.fired")[0]["mono_ns"] > 0.7e9


@WIRE_TWICE
def test_after_idle(world):
    d = world.serve(faults={"f": {"type": "power_loss", "after_idle": "800ms"}})
    busy, busy_far = world.session()
    idle, _ = world.session()
    begin = time.monotonic_ns()
    for _ in range(12):
        busy.exchange(busy_far)
        observe(busy, idle, seconds=0.1)
    fired = d.events("fault.fired", fault="f")
    assert [e["sessions"] for e in fired] == [1]
    assert 0.7e9 < fired[0]["mono_ns"] - begin < 1.0e9
    busy.exchange(busy_far)
    assert dead(idle)


def struck_of(world, d, count):
    """For each of so many new clients whether the other end of its session is dead."""
    peers = [world.connect() for _ in range(count)]
    d.wait_event("session.opened", nth=count)  # until then the kernel answers for the session
    for peer in peers:
        peer.sock.setblocking(False)
        peer.sock.send(b"?")
    observe(*peers, seconds=0.6)
    return [bool(peer.info.unacked) for peer in peers]


@WIRE_TWICE
@pytest.mark.parametrize("which, struck", [
    ({"nth": 2}, [2]), ({"first": 2}, [1, 2]), ({"every": 2}, [2, 4]),
    ({"first": 4, "every": 3}, [3])], ids=str)
def test_which_sessions(world, which, struck):
    d = world.serve(faults={"f": {"type": "power_loss", **which}})
    assert [n for n, hit in enumerate(struck_of(world, d, 5), 1) if hit] == struck


@WIRE_TWICE
def test_toxicity_is_rolled_once_for_each_session_and_repeats_with_the_seed(world):
    def struck():
        d = world.deadpeer = world.serve(faults={"f": {"type": "power_loss", "toxicity": "0.5"}})
        hit = struck_of(world, d, 40)
        d.stop()
        return hit

    first = struck()
    assert 8 <= sum(first) <= 32
    assert struck() == first


@namespaces
@WIRE_TWICE
def test_clients_chooses_by_address(world):
    """The client's machine has a second address; only that one is cut off."""
    address = world.lab.add_address(world.lab.client, world.variant.family)
    bits = {"v4": 32, "v6": 128}[world.variant.family]
    d = world.serve()
    def client_at(source):
        client = world.start_connect(source=source)
        observe(client, seconds=2, until_settled=True)
        far = world.keep(world.server.accept())
        client.exchange(far)
        return client, far

    spared, spared_far = client_at(world.client_addr)
    chosen, _ = client_at(address)
    fired = d.strike("power_loss", clients=f"{address}/{bits}")
    assert fired["sessions"] == 1
    spared.exchange(spared_far)
    newcomer = world.start_connect(source=address)
    assert dead(chosen)
    observe(newcomer, seconds=0.7)
    assert (newcomer.words, chosen.words) == ((), ("accepted",))
    client_at(world.client_addr)


# Several faults at once: silence > sudden end (process_crash, reset) > hang > orderly end.

@WIRE_TWICE
@pytest.mark.parametrize("order", ["silence first", "end first"])
@pytest.mark.parametrize("end", ["reset", "process_crash", "half_close"])
def test_silence_wins_over_every_end(world, order, end):
    """What ends in the dark is told when the wire speaks again."""
    d = world.serve()
    client, far = world.session()
    if order == "silence first":
        d.strike("partition", name="dark")
        d.strike(end, name="end")
    else:
        d.change({"fault end": {"type": end, "proxy": "*", "delay": "400ms"},
                  "fault dark": {"type": "partition", "proxy": "*"}})
        d.wait_event("fault.fired", fault="end")
    observe(client, far, seconds=0.6)
    assert (client.words, far.words) == ((), ())
    d.lift("dark")
    client.sock.setblocking(True)
    client.sock.send(b"?")
    assert client.end() in {"reset": ("ECONNRESET",), "process_crash": ("ECONNRESET", "EOF"),
                            "half_close": ("EOF",)}[end]


@WIRE_TWICE
@pytest.mark.parametrize("end, told", [("reset", "ECONNRESET"), ("process_crash", "EOF")])
def test_a_sudden_end_acts_through_a_hang(world, end, told):
    d = world.serve()
    client, _ = world.session()
    d.strike("hang", name="stop")
    d.strike(end, name="end")
    assert client.end(timeout=1) == told


@RELAY
def test_an_orderly_end_waits_for_a_hang(world):
    d = world.serve()
    client, far = world.session()
    d.strike("hang", name="stop")
    far.send(b"last words")
    far.close()
    d.strike("half_close", name="end")
    observe(client, seconds=0.5)
    assert client.words == () and not client.received
    d.lift("stop")
    assert client.end() == "EOF"


@WIRE_TWICE
def test_one_silence_ends_within_another(world):
    """Two partitions that overlap: silent until the last of them has healed."""
    d = world.serve()
    client, far = world.session()
    d.strike("partition", name="one")
    d.strike("partition", name="two")
    d.lift("one")
    client.send(b"!")
    observe(client, far, seconds=0.7)
    assert far.received == b"" and client.info.unacked == 1
    d.lift("two")
    assert far.recv(1) == b"!"


@WIRE_TWICE
def test_a_boot_within_a_partition_is_told_after_it(world):
    """The host dies and boots behind a cut cable: nothing is said until the cable is back."""
    d = world.serve()
    client, _ = world.session()
    d.strike("power_loss", name="dark")
    d.strike("partition", name="cut")
    d.lift("dark")
    client.send(b"?")
    observe(client, seconds=0.7)
    assert client.words == ()
    d.lift("cut")
    assert client.end() == "ECONNRESET"


@WIRE_TWICE
@pytest.mark.parametrize("weaker", ["refuse", "hang", "process_crash"])
def test_a_silent_address_wins_over(world, weaker):
    d = world.serve()
    d.strike(weaker, name="weaker")
    d.strike("syn_drop", name="dark")
    attempt = world.start_connect()
    observe(attempt, seconds=0.6)
    assert attempt.words == ()
    d.lift("dark")
    observe(attempt, seconds=4, until_settled=True)
    assert attempt.words == (("accepted",) if weaker == "hang" else ("ECONNREFUSED",))
    d.lift("weaker")
    fresh = world.connect()
    assert fresh.state == "ESTABLISHED"
