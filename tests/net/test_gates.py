"""What clients meet before there is a session: no room, a full accept queue, a server reached late."""

import errno
import os
import signal
import socket
import time

import pytest
from conftest import ONCE, namespaces, variants
from peer import FAMILY, Peer, observe, start_connect, wait_until

TCP_SYNCNT = 7
TOLD_LATE = 0.05  # s: session.opened comes a little after the moment from which it is counted

EACH = variants(("v4", "v6"), ("splice",), ("exact", "nobody"))


def impatient(peer):
    """Gives up after two SYNs."""
    peer.sock.setsockopt(socket.IPPROTO_TCP, TCP_SYNCNT, 1)
    return peer


def netstat(machine, *names):
    """Counters of TcpExt, as of /proc/net/netstat."""
    with machine.inside(), open("/proc/thread-self/net/netstat") as f:
        keys, values = [line.split() for line in f if line.startswith("TcpExt:")][:2]
    table = dict(zip(keys, values))
    return [int(table[name]) for name in names]


def unix_client(path):
    """A Peer whose connect(2) to the path has succeeded, or the error's name."""
    sock = socket.socket(socket.AF_UNIX)
    sock.setblocking(False)
    err = sock.connect_ex(path)
    if err:
        sock.close()
        return errno.errorcode[err]
    return Peer(sock, "unix")


def serve_unix(world):
    d = world.serve(start=False)
    path = d.path("sock")
    d.sections["proxy proxy"] = world.proxy_section(listen=f"unix:{path}")
    d.start()
    return d, path


# --- max_connections ---


@EACH
def test_no_room_for_a_third_until_one_has_gone(world):
    d = world.serve()
    d.strike("max_connections", limit=2)
    (a, a_far), (b, b_far) = world.session(), world.session()
    d.wait_event("proxy.gate", new="refuse")
    assert world.connect_and_hear() == "ECONNREFUSED"
    a.exchange(a_far)
    before = time.monotonic_ns()
    a.close()
    a_far.close()
    d.wait_event("proxy.gate", new="open", after=before)
    c, c_far = world.session()
    d.wait_event("proxy.gate", new="refuse", after=before)
    assert world.connect_and_hear() == "ECONNREFUSED"
    b.exchange(b_far)
    d.lift()
    world.session()
    c.exchange(c_far)


@namespaces
@EACH
def test_silent_no_syn_is_answered_until_one_has_gone(world):
    d = world.serve()
    fired = d.strike("max_connections", limit=1, mode="silent")
    assert fired["grade"] == d.privilege.grade
    a, a_far = world.session()
    d.wait_event("proxy.gate", new="silent")
    capture = world.capture()
    waiting = world.start_connect()
    observe(waiting, seconds=0.6)
    assert waiting.words == () and waiting.state == "SYN_SENT"
    assert not [p for p in capture.packets(src=world.host_addr, dport=waiting.sock.getsockname()[1])
                if not p.signed]
    d.wait_event("segments.dropped", leg="listener")
    a.exchange(a_far)
    a.close()
    a_far.close()
    observe(waiting, seconds=5, until_settled=True)
    assert waiting.words == ("accepted",)
    waiting.exchange(world.server.accept())


@EACH
@pytest.mark.parametrize("mode", ["rst", "silent"])
def test_who_gets_in_by_a_race_is_struck(world, mode):
    d = world.serve()
    d.strike("max_connections", limit=2, mode=mode)
    d.signal(signal.SIGSTOP)
    clients = [world.connect(name=f"client {n}") for n in range(5)]  # into the accept queue
    d.signal(signal.SIGCONT)
    d.wait_event("proxy.gate", new={"rst": "refuse", "silent": "silent"}[mode])
    fars = [world.server.accept() for _ in range(2)]
    for client in clients[2:]:
        client.sock.setblocking(False)
        if mode == "silent":
            client.sock.send(b"?")
    observe(*clients, seconds=0.5)
    for client in clients[2:]:
        if mode == "rst":
            assert client.words == ("ECONNRESET",)
        else:
            assert client.words == () and client.info.unacked > 0
    by_port = {client.sock.getsockname()[1]: client for client in clients[:2]}
    assert len(by_port) == 2
    for client, far in zip(clients[:2], fars):
        assert client.words == ()
        client.send(b"x")
    assert [far.recv(1) for far in fars] == [b"x", b"x"]
    with pytest.raises(TimeoutError):
        world.server.accept(0.2)


@ONCE
def test_who_was_there_before_stays(world):
    d = world.serve()
    pairs = [world.session() for _ in range(3)]
    fired = d.strike("max_connections", limit=1)
    assert fired["sessions"] == 0
    assert world.connect_and_hear() == "ECONNREFUSED"
    for client, far in pairs:
        client.exchange(far)
    for client, far in pairs[:2]:  # still one too many, then just as many as there is room for
        client.close()
        far.close()
    d.wait_event("session.closed", nth=2)
    assert world.connect_and_hear() == "ECONNREFUSED"
    before = time.monotonic_ns()
    pairs[2][0].abort()
    assert pairs[2][1].end() == "ECONNRESET"
    d.wait_event("proxy.gate", new="open", after=before)
    world.session()


@EACH
def test_what_is_left_of_a_dead_host_takes_no_place(world):
    d = world.serve()
    d.strike("max_connections", limit=1)
    client, far = world.session()
    d.wait_event("proxy.gate", new="refuse")
    before = time.monotonic_ns()
    d.change({"fault p": {"type": "power_loss", "proxy": "*", "after_idle": "50ms"}})
    d.wait_event("fault.fired", fault="p", session=1)
    d.wait_event("proxy.gate", new="open", after=before)
    assert far.end() == "ECONNRESET"
    observe(client, seconds=0.2)
    assert client.words == (), "it waits for a host that says nothing more"
    world.connect()


@ONCE
def test_a_unix_socket_has_a_limit_too(world):
    d, path = serve_unix(world)
    d.strike("max_connections", limit=1)
    first = world.keep(unix_client(path))
    far = world.keep(world.server.accept())
    d.wait_event("proxy.gate", new="refuse")
    assert unix_client(path) == "ECONNREFUSED"
    first.exchange(far)
    before = time.monotonic_ns()
    first.close()
    far.close()
    d.wait_event("proxy.gate", new="open", after=before)
    second = world.keep(unix_client(path))
    second.exchange(world.keep(world.server.accept()))
    d.change({"fault f": {"type": "max_connections", "proxy": "*", "mode": "silent"}},
             expect="config.rejected")


@ONCE
def test_who_cannot_listen_again_tries_until_it_can(world):
    d, path = serve_unix(world)
    d.strike("refuse")
    d.wait_event("proxy.gate", new="refuse")
    os.unlink(path)
    os.mkdir(path)  # in the way
    d.lift()
    d.wait_event("accept.paused")
    os.rmdir(path)
    wait_until(lambda: not isinstance(unix_client(path), str), 10, "it to listen again")
    world.keep(world.server.accept())
    world.keep(unix_client(path)).exchange(world.keep(world.server.accept()))
    d.wait_event("accept.resumed")
    assert len(d.events("accept.paused")) == 1


@ONCE
def test_a_storm_never_gets_more_than_the_limit_through(world, clients=40, limit=3):
    """Clients that come and go as fast as they can; the server counts who is there at a time."""
    d = world.serve()
    d.strike("max_connections", limit=limit)
    served = 0
    for _ in range(clients):
        peers = [world.start_connect() for _ in range(4)]
        observe(*peers, seconds=3, until_settled=True)
        fars = []
        try:
            while len(fars) <= limit:
                fars.append(world.server.accept(0.05))
        except TimeoutError:
            pass
        assert len(fars) <= limit
        served += len(fars)
        for peer in peers + fars:
            peer.close()
        wait_until(lambda: len(d.events("session.opened")) == len(d.events("session.closed")), 5)
    assert served >= clients
    wait_until(lambda: d.events("proxy.gate")[-1]["new"] == "open", 5)
    world.session()


# --- accept_queue_full ---


@EACH
def test_syns_are_dropped_by_a_full_queue(world):
    d = world.serve()
    old, old_far = world.session()
    sockets = d.open_files("socket:")
    before = netstat(world.lab.host, "ListenOverflows", "ListenDrops")
    fired = d.strike("accept_queue_full")
    assert fired["grade"] == "exact"
    d.wait_event("proxy.gate", old="open", new="full")
    lost, patient = impatient(world.start_connect()), world.start_connect()
    old.exchange(old_far)
    observe(lost, seconds=10, until_settled=True)
    assert lost.words == ("ETIMEDOUT",) and patient.state == "SYN_SENT"
    after = netstat(world.lab.host, "ListenOverflows", "ListenDrops")
    assert after[0] >= before[0] + 3 and after[1] >= before[1] + 3  # two SYNs of one, the other's
    d.lift()
    observe(patient, seconds=20, until_settled=True)
    assert patient.words == ("accepted",)
    patient.exchange(world.keep(world.server.accept()))
    old.exchange(old_far)
    assert len(d.events("session.opened")) == 2, "what filled the queue is no session"
    wait_until(lambda: d.open_files("socket:") == sockets + 2, 2, "nothing is left of it")


@EACH
def test_some_still_fit_and_come_alive_afterwards(world):
    fit_and_come_alive(world, 2)


@ONCE
@pytest.mark.parametrize("room", [1, 5])
def test_fewer_or_more_fit(world, room):
    fit_and_come_alive(world, room)


def fit_and_come_alive(world, room):
    d = world.serve(faults={"f": {"type": "accept_queue_full", "room": room}})
    fitting = []
    for n in range(room):
        fitting.append(world.connect(name=f"client {n}"))
        fitting[-1].send(b"x")
    late = impatient(world.start_connect())
    observe(late, seconds=10, until_settled=True)
    assert late.words == ("ETIMEDOUT",)
    wait_until(lambda: all(p.info.unacked == 0 for p in fitting), 2, "its kernel acknowledges")
    assert d.events("session.opened") == []
    d.lift()
    for client in fitting:
        far = world.keep(world.server.accept())
        assert far.recv(1) == b"x"
    world.session()
    assert len(d.events("session.opened")) == room + 1


@EACH
def test_every_address_of_the_machine(world):
    d = world.serve(proxy={"listen": ":0"})
    port = d.address()[1]
    d.strike("accept_queue_full")
    peers = [world.keep(start_connect(world.lab.client, FAMILY[family],
                                      (world.lab.host.addr[family], port)))
             for family in ("v4", "v6")]
    observe(*peers, seconds=0.6)
    assert [p.words for p in peers] == [(), ()]
    d.lift()
    observe(*peers, seconds=5, until_settled=True)
    assert [p.words for p in peers] == [("accepted",)] * 2
    world.server.accept()
    world.server.accept()


@ONCE
def test_a_unix_sockets_queue_is_full_too(world):
    d, path = serve_unix(world)
    d.strike("accept_queue_full", room=1)
    fits = world.keep(unix_client(path))
    assert unix_client(path) == "EAGAIN"
    fits.send(b"x")
    d.lift()
    assert world.keep(world.server.accept()).recv(1) == b"x"
    d.strike("accept_queue_full")
    assert unix_client(path) == "EAGAIN"
    d.lift()
    world.keep(unix_client(path)).exchange(world.keep(world.server.accept()))
    assert len(d.events("session.opened")) == 2


@namespaces
@ONCE
@pytest.mark.parametrize("sysctl", [{"tcp_syncookies": 0}, {"tcp_syncookies": 2},
                                    {"tcp_abort_on_overflow": 1}], ids=str)
def test_however_the_machine_is_tuned(world, sysctl):
    world.lab.host.sysctl(**sysctl)
    d = world.serve(faults={"f": {"type": "accept_queue_full", "room": 2}})
    fitting = [world.connect() for _ in range(2)]
    late = impatient(world.start_connect())
    observe(late, seconds=10, until_settled=True)
    assert late.words == ("ETIMEDOUT",)
    d.lift()
    for client in fitting:
        client.send(b"x")
        assert world.keep(world.server.accept()).recv(1) == b"x"


@EACH
def test_other_gates_meanwhile(world):
    """full -> refuse -> full -> silent -> full -> hold -> open: what waits in the queue, ours
    included, is dealt with each time."""
    d = world.serve()
    d.strike("hang", name="stuck")
    sockets = d.open_files("socket:")
    d.strike("accept_queue_full", name="full")
    for stronger, gate in (("refuse", "refuse"), ("syn_drop", "silent")):
        before = time.monotonic_ns()
        d.strike(stronger, name="more")
        d.wait_event("proxy.gate", after=before, old="full", new=gate)
        peer = world.start_connect()
        observe(peer, seconds=0.3)
        assert peer.words == (("ECONNREFUSED",) if gate == "refuse" else ())
        peer.close()
        d.lift("more")
        d.wait_event("proxy.gate", after=before, old=gate, new="full")
        peer = world.start_connect()
        observe(peer, seconds=0.3)
        assert peer.words == ()
        peer.close()
    d.lift("full")
    queued = world.connect()
    queued.send(b"x")
    d.lift("stuck")
    assert world.keep(world.server.accept()).recv(1) == b"x"
    assert len(d.events("session.opened")) == 1
    wait_until(lambda: d.open_files("socket:") == sockets + 2, 2, "nothing is left of it")


# --- connect_delay ---


@EACH
def test_accepted_at_once_and_answered_late(world, hold=0.7):
    d = world.serve()
    before, before_far = world.session()
    d.strike("connect_delay", hold="700ms")
    begin = time.monotonic()
    client = world.connect()
    assert time.monotonic() - begin < 0.4, "the handshake is the kernel's"
    client.send(b"who is there?")
    before.exchange(before_far)
    far = world.keep(world.server.accept())
    assert time.monotonic() - begin >= hold
    assert far.recv(13) == b"who is there?"
    far.send(b"I")
    client.recv(1)
    assert hold <= time.monotonic() - begin < hold + 1
    opened, connected = (d.wait_event(e, session=2) for e in ("session.opened", "session.connected"))
    assert hold <= TOLD_LATE + (connected["mono_ns"] - opened["mono_ns"]) / 1e9 < hold + 0.5


@EACH
def test_lifted_early_it_comes_at_once(world):
    d = world.serve()
    d.strike("connect_delay")
    clients = [world.connect(name=f"client {n}") for n in range(3)]
    for client in clients:
        client.send(b"x")
    observe(*clients, seconds=0.5)
    with pytest.raises(TimeoutError):
        world.server.accept(0.1)
    assert d.events("session.connected") == []
    lifted = d.lift()
    for _ in clients:
        assert world.keep(world.server.accept()).recv(1) == b"x"
    connected = d.wait_event("session.connected", nth=3)
    assert (connected["mono_ns"] - lifted["mono_ns"]) / 1e9 < 0.5
    world.session()


@ONCE
def test_the_connect_timeout_begins_with_the_dial(world):
    d = world.serve(proxy={"connect_timeout": "300ms"})
    d.change({"fault f": {"type": "connect_delay", "proxy": "*", "hold": "900ms", "every": 2}})
    first, _ = world.session()
    client, far = world.session()
    client.exchange(far)
    first.close()
    opened, connected = (d.wait_event(e, session=n) for e, n in (("session.opened", 1),
                                                                 ("session.connected", 1)))
    assert (connected["mono_ns"] - opened["mono_ns"]) / 1e9 < 0.5, "the first is not held"


@ONCE
def test_several_at_once_and_only_some(world):
    d = world.serve()
    d.strike("connect_delay", name="short", hold="200ms")
    d.change({"fault long": {"type": "connect_delay", "proxy": "*", "hold": "800ms", "nth": 1}})
    client = world.connect()
    other = world.connect()
    for session, least, most in ((1, 0.8, 1.3), (2, 0.2, 0.7)):
        opened, connected = (d.wait_event(e, session=session)
                             for e in ("session.opened", "session.connected"))
        assert least <= TOLD_LATE + (connected["mono_ns"] - opened["mono_ns"]) / 1e9 < most
    assert client.state == other.state == "ESTABLISHED"


@ONCE
@pytest.mark.parametrize("how", ["fin", "rst"])
def test_a_client_that_leaves_meanwhile_is_noticed_when_it_is_dialled_for(world, how):
    d = world.serve()
    d.strike("connect_delay", hold="500ms")
    client = world.connect()
    client.send(b"bye")
    client.close() if how == "fin" else client.abort()
    far = world.keep(world.server.accept())
    if how == "fin":
        assert far.recv(3) == b"bye" and far.end() == "EOF"
        far.close()
    else:
        assert far.end() == "ECONNRESET"
    closed = d.wait_event("session.closed", session=1)
    assert closed["reason"] == {"fin": "closed", "rst": "client_reset"}[how]


@ONCE
def test_a_fault_and_the_end_of_the_program_meanwhile(world):
    d = world.serve(settings={"drain_timeout": "200ms"})
    d.strike("connect_delay")
    reset, kept = world.connect(), world.connect()
    d.strike("reset", name="r", clients=world.client_addr, nth=None, duration=0)
    assert reset.end() == "ECONNRESET" and kept.end() == "ECONNRESET"
    kept = world.connect()
    d.wait_event("session.opened", nth=3)
    d.signal(signal.SIGTERM)
    assert kept.end() == "ECONNRESET"
    assert d.wait() == 0
    assert os.path.exists(d.path("events"))
