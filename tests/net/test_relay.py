"""The relay without any fault: no byte lost, added or reordered; ends passed on as what they were;
bounded memory; and what it does at its limits."""

import os
import resource
import socket
import time

import pytest
from bulk import Drink, Pour, same
from conftest import ONCE, RELAY, WIRE, namespaces
from names import Names
from proxy import SANITIZED
from peer import Peer, connect, deafen, observe, wait_until

MIB = 1 << 20


@RELAY
def test_bytes_intact_both_ways_at_once(world, size=24 * MIB):
    world.serve()
    sessions = [world.session(talk=False) for _ in range(3)]
    flows = [(Pour(a.sock, size, f"{n}{i}"), Drink(b.sock))
             for n, (client, far) in enumerate(sessions)
             for i, (a, b) in enumerate(((client, far), (far, client)))]
    for pour, drink in flows:
        same(pour, drink)
    world.deadpeer.wait_event("session.closed", nth=3)
    for e in world.deadpeer.events("session.closed"):
        assert (e["upstream_bytes"], e["downstream_bytes"]) == (size, size)


@RELAY
def test_splice_is_used_exactly_when_asked_for(world, size=96 * MIB):
    """Bytes in flight are in pipes, then, and no longer when they have arrived."""
    d = world.serve()
    idle = most = d.open_files("pipe:")
    client, far = world.session(talk=False)
    pour, drink = Pour(far.sock, size, "d"), Drink(client.sock)
    while drink.is_alive():
        most = max(most, d.open_files("pipe:"))
        time.sleep(0.002)
    same(pour, drink)
    assert (most > idle) == (world.variant.relay == "splice")


@RELAY
def test_small_messages_do_not_wait_for_each_other(world):
    """Two writes and an answer: with Nagle's algorithm each round would cost 40 ms (a delayed
    ACK)."""
    world.serve()
    client, far = world.session()
    begin = time.monotonic()
    for _ in range(100):
        client.send(b"head")
        assert far.recv(4) == b"head"
        client.send(b"body")
        assert far.recv(4) == b"body"
        far.send(b"ok")
        assert client.recv(2) == b"ok"
    assert time.monotonic() - begin < 2


@RELAY
@pytest.mark.parametrize("first", ["client", "server"])
def test_half_close_leaves_the_other_direction_alone(world, first):
    d = world.serve()
    client, far = world.session()
    closing, other = (client, far) if first == "client" else (far, client)
    closing.send(b"the end")
    closing.sock.shutdown(socket.SHUT_WR)
    assert other.recv(7) == b"the end" and other.end() == "EOF"
    pour, drink = Pour(other.sock, 4 * MIB, "x"), Drink(closing.sock)
    same(pour, drink)
    assert d.wait_event("session.closed")["reason"]


@RELAY
@pytest.mark.parametrize("first", ["client", "server"])
def test_reset_of_one_end_reaches_the_other_as_reset(world, first):
    world.serve()
    client, far = world.session()
    one, other = (client, far) if first == "client" else (far, client)
    one.abort()
    assert other.end() == "ECONNRESET"


@RELAY
def test_a_stalled_reader_costs_bounded_memory(world):
    d = world.serve()
    pairs = [world.session(talk=False) for _ in range(20)]
    before = _rss(d.pid)
    pattern = b"0123456789abcdef" * 8192
    sent = dict.fromkeys(range(len(pairs)), 0)
    quiet_since = time.monotonic()
    while time.monotonic() - quiet_since < 0.7:  # until no session takes any more
        for n, (client, _) in enumerate(pairs):
            client.sock.setblocking(False)
            try:
                while True:
                    sent[n] += client.sock.send(pattern[sent[n] % 16:][:65536])
                    quiet_since = time.monotonic()
            except BlockingIOError:
                pass
        time.sleep(0.02)
    grown = _rss(d.pid) - before
    assert SANITIZED or grown < 20 * 128 * 1024, f"{grown} bytes more for 20 stalled sessions"
    assert all(1 << 16 < n < 64 * MIB for n in sent.values()), sent
    client, far = pairs[7]
    received = 0
    while received < sent[7]:
        piece = far.recv(min(65536, sent[7] - received))
        assert piece and pattern[received % 16:].startswith(piece)
        received += len(piece)


@RELAY
def test_idle_sessions_hold_no_pipes(world):
    d = world.serve()
    sessions = [world.session() for _ in range(60)]
    for client, far in sessions:
        pour, drink = Pour(far.sock, MIB // 2, "p", shut=False), Drink(client.sock, total=MIB // 2)
        same(pour, drink)
    assert d.open_files("pipe:") <= 64
    assert d.open_files("socket:") >= 120


def _rss(pid):
    with open(f"/proc/{pid}/statm") as f:
        return int(f.read().split()[1]) * resource.getpagesize()


# The way to the server.

@RELAY
def test_a_refused_upstream_reaches_the_client_as_reset(world):
    world.serve()
    world.server.close()
    assert world.connect_and_hear() == "ECONNRESET"
    reason = world.deadpeer.wait_event("session.closed")["reason"]
    assert "refused" in reason.lower()


@WIRE
def test_a_silent_upstream_reaches_the_client_as_silence(world):
    """After connect_timeout nothing that the client sends is acknowledged."""
    deafen(world.server.sock)
    d = world.serve(proxy={"connect_timeout": "500ms"})
    client = world.connect().user_timeout(1.5)
    client.send(b"before")
    observe(client, seconds=1.0)
    assert client.words == ()
    client.sock.send(b"after")
    begin = time.monotonic()
    observe(client, seconds=4, until_settled=True)
    assert client.words == ("ETIMEDOUT",) and 1.3 < time.monotonic() - begin < 2.6
    assert len(d.events("session.opened")) == 1


@RELAY
def test_accepting_goes_on_while_a_dial_hangs(world):
    server = world.server
    deafen(server.sock)
    world.serve(proxy={"connect_timeout": "30s"})
    hanging = [world.connect() for _ in range(3)]
    wait_until(lambda: len(world.deadpeer.events("session.opened")) == 3)
    deafen(server.sock, on=False)
    begin = time.monotonic()
    world.session()
    assert time.monotonic() - begin < 0.5
    for n, client in enumerate(hanging):
        client.send(b"%d" % n)
    late = [world.keep(server.accept()) for _ in hanging]  # the SYN is repeated after a second
    assert {far.recv(1) for far in late} == {b"0", b"1", b"2"}


# Names.

NAME = "db.deadpeer.test"


def serve_by_name(world, table, **keys):
    names = world.keep(Names(world.lab.host, table))
    return names, world.serve(proxy={"upstream": f"{NAME}:{world.server.port}", **keys})


@namespaces
@RELAY
def test_an_upstream_by_name(world):
    names, _ = serve_by_name(world, {NAME: [world.server.host]})
    for _ in range(3):
        world.session()
    assert set(names.asked) == {NAME}


@namespaces
@RELAY
def test_a_name_is_asked_for_again_when_its_answer_expires(world):
    """The service moves to another address; open sessions stay where they are."""
    moved = world.add_server(port=world.server.port, host=world.add_server_address())
    names, d = serve_by_name(world, {NAME: [world.server.host]})
    client, far = world.session()
    names.table[NAME] = [moved.host]

    def new_session_reaches_it():
        with world.connect() as fresh:
            fresh.send(b"where?")
            for server in world.server, moved:
                try:
                    server.accept(timeout=0.1).close()
                    return server is moved
                except TimeoutError:
                    pass

    wait_until(new_session_reaches_it, 4)  # the answer was good for a second
    client.exchange(far)


@namespaces
@RELAY
def test_the_next_address_of_a_name_is_tried_when_one_refuses(world):
    nobody_there = world.add_server_address()
    serve_by_name(world, {NAME: [nobody_there, world.server.host]})
    for _ in range(4):
        world.session()


@namespaces
@RELAY
def test_a_name_that_does_not_exist_reaches_the_client_as_reset(world):
    _, d = serve_by_name(world, {})
    assert world.connect_and_hear() == "ECONNRESET"
    assert d.wait_event("session.closed")["reason"]


@namespaces
@RELAY
def test_a_name_server_that_is_silent_holds_up_nobody_else(world):
    names = world.keep(Names(world.lab.host, {NAME: None}))
    d = world.serve({"proxy slow": {"listen": world.listen_text(), "upstream": f"{NAME}:1",
                                    "connect_timeout": "1500ms"}})
    waiting = world.connect("slow").user_timeout(1)
    wait_until(lambda: names.asked, 2)
    begin = time.monotonic()
    world.session()
    assert time.monotonic() - begin < 0.3
    d.wait_event("session.state", timeout=4, new="dead")
    waiting.send(b"?")
    observe(waiting, seconds=4, until_settled=True)
    assert waiting.words == ("ETIMEDOUT",), "silence is not swallowed"


@RELAY
def test_localhost(world):
    """By /etc/hosts, on both ends."""
    with world.lab.host.inside():
        listener = world.keep(socket.create_server(("127.0.0.1", 0)))
    d = world.serve(proxy={"listen": "localhost:0",
                           "upstream": f"localhost:{listener.getsockname()[1]}"})
    host, port = d.address()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    client = world.keep(connect(world.lab.host, family, (host, port)))
    listener.settimeout(5)
    client.exchange(world.keep(Peer(listener.accept()[0])))


@RELAY
def test_unix_sockets_on_both_ends(world):
    d = world.serve(start=False)
    here, there = d.path("here.sock"), d.path("there.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(there)
        os.chmod(there, 0o777)
        listener.listen()
        d.sections["proxy proxy"] = {"listen": f"unix:{here}", "upstream": f"unix:{there}"}
        d.start()
        near = socket.socket(socket.AF_UNIX)
        near.connect(here)
        listener.settimeout(5)
        client, far = world.keep(Peer(near)), world.keep(Peer(listener.accept()[0]))
        client.exchange(far)
        up, down = Pour(client.sock, 8 * MIB, "u"), Pour(far.sock, 8 * MIB, "d")
        up_end, down_end = Drink(far.sock), Drink(client.sock)
        same(up, up_end)
        same(down, down_end)
    d.signal(15)
    assert d.wait() == 0
    assert not os.path.exists(here), "its socket file is removed"


@RELAY
def test_builtin_upstreams(world, size=4 * MIB):
    d = world.serve({"proxy sink": {"listen": world.listen_text(), "upstream": "builtin:discard"}},
                    proxy={"upstream": "builtin:echo"})
    client = world.connect()
    pour, drink = Pour(client.sock, size, "e"), Drink(client.sock)
    same(pour, drink)
    sink = world.connect("sink")
    pour = Pour(sink.sock, size, "s")
    pour.join(30)
    assert pour.error is None and sink.end() == "EOF" and not sink.received
    assert d.process.poll() is None


@RELAY
def test_many_clients_at_once(world):
    world.serve(proxy={"upstream": "builtin:echo"})
    clients = [world.connect() for _ in range(200)]
    for n, client in enumerate(clients):
        client.send(f"number {n:04}".encode())
    for n, client in enumerate(clients):
        assert client.recv(11) == f"number {n:04}".encode()


# Limits.

@ONCE
def test_max_sessions(world):
    """The next one waits in the accept queue until there is room."""
    d = world.serve(proxy={"max_sessions": 2})
    sessions = [world.session() for _ in range(2)]
    third = world.connect()
    third.send(b"let me in")
    with pytest.raises(TimeoutError):
        world.server.accept(timeout=0.4)
    for end in sessions[0]:
        end.close()
    far = world.keep(world.server.accept())
    assert far.recv(9) == b"let me in"
    assert len(d.events("session.opened")) == 3


@ONCE
def test_out_of_descriptors(world):
    """Stops accepting, says so once, and resumes."""
    d = world.serve(wrapper=("prlimit", "--nofile=48:48"))
    clients = [world.connect() for _ in range(40)]
    d.wait_event("accept.paused")
    time.sleep(0.5)  # not a wait for something: it must stay quiet that long
    assert len(d.events("accept.paused")) == 1
    cpu = _cpu_seconds(d.pid)
    time.sleep(0.3)
    assert _cpu_seconds(d.pid) - cpu < 0.1, "spinning on accept()"
    for client in clients:  # from now on a session ends when its server closes
        client.sock.shutdown(socket.SHUT_WR)
    for _ in clients:
        world.server.accept(timeout=3).close()
    d.wait_event("accept.resumed")
    assert len(d.events("accept.paused")) == len(d.events("accept.resumed")) == 1


def _cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@ONCE
def test_the_limit_of_descriptors_is_raised(world):
    d = world.serve(wrapper=("prlimit", "--nofile=64:4096"))
    with open(f"/proc/{d.pid}/limits") as f:
        line = next(line for line in f if line.startswith("Max open files"))
    assert line.split()[3:5] == ["4096", "4096"]
