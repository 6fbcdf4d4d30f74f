"""Changes while everything dies: Toxiproxy's API is frozen for good by each of these. Here every call
answers within a second, and the process goes on."""
import os
import select
import socket
import struct
import threading
import time

import pytest

from api import BINARY, dial, echoes, receive, wait_until

SECOND = 5.0 if "address" in BINARY else 1.0  # a sanitizer's own time
CLIENTS = 40


@pytest.fixture
def quick(api):
    """The API, every call of which must answer within a second."""
    slow, plain = [], api.call

    def call(method, path, *args, **more):
        began = time.monotonic()
        answer = plain(method, path, *args, **more)
        if time.monotonic() - began > SECOND:
            slow.append((method, path, time.monotonic() - began))
        return answer
    api.call = call
    yield api
    assert not slow


def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


class Flood:
    """Clients that have data under way in both directions until they are reset."""

    def __init__(self, listen, n=CLIENTS):
        self.clients = [dial(listen) for _ in range(n)]
        for c in self.clients:
            c.setblocking(False)
        self.stop = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        data = b"x" * 65536
        while not self.stop:
            time.sleep(0.002)  # for the threads that measure
            r, w, _ = select.select(self.clients, self.clients, [], 0.05)
            for s in r:
                try:
                    s.recv(1 << 20)
                except OSError:
                    pass
            for s in w:
                try:
                    s.send(data)
                except OSError:
                    pass

    def reset(self):
        self.stop = True
        self.thread.join()
        for c in self.clients:
            reset(c)


def look_around(api):
    for path in ["/proxies", "/proxies/p", "/proxies/p/toxics", "/version"]:
        assert api.get(path).status == 200


@pytest.mark.parametrize("type_, attributes", [
    ("latency", {"latency": 1000}), ("bandwidth", {"rate": 10}), ("bandwidth", {"rate": 0}),
    ("slicer", {"average_size": 10, "size_variation": 5, "delay": 1000}),
    ("slow_close", {"delay": 60000}), ("timeout", {"timeout": 60000}),
    ("reset_peer", {"timeout": 60000}), ("limit_data", {"bytes": 1 << 40}),
    ("power_loss", {}), ("hang", {})])
def test_all_clients_reset_while_the_toxic_is_deleted(deadpeer, quick, echo, type_, attributes):
    other = dial(quick.proxy("other", upstream=echo.address)["listen"])
    listen = quick.proxy(upstream="builtin:echo")["listen"]
    for _ in range(2):
        flood = Flood(listen)
        for stream in ["downstream", "upstream"]:
            quick.toxic(type=type_, stream=stream, attributes=attributes)
        time.sleep(0.15)
        killer = threading.Thread(target=flood.reset)
        killer.start()
        for stream in ["downstream", "upstream"]:
            assert quick.delete(f"/proxies/p/toxics/{type_}_{stream}").status == 204
        look_around(quick)
        killer.join()
    assert quick.post("/reset").status == 204
    assert echoes(dial(listen)) and echoes(other), "new ones, and those of another proxy"
    look_around(quick)


@pytest.fixture
def black_hole():
    """A full accept queue drops SYNs: connect(2) gets nowhere."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fill = [socket.socket() for _ in range(4)]
        for s in fill:
            s.setblocking(False)
            s.connect_ex(listener.getsockname())
        time.sleep(0.05)
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        for s in fill:
            s.close()


@pytest.mark.parametrize("how", ["delete", "disable", "toxic", "populate", "reset"])
def test_an_upstream_that_is_a_black_hole(quick, echo, black_hole, how):
    other = dial(quick.proxy("other", upstream=echo.address)["listen"])
    listen = quick.proxy(upstream=black_hole, toxics=[
        {"type": "latency", "attributes": {"latency": 1000}}])["listen"]
    clients = [dial(listen) for _ in range(20)]
    for c in clients:
        c.sendall(b"anybody?")
    assert not select.select(clients, [], [], 0.3)[0]
    look_around(quick)
    if how == "delete":
        assert quick.delete("/proxies/p").status == 204
    elif how == "disable":
        assert quick.patch("/proxies/p", {"enabled": False}).status == 200
    elif how == "toxic":
        assert quick.delete("/proxies/p/toxics/latency_downstream").status == 204
    elif how == "populate":
        assert quick.post("/populate", [{"name": "p", "listen": listen,
                                         "upstream": echo.address}]).status == 201
        assert echoes(dial(listen)), "it leads elsewhere now"
    else:
        assert quick.post("/reset").status == 204
    assert echoes(other)
    assert list(quick.get("/proxies").json) == ["other", "p"][:2 if how != "delete" else 1]
    if how in ("delete", "disable", "populate"):
        for c in clients:
            try:
                assert c.recv(1) == b""
            except ConnectionResetError:
                pass


def open_sockets(deadpeer):
    """Without the pipes that are kept for the next who wants one."""
    folder = f"/proc/{deadpeer.process.pid}/fd"
    return sum(os.path.realpath(f"{folder}/{fd}").split("/")[-1].startswith("socket:")
               for fd in os.listdir(folder))


def test_rapid_changes_under_live_traffic(deadpeer, quick, echo):
    """Proxies and toxics come and go under data; another proxy's session never notices."""
    other = dial(quick.proxy("other", upstream=echo.address)["listen"])
    listen = quick.proxy(upstream="builtin:echo")["listen"]
    flood = Flood(listen, 20)
    types = ["latency", "bandwidth", "slicer", "slow_close", "limit_data", "timeout", "noop",
             "reset_peer"]
    plain = {"latency": {"latency": 50}, "bandwidth": {"rate": 100},
             "slicer": {"average_size": 100}, "timeout": {"timeout": 60000},
             "reset_peer": {"timeout": 60000}, "limit_data": {"bytes": 1 << 40},
             "slow_close": {"delay": 60000}, "noop": {}}
    for n in range(80):
        type_ = types[n % len(types)]
        quick.toxic(type=type_, name="t", stream=["upstream", "downstream"][n % 2],
                    attributes=plain[type_])
        quick.patch("/proxies/p/toxics/t", {"toxicity": 0.5})
        fresh = quick.proxy("fresh", upstream=echo.address, toxics=[{"type": "noop"}])
        with dial(fresh["listen"]):
            assert quick.delete("/proxies/fresh").status == 204
        assert quick.delete("/proxies/p/toxics/t").status == 204
        if n % 20 == 0:
            assert echoes(other)
    assert open_sockets(deadpeer) > 20
    flood.reset()
    assert echoes(other) and echoes(dial(listen))
    quick.delete("/proxies/p")
    other.close()
    quick.delete("/proxies/other")
    wait_until(lambda: open_sockets(deadpeer) < 10, what="its sockets closed")


def test_a_hundred_deletions_at_once(quick, echo):
    """From many clients of the API at one instant, each proxy with held data."""
    names = [f"p{n}" for n in range(30)]
    answer = quick.post("/populate", [
        {"name": n, "listen": "127.0.0.1:0", "upstream": echo.address, "toxics": [
            {"type": "bandwidth", "name": "cut", "attributes": {"rate": 0}}]} for n in names])
    clients = {p["name"]: dial(p["listen"]) for p in answer.json["proxies"]}
    for c in clients.values():
        c.sendall(b"x" * 1000)
    status = []
    threads = [threading.Thread(target=lambda n=n: status.append(
        quick.delete(f"/proxies/{n}/toxics/cut").status)) for n in names for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(status) == [204] * 30 + [404] * 60
    assert all(receive(c, 1000) == b"x" * 1000 for c in clients.values())
