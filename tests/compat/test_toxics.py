"""The classic toxics through the API, on real connections: what each does, and what changing it does
to connections that are open. Where Toxiproxy does otherwise, the test says so."""
import hashlib
import os
import socket
import struct
import threading
import time

import pytest

from api import PATIENCE, dial, echoes, is_silent, receive


def open_pair(api, upstream, *toxics):
    """(client, server) of a proxy p with these toxics."""
    listen = api.proxy(upstream=upstream.address, toxics=list(toxics))["listen"]
    return upstream.pair(listen)


def remove(api, name):
    assert api.delete(f"/proxies/p/toxics/{name}").status == 204


def took(began):
    return time.monotonic() - began


# --- each of them ---

@pytest.mark.parametrize("stream", ["downstream", "upstream"])
def test_latency(api, upstream, stream):
    client, server = open_pair(api, upstream)
    source, sink = (server, client) if stream == "downstream" else (client, server)
    api.toxic(type="latency", stream=stream, attributes={"latency": 300, "jitter": 50})
    began = time.monotonic()
    source.sendall(b"slow")
    assert receive(sink, 4) == b"slow"
    assert 0.25 <= took(began) < 3
    began = time.monotonic()
    sink.sendall(b"fast")
    assert receive(source, 4) == b"fast"
    assert took(began) < 0.25


def test_two_latencies_add_up(api, upstream):
    latency = {"type": "latency", "attributes": {"latency": 200}}
    client, server = open_pair(api, upstream, latency, {**latency, "name": "second"})
    began = time.monotonic()
    server.sendall(b"x")
    assert receive(client, 1) == b"x" and took(began) >= 0.4
    began = time.monotonic()
    for _ in range(3):  # Toxiproxy delays what is queued behind another by less
        server.sendall(b"x")
        time.sleep(0.05)
    assert receive(client, 3) == b"xxx" and took(began) >= 0.5


def test_bandwidth(api, upstream):
    client, server = open_pair(api, upstream, {"type": "bandwidth", "attributes": {"rate": 100}})
    began = time.monotonic()
    server.sendall(b"x" * 50000)
    assert len(receive(client, 50000)) == 50000
    assert 0.49 <= took(began) < 4, "a KB is 1000 bytes"


def test_slow_close(api, upstream):
    client, server = open_pair(api, upstream, {"type": "slow_close", "attributes": {"delay": 400}})
    began = time.monotonic()
    server.sendall(b"bytes are not late")
    server.close()
    assert receive(client, 18) and took(began) < 0.35
    assert client.recv(1) == b"" and took(began) >= 0.39


def test_slow_close_removed_while_it_waits(api, upstream):
    client, server = open_pair(api, upstream, {"type": "slow_close",
                                               "attributes": {"delay": 60000}})
    server.close()
    assert is_silent(client)
    remove(api, "slow_close_downstream")
    assert client.recv(1) == b""


def test_timeout(api, upstream):
    client, server = open_pair(api, upstream)
    began = time.monotonic()
    api.toxic(type="timeout", attributes={"timeout": 500})
    for _ in range(4):  # Toxiproxy's clock starts anew at each
        server.sendall(b"lost")
        time.sleep(0.05)
    client.sendall(b"passes")
    assert receive(server, 6) == b"passes"
    assert client.recv(1) == b"" and 0.49 <= took(began) < 4
    assert server.recv(1) == b""


def test_timeout_0_drops_until_it_is_removed(api, upstream):
    """As Toxiproxy's documentation has it; its server closes the connection then."""
    client, server = open_pair(api, upstream, {"type": "timeout"})
    server.sendall(b"lost")
    assert is_silent(client)
    remove(api, "timeout_downstream")
    server.sendall(b"found")
    assert receive(client, 5) == b"found"


def test_reset_peer_resets_an_idle_connection(api, upstream):
    """Both ends, old connections, too. Toxiproxy waits for a byte, and old ones get FIN."""
    client, server = open_pair(api, upstream)
    api.toxic(type="reset_peer")
    for s in (client, server):
        with pytest.raises(ConnectionResetError):
            s.recv(1)
    with pytest.raises(ConnectionResetError):  # of a new one connect(2) may say it already
        dial(api.get("/proxies/p").json["listen"]).recv(1)


def test_reset_peer_after_a_while(api, upstream):
    client, server = open_pair(api, upstream, {"type": "reset_peer",
                                               "attributes": {"timeout": 400}})
    began = time.monotonic()
    server.sendall(b"nothing of the stream arrives")
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    assert took(began) >= 0.35


def test_reset_peer_that_waits_can_be_removed(api, upstream):
    """Toxiproxy's API is frozen until it fires."""
    client, server = open_pair(api, upstream, {"type": "reset_peer",
                                               "attributes": {"timeout": 60000}})
    server.sendall(b"held")
    assert is_silent(client)
    began = time.monotonic()
    remove(api, "reset_peer_downstream")
    assert took(began) < 1
    assert receive(client, 4) == b"held"
    server.close()
    assert client.recv(1) == b"", "FIN: no linger is left behind"


def test_slicer(api, upstream):
    client, server = open_pair(api, upstream, {"type": "slicer", "attributes": {
        "average_size": 20, "size_variation": 5, "delay": 10000}})
    began = time.monotonic()
    server.sendall(bytes(range(200)))
    pieces = []
    while sum(map(len, pieces)) < 200:
        pieces.append(client.recv(1000))
    assert b"".join(pieces) == bytes(range(200))
    assert len(pieces) > 3
    assert took(began) >= 0.07, "delay is in microseconds: 8 pieces at least, 10 ms each"
    assert took(began) < 5


@pytest.mark.parametrize("size", [0, 1, 100, 100000])
def test_limit_data(api, upstream, size):
    client, server = open_pair(api, upstream, {"type": "limit_data",
                                               "attributes": {"bytes": size}})
    threading.Thread(target=lambda: server.sendall(b"x" * 100000), daemon=True).start()
    assert len(receive(client, size + 1)) == size


def test_limit_data_counts_from_when_it_was_added(api, upstream):
    client, server = open_pair(api, upstream)
    server.sendall(b"x" * 1000)
    assert len(receive(client, 1000)) == 1000
    api.toxic(type="limit_data", attributes={"bytes": 10})
    server.sendall(b"y" * 9)
    assert receive(client, 9) == b"y" * 9
    assert api.patch("/proxies/p/toxics/limit_data_downstream",
                     {"attributes": {"bytes": 12}}).status == 200
    server.sendall(b"z" * 100)
    assert receive(client, 100) == b"zzz", "an update keeps the count"


def test_latency_takes_no_more_than_its_buffer(api, upstream):
    """1 MiB, and what the sockets on the way take; Toxiproxy takes 32 MiB."""
    client, server = open_pair(api, upstream, {"type": "latency", "attributes": {"latency": 60000}})
    server.settimeout(1)
    sent = 0
    with pytest.raises(TimeoutError):
        while sent < 64 << 20:
            sent += server.send(b"x" * 65536)
    assert sent < 24 << 20
    remove(api, "latency_downstream")
    assert len(receive(client, sent)) == sent


def test_half_close_is_carried(api, upstream):
    """Toxiproxy closes both ends, and the reply is lost."""
    client, server = open_pair(api, upstream, {"type": "latency", "attributes": {"latency": 50}})
    client.shutdown(1)
    assert server.recv(1) == b""
    server.sendall(b"reply")
    assert receive(client, 5) == b"reply"


@pytest.mark.parametrize("toxics", [[], [{"type": "latency", "attributes": {"latency": 50}}]])
def test_a_reset_is_carried(api, upstream, toxics):
    """Toxiproxy tells it as FIN."""
    client, server = open_pair(api, upstream, *toxics)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    server.close()
    with pytest.raises(ConnectionResetError):
        client.recv(1)


@pytest.mark.parametrize("address", ["127.0.0.1:{}", "no-such-name.invalid:{}"])
def test_an_upstream_that_is_not_there(api, address):
    """Toxiproxy tells it as FIN."""
    with socket.socket() as nobody:  # bound, so that nobody else listens there
        nobody.bind(("127.0.0.1", 0))
        upstream = address.format(nobody.getsockname()[1])
        listen = api.proxy(upstream=upstream)["listen"]
        with pytest.raises(ConnectionResetError):  # it may be there before connect(2) returns
            dial(listen).recv(1)


@pytest.mark.parametrize("type_, key", [("latency", "latency"), ("timeout", "timeout"),
                                        ("slow_close", "delay"), ("reset_peer", "timeout")])
def test_int_max_is_never(api, upstream, type_, key):
    """Milliseconds up to 30 days: clients send 2^31 - 1 for "for good"."""
    client, server = open_pair(api, upstream)
    toxic = api.toxic(type=type_, attributes={key: 2 ** 31 - 1})
    assert toxic["attributes"][key] == 2 ** 31 - 1
    server.sendall(b"x")
    assert is_silent(client) == (type_ != "slow_close")
    answer = api.patch(f"/proxies/p/toxics/{type_}_downstream",
                       {"attributes": {key: 30 * 86400 * 1000 + 1}})
    assert answer.status == 400 and "expected a duration from 0 to 30d" in answer.error


# --- changes under live connections ---

def test_removing_latency_lets_all_go_at_once(api, upstream):
    client, server = open_pair(api, upstream, {"type": "latency",
                                               "attributes": {"latency": 60000}})
    data = os.urandom(50000)
    for at in range(0, len(data), 5000):
        server.sendall(data[at:at + 5000])
    assert is_silent(client)
    remove(api, "latency_downstream")
    assert receive(client, len(data)) == data


def test_an_update_keeps_what_waits_and_its_time(api, upstream):
    """Toxiproxy lets the chunk that it holds go at every update."""
    client, server = open_pair(api, upstream, {"type": "latency",
                                               "attributes": {"latency": 60000}})
    server.sendall(b"first")
    time.sleep(0.05)
    server.sendall(b"second")
    assert api.patch("/proxies/p/toxics/latency_downstream",
                     {"attributes": {"jitter": 0}}).status == 200
    assert is_silent(client), "the same values: nothing goes early"
    began = time.monotonic()
    api.patch("/proxies/p/toxics/latency_downstream", {"attributes": {"latency": 500}})
    assert receive(client, 11) == b"firstsecond"
    assert took(began) < 3, "from when it came, not from now on"


def test_an_update_of_another_toxic_changes_nothing(api, upstream):
    client, server = open_pair(api, upstream, {"type": "latency",
                                               "attributes": {"latency": 60000}})
    server.sendall(b"held")
    api.toxic(type="noop")
    api.patch("/proxies/p/toxics/noop_downstream", {"toxicity": 0.5})
    remove(api, "noop_downstream")
    assert is_silent(client)


def test_the_cut_of_testcontainers(api, upstream):
    """Its documented way to cut a connection, and to restore it: nothing is lost, nobody is closed."""
    client, server = open_pair(api, upstream)
    for stream in ["downstream", "upstream"]:
        api.toxic(type="bandwidth", name=f"CUT_CONNECTION_{stream.upper()}", stream=stream,
                  attributes={"rate": 0})
    later, later_server = upstream.pair(api.get("/proxies/p").json["listen"])
    pairs = [(client, server), (server, client), (later, later_server), (later_server, later)]
    data = os.urandom(16 << 20)  # more than the buffers on the way take
    threads = [threading.Thread(target=source.sendall, args=(data,), daemon=True)
               for source, _ in pairs]
    for t in threads:
        t.start()
    assert all(is_silent(sink) for _, sink in pairs)
    assert any(t.is_alive() for t in threads), "its senders come to a stop"
    for stream in ["DOWNSTREAM", "UPSTREAM"]:
        remove(api, f"CUT_CONNECTION_{stream}")
    got = {}
    readers = [threading.Thread(target=lambda n=n, sink=sink: got.update(
        {n: hashlib.sha256(receive(sink, len(data))).digest()}), daemon=True)
        for n, (_, sink) in enumerate(pairs)]
    for t in readers:
        t.start()
    for t in readers + threads:
        t.join(30)
    assert got == {n: hashlib.sha256(data).digest() for n in range(4)}


def test_reset_lets_all_go(api, upstream):
    client, server = open_pair(api, upstream, {"type": "latency", "attributes": {"latency": 60000}},
                               {"type": "bandwidth", "attributes": {"rate": 0}},
                               {"type": "slicer", "stream": "upstream",
                                "attributes": {"average_size": 1, "delay": 60000000}})
    server.sendall(b"down")
    client.sendall(b"up")
    assert is_silent(client)
    assert api.post("/reset").status == 204
    assert receive(client, 4) == b"down" and receive(server, 2) == b"up"


def test_disabled_it_refuses_and_enabled_it_comes_back(api, upstream):
    client, server = open_pair(api, upstream, {"type": "latency", "attributes": {"latency": 60000}})
    listen = api.get("/proxies/p").json["listen"]
    server.sendall(b"lost")
    began = time.monotonic()
    api.post("/proxies/p", {"enabled": False})
    for s in (client, server):
        try:
            assert s.recv(1) == b""
        except ConnectionResetError:
            pass
    assert took(began) < 5
    with pytest.raises(ConnectionRefusedError):
        dial(listen)
    told = api.post("/proxies/p", {"enabled": True}).json
    assert told["listen"] == listen and len(told["toxics"]) == 1
    client, server = upstream.pair(listen)
    client.sendall(b"anew")
    assert receive(server, 4) == b"anew"


def test_populate_keeps_live_connections_and_what_waits(api, upstream):
    client, server = open_pair(api, upstream, {"type": "latency",
                                               "attributes": {"latency": 800}})
    server.sendall(b"held")
    p = api.get("/proxies/p").json
    p.pop("toxics")
    assert api.post("/populate", [p, {"name": "q", "upstream": "x:1"}]).status == 201
    assert is_silent(client)
    assert receive(client, 4) == b"held"


# --- toxicity ---

def hit(client):
    """Has it latency? Both answers are bounded by what the other would take."""
    client.settimeout(0.4)
    try:
        return not echoes(client, b"x")
    except TimeoutError:
        return True
    finally:
        client.settimeout(PATIENCE)


def test_toxicity_is_drawn_once(api, echo):
    """Toxiproxy draws again at every update, and when another toxic comes or goes."""
    listen = api.proxy(upstream=echo.address, toxics=[
        {"type": "bandwidth", "toxicity": 0.5, "attributes": {"rate": 0}}])["listen"]
    clients = [dial(listen) for _ in range(12)]
    for c in clients:
        c.sendall(b"x")
    time.sleep(0.4)
    before = [is_silent(c, 0) for c in clients]
    assert True in before and False in before
    api.toxic(type="noop")
    api.patch("/proxies/p/toxics/bandwidth_downstream", {"attributes": {"rate": 0}})
    remove(api, "noop_downstream")
    api.patch("/proxies/p/toxics/bandwidth_downstream", {"toxicity": 0.5})
    time.sleep(0.3)
    assert [is_silent(c, 0) for c in clients] == before
    api.patch("/proxies/p/toxics/bandwidth_downstream", {"toxicity": 0})
    assert all(receive(c, 1) == b"x" for c in clients)
    api.patch("/proxies/p/toxics/bandwidth_downstream", {"toxicity": 1})
    assert all(hit(c) for c in clients[:3])


def test_toxicity_0_resets_nobody(api, upstream):
    """Toxiproxy leaves SO_LINGER 0 on those it spares."""
    client, server = open_pair(api, upstream, {"type": "reset_peer", "toxicity": 0})
    server.sendall(b"spared")
    assert receive(client, 6) == b"spared"
    server.close()
    assert client.recv(1) == b""


# --- no value may do harm ---

HUGE = [2 ** 31, 2 ** 53, 2 ** 62, 2 ** 63 - 1, 2 ** 64, 10 ** 300]
ODD = [-1, -2 ** 31, -2 ** 63, 1.5, 1e300, "5", True, [], {}]
NUMBERS = [(t, a) for t, names in {
    "latency": ["latency", "jitter"], "bandwidth": ["rate"], "slow_close": ["delay"],
    "timeout": ["timeout"], "reset_peer": ["timeout"], "limit_data": ["bytes"],
    "slicer": ["average_size", "size_variation", "delay"]}.items() for a in names]
KILLERS = [  # each of these killed Toxiproxy at the first byte
    ("slicer", {}, 200), ("slicer", {"average_size": 0}, 200),
    ("slicer", {"average_size": 0, "size_variation": 100}, 200),
    ("slicer", {"average_size": 10, "size_variation": 1000}, 200),
    ("slicer", {"average_size": 1, "size_variation": 1 << 20}, 200),
    ("slicer", {"average_size": -1}, 400), ("slicer", {"average_size": 5, "size_variation": -9}, 400),
    ("bandwidth", {"rate": -1}, 400), ("latency", {"latency": 1, "jitter": 2 ** 62}, 400),
    ("latency", {"latency": 0, "jitter": 1000}, 200),
    ("timeout", {"timeout": -1}, 400), ("limit_data", {"bytes": -1}, 400),
]


def drive(api, upstream):
    """A connection with bytes both ways; what becomes of it does not matter."""
    pair = []
    try:
        pair = upstream.pair(api.get("/proxies/p").json["listen"])
        for s in pair:
            s.sendall(b"x" * 10000)
    except OSError:
        pass
    return pair


@pytest.mark.parametrize("type_, attributes, status", KILLERS)
@pytest.mark.parametrize("stream", ["downstream", "upstream"])
def test_values_that_kill_toxiproxy(api, upstream, type_, attributes, status, stream):
    client, server = open_pair(api, upstream)
    answer = api.post("/proxies/p/toxics", {"type": type_, "stream": stream,
                                            "attributes": attributes})
    assert answer.status == status, answer
    pairs = [(client, server), drive(api, upstream)]
    client.sendall(b"x" * 1000)
    server.sendall(b"x" * 1000)
    time.sleep(0.05)
    assert api.get("/version").status == 200
    if status == 400:
        assert answer.error.startswith(f"bad request body: attribute {list(attributes)[-1]}: expect")
        assert receive(client, 1000) == b"x" * 1000
    else:
        remove(api, f"{type_}_{stream}")
    del pairs
    assert api.get("/proxies/p/toxics").json == []


@pytest.mark.parametrize("type_, attribute", NUMBERS)
def test_extreme_values_are_refused_or_harmless(api, upstream, type_, attribute):
    api.proxy(upstream=upstream.address)
    full = {"average_size": 100} if type_ == "slicer" else {}
    for odd, value in [(False, v) for v in HUGE + [0, 1]] + [(True, v) for v in ODD]:
        answer = api.post("/proxies/p/toxics", {"type": type_,
                                                "attributes": {**full, attribute: value}})
        assert answer.status in (200, 400), answer
        assert answer.status == 400 or not odd, answer
        if answer.status == 400:
            assert answer.error.startswith("bad request body: "), answer
            continue
        assert answer.json["attributes"][attribute] == value, "as it was given"
        pair = drive(api, upstream)
        began = time.monotonic()
        remove(api, f"{type_}_downstream")
        assert took(began) < 1
        for s in pair:
            s.close()
