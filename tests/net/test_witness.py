"""witness = yes: what a death struck, and what the applications do about it. Those with CAP_NET_RAW
hear segments, the others see what their sockets show."""

import socket
import time

import pytest
from conftest import Variant, namespaces, only
from peer import Server, connect, observe, wait_until

# Each family once with root and once with nobody, the two relays by turns.
BOTH = only([Variant("v4", "splice", "exact"), Variant("v6", "copy", "nobody"),
             Variant("v6", "splice", "exact"), Variant("v4", "copy", "nobody")])
ONE = only([Variant("v4", "splice", "exact"), Variant("v4", "copy", "nobody")])


def segments(test):
    """Only with CAP_NET_RAW."""
    return namespaces(only([Variant("v4", "splice", "exact"), Variant("v6", "copy", "exact"),
                            Variant("v4", "copy", "raw")])(test))


MOMENT = 0.05  # what moved no longer ago than this moves still
BIG = 64 << 20  # more than all the buffers on the way hold


def serve(world, **kw):
    settings = {"witness": "yes", **kw.pop("settings", {})}
    return world.serve(settings=settings, **kw)


def port(peer):
    return peer.sock.getsockname()[1]


def of(peer):
    """The client as events name it."""
    host = peer.sock.getsockname()[0]
    return f"[{host}]:{port(peer)}" if ":" in host else f"{host}:{port(peer)}"


def session_of(d, peer):
    return d.wait_event("session.opened", client=of(peer))["session"]


def hears(world):
    return world.variant.privilege in ("exact", "equivalent", "partial", "raw")


def rest(seconds=0.15):
    """Lets time pass: what is tested is that nothing has moved for a while."""
    time.sleep(seconds)


# --- what there is, and what there is not ---


@BOTH
def test_the_start_tells_how_much_can_be_seen(world):
    d = serve(world)
    assert d.events("deadpeer.start")[0]["witness"] == ("segments" if hears(world) else "sessions")


NEW = ("session.struck", "session.bytes", "session.peer", "session.repeated", "client.syn")


@ONE
def test_without_it_nothing_of_it_is_told(world):
    d = world.serve()
    client, far = world.session()
    client.send(b"unanswered")
    assert far.recv(10) == b"unanswered"
    d.strike("process_crash")
    assert client.end() in ("EOF", "ECONNRESET")
    d.lift()
    again, far = world.session()
    again.send(b"unanswered")
    assert far.recv(10) == b"unanswered"
    again.close()
    closed = d.wait_event("session.closed", session=1)
    assert not [k for k in closed if "lost" in k]
    assert "witness" not in d.events("deadpeer.start")[0]
    assert not [e for e in d.events() if e["event"] in NEW]


@BOTH
def test_the_first_bytes_of_each_direction_are_told_once(world):
    d = serve(world)
    client, far = world.session(talk=False)
    far.send(b"banner")
    assert client.recv(6) == b"banner"
    first = d.wait_event("session.bytes")
    assert (first["direction"], first["bytes"], first["proxy"]) == ("downstream", 6, "proxy")
    for _ in range(3):
        client.exchange(far)
    client.close()
    d.wait_event("session.peer")
    told = d.events("session.bytes")
    assert [(e["direction"], e["bytes"]) for e in told] == [("downstream", 6), ("upstream", 14)]


@ONE
@pytest.mark.parametrize("death", ["partition", "hang"])
def test_the_first_bytes_after_a_strike_are_told_again(world, death):
    d = serve(world)
    client, far = world.session()
    client.exchange(far)
    for told in (4, 6):
        d.strike(death)
        d.lift()
        client.exchange(far)
        client.exchange(far)
        wait_until(lambda: len(d.events("session.bytes")) == told, what=f"{told} times first bytes")
    assert sorted(e["direction"] for e in d.events("session.bytes")) == \
        ["downstream"] * 3 + ["upstream"] * 3


@ONE
def test_what_a_strike_lost_is_told_with_it(world):
    d = serve(world)
    client, far = world.session()
    client.exchange(far)
    d.strike("power_loss")
    struck = d.wait_event("session.struck")
    assert (struck["upstream_lost_bytes"], struck["downstream_lost_bytes"]) == (0, 0)


# --- session.struck ---


def pour(peer):
    """As much as the way to a reader that does not read takes; returns how much that is."""
    peer.sock.setblocking(False)
    sent, idle_since, block = 0, time.monotonic(), b"p" * 65536
    while time.monotonic() - idle_since < 0.5 and sent < BIG:
        try:
            sent += peer.sock.send(block)
            idle_since = time.monotonic()
        except BlockingIOError:
            time.sleep(0.01)
    assert sent < BIG, "nothing stops it"
    return sent


def idle(client, far):
    client.exchange(far)
    rest()


def waiting(client, far):
    client.exchange(far)
    client.send(b"a question")
    assert far.recv(10) == b"a question"
    rest()


def blocked(client, far):
    client.exchange(far)
    pour(client)


SHAPES = {"idle": idle, "waiting": waiting, "blocked": blocked}
DEATHS = ("power_loss", "hang", "process_crash")


@ONE
@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_shape_that_a_client_was_in(world, death, shape):
    d = serve(world)
    client, far = world.session()
    SHAPES[shape](client, far)
    fired = d.strike(death)
    struck = d.wait_event("session.struck")
    assert struck["seq"] > fired["seq"]
    assert {k: struck[k] for k in ("fault", "proxy", "session", "client", "watcher", "shape")} == {
        "fault": "f", "proxy": "proxy", "session": session_of(d, client), "client": of(client),
        "watcher": "client", "shape": shape}
    assert struck["downstream_bytes"] in (14, 28) and struck["unacked_bytes"] == 0
    assert struck["upstream_idle_ns"] >= MOMENT * 1e9 and struck["downstream_idle_ns"] > MOMENT * 1e9
    order = struck["downstream_idle_ns"] - struck["upstream_idle_ns"]
    assert order < 0 if shape == "idle" else order > 0
    assert (struck["unread_bytes"] > 0) == (shape == "blocked")
    assert len(d.events("session.struck")) == 1


@ONE
@pytest.mark.parametrize("death", DEATHS)
def test_a_client_that_sends_is_busy(world, death):
    """Struck by its own bytes: not a moment has passed since, however slow the machine."""
    d = serve(world, faults={"f": {"type": death, "after_bytes": "2000B", "side": "both"}})
    client, far = world.session()
    client.send(b"x" * 3000)
    struck = d.wait_event("session.struck")
    assert (struck["watcher"], struck["shape"]) == ("both", "busy")
    assert struck["upstream_bytes"] == 2000 and struck["upstream_idle_ns"] < MOMENT * 1e9


@ONE
@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.parametrize("side", ["server", "client"])
def test_who_is_being_served_waits(world, death, side):
    """The other end's bytes strike; its own came a while ago, and were answered."""
    d = serve(world)
    client, far = world.session()
    client.exchange(far)
    d.change({"fault f": {"proxy": "*", "type": death, "after_bytes": "2000B", "side": side}})
    rest()
    (far if side == "server" else client).send(b"x" * 3000)
    struck = d.wait_event("session.struck")
    watcher, flow = {"server": ("client", "downstream"), "client": ("server", "upstream")}[side]
    assert (struck["watcher"], struck["shape"]) == (watcher, "waiting")
    assert struck[f"{flow}_bytes"] == 2000 and struck[f"{flow}_idle_ns"] < MOMENT * 1e9


@ONE
@pytest.mark.parametrize("death", DEATHS)
def test_what_is_unread_and_what_is_unacknowledged(world, death):
    """A second death strikes what has stopped already: what the client said meanwhile is unread,
    and what was said to it while it was deaf, unacknowledged."""
    d = serve(world)
    client, far = world.session()
    client.deaf()
    far.send(b"y" * 900)
    wait_until(lambda: d.events("session.bytes", direction="downstream"))
    rest()
    d.strike("hang", name="stop")
    first = d.wait_event("session.struck", fault="stop")
    assert first["unacked_bytes"] == 900 and first["shape"] == "idle"
    client.deaf(False)
    client.send(b"hello?")
    wait_until(lambda: client.info.bytes_acked >= 14 + 6)
    d.strike(death, name="dark")
    second = d.wait_event("session.struck", fault="dark")
    assert (second["shape"], second["unread_bytes"]) == ("busy", 6)


@ONE
def test_who_never_said_anything(world):
    d = serve(world)
    client, far = world.session(talk=False)
    d.strike("partition")
    struck = d.wait_event("session.struck")
    assert (struck["watcher"], struck["shape"]) == ("both", "idle")
    assert (struck["upstream_idle_ns"], struck["downstream_idle_ns"]) == (-1, -1)


@ONE
def test_what_shapes_bytes_strikes_nobody_until_it_ends_him(world):
    d = serve(world)
    client, far = world.session()
    d.strike("latency", latency="10ms")
    d.strike("limit_data", name="limit", bytes="100B")
    client.exchange(far)
    assert not d.events("session.struck")
    far.send(b"z" * 200)
    struck = d.wait_event("session.struck")
    assert (struck["fault"], struck["watcher"]) == ("limit", "both")


# --- session.peer ---


END = {"fin": lambda peer: peer.close(), "rst": lambda peer: peer.abort()}


@BOTH
@pytest.mark.parametrize("what", END)
@pytest.mark.parametrize("leg", ["client", "server"])
def test_an_application_that_ends_a_living_session(world, leg, what):
    d = serve(world)
    client, far = world.session()
    END[what]({"client": client, "server": far}[leg])
    told = d.wait_event("session.peer")
    assert {k: told[k] for k in ("leg", "what", "seen_by", "proxy")} == {
        "leg": leg, "what": what, "seen_by": "bytes", "proxy": "proxy"}


@segments
@pytest.mark.parametrize("what", END)
def test_a_client_that_gives_up_a_dead_host(world, what):
    d = serve(world)
    client, far = world.session()
    other, _ = world.session()
    d.strike("power_loss")
    number = session_of(d, client)
    END[what](client)
    told = d.wait_event("session.peer", session=number)
    assert (told["leg"], told["what"], told["seen_by"]) == ("client", what, "segment")
    rest(0.5)  # its kernel repeats the FIN
    assert len(d.events("session.peer", session=number)) == 1
    assert not d.events("session.peer", session=session_of(d, other))


@segments
@pytest.mark.parametrize("what", END)
def test_a_server_that_gives_up_a_dead_client(world, what):
    d = serve(world)
    client, far = world.session()
    d.strike("power_loss", side="client")
    END[what](far)
    told = d.wait_event("session.peer", leg="server")
    assert (told["what"], told["seen_by"]) == (what, "segment")


@only([Variant("v4", "copy", "nobody")])
def test_nobody_hears_nothing_of_a_silent_leg(world):
    d = serve(world)
    client, far = world.session()
    d.strike("power_loss")
    client.close()
    rest(0.5)
    assert not d.events("session.peer", leg="client") and not d.events("client.syn")


@BOTH
@pytest.mark.parametrize("what", END)
@pytest.mark.parametrize("leg", ["client", "server"])
def test_an_application_that_gives_up_a_hung_one(world, leg, what):
    """Nobody reads its socket, but its state tells."""
    d = serve(world)
    client, far = world.session()
    d.strike("hang")
    client.send(b"hello?")
    END[what]({"client": client, "server": far}[leg])
    told = d.wait_event("session.peer")
    assert (told["leg"], told["what"], told["seen_by"]) == (leg, what, "state")
    d.lift()
    d.wait_event("session.peer" if what == "fin" else "session.closed")
    assert len(d.events("session.peer", leg=leg, what=what)) == 1, "told once, though it is read now"


@ONE
def test_what_a_fault_ends_no_application_has_ended(world):
    d = serve(world)
    client, far = world.session()
    d.strike("reset")
    assert client.end() == "ECONNRESET" and far.end() == "ECONNRESET"
    d.wait_event("session.closed")
    rest()
    assert not d.events("session.peer")


# --- client.syn ---


@segments
def test_attempts_against_a_silent_address(world):
    """Each connect(2) once, and its retransmissions as such."""
    d = serve(world)
    d.strike("power_loss")
    capture = world.capture()
    peers = [world.start_connect() for _ in range(5)]
    observe(*peers, seconds=1.5)
    names = sorted(of(p) for p in peers)
    wait_until(lambda: len(d.events("client.syn", retransmission=False)) >= 5
               and len(d.events("client.syn")) >= 10)
    assert sorted(e["client"] for e in d.events("client.syn", retransmission=False)) == names
    syns = [p for p in capture.packets(dst=world.host_addr) if "S" in p.flags]
    assert len(d.events("client.syn")) == len(syns)
    assert {e["proxy"] for e in d.events("client.syn")} == {"proxy"}


@segments
def test_attempts_against_a_refusing_address(world):
    d = serve(world)
    d.strike("process_crash")
    peers = [world.start_connect() for _ in range(20)]
    observe(*peers, seconds=3, until_settled=True)
    assert {p.words for p in peers} == {("ECONNREFUSED",)}
    wait_until(lambda: len(d.events("client.syn")) >= 20)
    told = d.events("client.syn", retransmission=False)
    assert sorted(e["client"] for e in told) == sorted(of(p) for p in peers)
    assert len(d.events("client.syn")) == 20


@segments
def test_another_attempt_from_the_same_port_is_another(world):
    d = serve(world)
    d.strike("process_crash")
    first = world.start_connect()
    observe(first, seconds=3, until_settled=True)
    name, source = of(first), first.sock.getsockname()
    first.close()
    with world.lab.client.inside():
        again = socket.socket(world.family)
    again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    again.bind(source)
    again.connect_ex(d.address())
    again.close()
    wait_until(lambda: len(d.events("client.syn")) >= 2)
    told = d.events("client.syn")
    assert [(e["client"], e["retransmission"]) for e in told] == [(name, False)] * 2


@segments
def test_answered_attempts_are_told_and_our_own_are_not(world):
    """Those that fill the accept queue are deadpeer's own, and who connects to another port of the
    host is no client of ours."""
    d = serve(world)
    client, far = world.session()
    with world.lab.host.inside():
        other = world.keep(Server(world.lab.host, world.variant.family))
    world.keep(connect(world.lab.client, world.family, (other.host, other.port)))
    d.wait_event("client.syn", client=of(client), retransmission=False)
    d.strike("accept_queue_full")
    rest()
    assert len(d.events("client.syn")) == 1


@only([Variant("v4", "splice", "exact"), Variant("v6", "copy", "exact")])
def test_an_address_that_is_every_address(world):
    """A listener at [::] has IPv4 clients, too: both are named as session.opened names them."""
    d = serve(world, proxy={"listen": ":0"})
    address = world.host_addr, d.address()[1]
    client = world.keep(connect(world.lab.client, world.family, address))
    d.wait_event("client.syn", client=of(client), retransmission=False)
    number = session_of(d, client)
    world.keep(world.server.accept())
    d.strike("power_loss")
    client.abort()
    told = d.wait_event("session.peer", session=number)
    assert (told["leg"], told["what"], told["seen_by"]) == ("client", "rst", "segment")


# --- what was lost ---


@ONE
def test_bytes_that_the_relay_took_and_never_delivered(world):
    """Our kernel acknowledged them, and nobody read them: a hung process is killed."""
    d = serve(world)
    client, far = world.session()
    d.strike("hang", name="stop")
    client.send(b"n" * 4321)
    far.send(b"m" * 1234)
    for peer, n in (client, 4321), (far, 1234):
        wait_until(lambda p=peer, n=n: p.info.bytes_acked >= 14 + n)
    d.strike("process_crash", name="kill")
    closed = d.wait_event("session.closed")
    assert (closed["upstream_lost_bytes"], closed["downstream_lost_bytes"]) == (4321, 1234)


@ONE
def test_bytes_on_a_slow_way_are_lost_with_the_host(world):
    """They were read, and wait for their time when the host dies."""
    d = serve(world)
    client, far = world.session()
    d.strike("latency", name="slow", latency="30s", direction="upstream")
    client.send(b"n" * 777)
    wait_until(lambda: client.info.bytes_acked >= 14 + 777)
    d.strike("power_loss", duration="300ms")
    closed = d.wait_event("session.closed")
    assert closed["upstream_lost_bytes"] == 777 and "downstream_lost_bytes" not in closed


@ONE
@pytest.mark.parametrize("death", ["process_crash", "power_loss"])
def test_bytes_that_a_server_had_no_room_for(world, death):
    """Some wait in the relay, some in its sockets; what the server's kernel has is delivered."""
    d = serve(world)
    client, far = world.session()
    sent = pour(client)
    acked = wait_until(lambda: client.info.bytes_acked) - 1  # the SYN
    d.strike(death, **({"duration": "300ms"} if death == "power_loss" else {}))
    closed = d.wait_event("session.closed")
    far.end()
    got = len(far.received)
    assert got + closed["upstream_lost_bytes"] == acked - 14
    assert 0 < closed["upstream_lost_bytes"] < sent


@BOTH
def test_nothing_is_lost_when_nothing_is(world):
    d = serve(world)
    client, far = world.session()
    client.send(b"q" * 100000)
    assert far.recv(100000) == b"q" * 100000
    d.strike("hang")
    client.send(b"hello?")
    d.lift()
    assert far.recv(6) == b"hello?"
    client.close()
    assert far.end() == "EOF"
    far.close()
    closed = d.wait_event("session.closed")
    assert not [k for k in closed if "lost" in k]


# --- what came twice ---


REQUEST = b"INSERT INTO t VALUES (1);"


def unanswered(world, d, request=REQUEST, death="process_crash"):
    """A session that is struck before its server has answered; its number."""
    client, far = world.session()
    client.send(request)
    assert far.recv(len(request)) == request
    d.strike(death)
    d.lift()
    return session_of(d, client)


@BOTH
@pytest.mark.parametrize("death", DEATHS)
def test_a_request_that_comes_once_more(world, death):
    """Behind other bytes, and in two segments."""
    d = serve(world)
    number = unanswered(world, d, death=death)
    client, far = world.session()
    client.send(b"hello " + REQUEST[:7])
    assert far.recv(13) == b"hello " + REQUEST[:7]
    assert not d.events("session.repeated")
    client.send(REQUEST[7:] + b" and more")
    told = d.wait_event("session.repeated")
    assert (told["session"], told["of"], told["bytes"], told["proxy"]) == (
        session_of(d, client), number, len(REQUEST), "proxy")
    client.send(REQUEST)
    far.recv(len(REQUEST) * 2 - 7 + 9)
    assert len(d.events("session.repeated")) == 1


@ONE
def test_a_long_request_is_known_by_its_end(world):
    d = serve(world)
    request = bytes(range(1, 251)) * 200
    unanswered(world, d, request)
    client, far = world.session()
    client.send(request)
    assert d.wait_event("session.repeated")["bytes"] == 4096


@ONE
def test_bytes_that_are_others_are_not_told(world):
    d = serve(world)
    client, far = world.session()  # answered: what it had asked before does not count
    client.send(REQUEST)
    assert far.recv(len(REQUEST)) == REQUEST
    d.strike("hang", name="stop")  # it lives: not a later session
    d.lift("stop")
    client.send(REQUEST)
    assert far.recv(len(REQUEST)) == REQUEST
    again, far = world.session()
    again.send(REQUEST[:-1] + b"!" + b"are you there?")
    far.recv(len(REQUEST) + 14)
    again.exchange(far)
    assert not d.events("session.repeated")


@ONE
def test_an_answered_request_may_come_again(world):
    d = serve(world)
    client, far = world.session()
    client.send(REQUEST)
    assert far.recv(len(REQUEST)) == REQUEST
    far.send(b"1")
    assert client.recv(1) == b"1"
    d.strike("process_crash")
    d.lift()
    again, far = world.session()
    again.send(REQUEST)
    assert far.recv(len(REQUEST)) == REQUEST
    again.exchange(far)
    assert not d.events("session.repeated")


@ONE
def test_what_the_server_never_got_is_no_repetition(world):
    """It was held up in the relay: the second time is the first that the server sees."""
    d = serve(world)
    client, far = world.session()
    d.strike("hang", name="stop")
    client.send(REQUEST)
    wait_until(lambda: client.info.bytes_acked >= 14 + len(REQUEST))
    d.strike("process_crash", name="kill")
    d.lift("stop")
    d.lift("kill")
    again, far = world.session()
    again.send(REQUEST)
    assert far.recv(len(REQUEST)) == REQUEST
    again.exchange(far)
    assert not d.events("session.repeated")
