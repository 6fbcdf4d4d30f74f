"""Toxiproxy's client for Node.js, from npm, does what its documentation says; and a toxic type that
it has never heard of gives it a dead host."""
import errno
import json
import os
import select
import shutil
import socket
import subprocess
import time

import pytest

from api import dial, echoes

HERE = os.path.dirname(os.path.abspath(__file__))
CLIENT = os.path.join(HERE, "node_modules", "toxiproxy-node-client")

pytestmark = [
    pytest.mark.skipif(not shutil.which("node"), reason="node is not installed"),
    pytest.mark.skipif(not os.path.isdir(CLIENT), reason="toxiproxy-node-client is not installed: "
                       "npm ci in tests/compat (make test-compat does it) needs npm and a registry"),
]


@pytest.fixture
def node(deadpeer):
    def call(part, *arguments):
        done = subprocess.run(["node", os.path.join(HERE, "node_client.js"), part,
                               f"http://{deadpeer.api.address}", *arguments], text=True, cwd=HERE,
                              capture_output=True, check=False, timeout=40)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
    return call


@pytest.mark.parametrize("part", ["proxies", "toxics", "disable", "reset", "populate"])
def test_its_documented_use(node, echo, part):
    node(part, echo.address)


def test_its_readme(node, echo):
    assert node("readme", echo.address)["data"] == "hello"


def test_what_its_user_sees(node, echo):
    seen = node("effects", echo.address)
    assert {t: (s["data"], s["how"]) for t, s in seen.items()} == {
        "latency": ("", "open"), "bandwidth": ("", "open"), "timeout": ("", "end"),
        "limit_data": ("hel", "end"), "reset_peer": ("", "ECONNRESET"), "slicer": ("h", "open")}
    assert seen["timeout"]["ms"] >= 195


def client_of(listen, user_timeout_ms=0):
    s = dial(listen)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in [(socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1),
                          (socket.TCP_KEEPCNT, 2)]:
        s.setsockopt(socket.IPPROTO_TCP, option, value)
    if user_timeout_ms:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, user_timeout_ms)
    assert echoes(s)
    return s


def end_of(s, seconds):
    """(errno, after how long) of what the kernel says at last."""
    began = time.monotonic()
    assert select.select([s], [], [], seconds)[0], "nothing, for good"
    return s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), time.monotonic() - began


def test_power_loss(node, api, echo):
    """No FIN, no RST, no ACK: each client learns of it by its own kernel's timers alone."""
    listen = api.proxy(upstream=echo.address)["listen"]
    idle, sending = client_of(listen), client_of(listen, user_timeout_ms=2500)
    toxic = node("dead", "p", "power_loss", "{}")
    assert toxic == {"attributes": {}, "name": "power_loss_downstream", "stream": "downstream",
                     "toxicity": 1, "type": "power_loss"}
    sending.sendall(b"anybody?")
    error, after = end_of(sending, 15)
    assert error == errno.ETIMEDOUT and after >= 2
    error, _ = end_of(idle, 15)
    assert error == errno.ETIMEDOUT, "keepalive: 1 s idle and 2 probes"
    with socket.socket() as new:  # nor does it answer a SYN
        new.setblocking(False)
        host, port = listen.split(":")
        assert new.connect_ex((host, int(port))) == errno.EINPROGRESS
        assert not select.select([], [new], [], 0.5)[1]
        node("heal", "p", "power_loss_downstream")
        assert select.select([], [new], [], 30)[1], "the next SYN finds it up again"
        assert new.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0


def test_reboot_with_attributes(node, api, echo):
    client = client_of(api.proxy(upstream=echo.address)["listen"])
    toxic = node("dead", "p", "reboot", '{"down": 300, "service_delay": "100ms"}')
    assert toxic["attributes"] == {"down": 300, "service_delay": 100}
    error, _ = end_of(client, 15)
    assert error == errno.ECONNRESET, "its probe meets a kernel that knows nothing"
