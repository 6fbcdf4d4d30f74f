"""Who may use the API, and what those who may not, or who mean harm, can do: nothing."""
import http.client
import os
import re
import signal
import socket
import subprocess
import time

import pytest

from api import BINARY, Api, Deadpeer, dial, echoes, wait_until


# --- where it listens ---

def refused(tmp_path, *arguments, env=None, status=1, **kw):
    d = Deadpeer(tmp_path, *arguments, env=env, **kw).launch()
    assert d.process.wait(10) == status
    assert "ready" not in d.read("out")
    return d.read("log")


def test_alone_it_is_empty_and_ready(tmp_path):
    help_text = subprocess.run([BINARY, "serve", "--help"], capture_output=True, text=True,
                               check=True).stdout
    assert re.search(r"--admin .*\(127\.0\.0\.1:8474\)", help_text)
    d = Deadpeer(tmp_path).start()
    assert re.search(r"^admin API on 127\.0\.0\.1:\d+$", d.read("out"), re.M)
    assert d.wait_event("deadpeer.ready")["admin"] == d.api.address
    assert d.api.get("/proxies").json == {}
    assert d.stop() == 0


def test_off(tmp_path):
    d = Deadpeer(tmp_path, "--listen", "127.0.0.1:0", "--upstream", "builtin:echo",
                 admin="off").start()
    assert list(d.ports()) == ["proxy"]
    assert "admin" not in d.wait_event("deadpeer.ready")
    assert d.stop() == 0
    assert "nothing to relay" in refused(tmp_path, admin="off", status=2)


def test_an_address_in_use(deadpeer, tmp_path):
    (tmp_path / "second").mkdir()
    log = refused(tmp_path / "second", admin=deadpeer.api.address)
    assert "Address already in use" in log and "--admin" in log


def test_unix_socket(tmp_path):
    path = f"{tmp_path}/admin.sock"
    d = Deadpeer(tmp_path, admin=f"unix:{path}").start()
    assert d.api.get("/version").status == 200
    assert d.api.get("/version", Host="whatever.example").status == 200, "no browser gets here"
    d.api.proxy()
    assert d.wait_event("api.changed")["who"].startswith("unix:")
    assert d.stop() == 0
    assert not os.path.exists(path)


def test_ipv6(tmp_path):
    d = Deadpeer(tmp_path, admin="[::1]:0").start()
    assert d.api.get("/version").status == 200
    assert d.stop() == 0


@pytest.mark.parametrize("address", ["0.0.0.0:0", ":0", "[::]:0"])
def test_beyond_loopback_it_wants_a_token(tmp_path, address):
    log = refused(tmp_path, admin=address)
    assert "can be reached from other machines" in log and "admin_token_file" in log


def test_a_token_that_is_none(tmp_path):
    assert "No such file" in refused(tmp_path, "--admin-token-file", str(tmp_path / "nothing"))
    (tmp_path / "empty").touch()
    for wrong, why in [("empty", "expected a token, one word"), (".", "Is a directory")]:
        path = str(tmp_path / wrong)
        assert f"admin_token_file {path}: {why}" in refused(tmp_path, "--admin-token-file", path)
    assert "expected a token" in refused(tmp_path, env={"DEADPEER_ADMIN_TOKEN": "two words"})
    assert "at most 1022" in refused(tmp_path, env={"DEADPEER_ADMIN_TOKEN": "x" * 1023})


@pytest.mark.parametrize("source", ["file", "environment"])
def test_the_token(tmp_path, source):
    (tmp_path / "token").write_text("secret\n")
    if source == "file":
        d = Deadpeer(tmp_path, "--admin-token-file", str(tmp_path / "token"), admin=":0")
    else:
        d = Deadpeer(tmp_path, admin=":0", env={"DEADPEER_ADMIN_TOKEN": "secret"})
    d.start()
    for wrong in [{}, {"Authorization": "Bearer other"}, {"Authorization": "Basic secret"},
                  {"Authorization": "Bearer secretsecret"}, {"Authorization": "Bearer "}]:
        answer = d.api.get("/version", **wrong)
        assert answer.status == 401 and "Bearer TOKEN" in answer.error
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert d.api.post("/reset", **wrong).status == 401
        assert d.api.get("/nothing", **wrong).status == 401
    holder = Api(d.api.address, Authorization="Bearer secret")
    assert holder.get("/version", Host="any.example").status == 200
    assert holder.proxy()["name"] == "p"
    assert d.stop() == 0


@pytest.mark.parametrize("mode, told", [(0o644, True), (0o640, False), (0o600, False)])
def test_a_token_that_everybody_may_read(tmp_path, mode, told):
    token = tmp_path / "token"
    token.write_text("secret\n")
    token.chmod(mode)
    d = Deadpeer(tmp_path, "--admin-token-file", str(token)).start()
    assert (f"everybody on this machine may read admin_token_file {token}: chmod o-r {token}"
            in d.read("log")) == told
    assert d.stop() == 0


# --- browsers ---

@pytest.mark.parametrize("host, status", [
    ("localhost", 200), ("localhost:1", 200), ("a.localhost", 200), ("[::1]:8474", 200),
    ("127.8.8.8", 200), ("evil.example", 403), ("evil.example:8474", 403), ("10.0.0.1", 403),
    ("localhost.evil.example", 403)])
def test_host(api, host, status):
    assert api.get("/version", Host=host).status == status
    assert api.get("/nothing", Host=host).status == (404 if status == 200 else 403)


def test_origin(api):
    for origin in ["https://evil.example", "http://localhost:3000", "null"]:
        assert api.post("/reset", Origin=origin).status == 403
        assert api.call("DELETE", "/proxies/p", Origin=origin).status == 403
        answer = api.get("/version", Origin=origin)  # it cannot read the answer: no CORS header
        assert answer.status == 200
        assert not [h for h in answer.headers if h.startswith("access-control")]
    assert api.post("/reset", Origin=f"http://{api.address}").status == 204


def test_who_did_what(deadpeer):
    api = deadpeer.api
    api.proxy()
    api.toxic(name="t")
    api.patch("/proxies/p/toxics/t", {"toxicity": 0.5})
    api.delete("/proxies/p/toxics/t")
    api.patch("/proxies/p", {"enabled": False})
    api.post("/populate", [{"name": "q", "upstream": "x:1"}])
    api.post("/reset")
    api.delete("/proxies/p")
    api.delete("/proxies/p")
    wait_until(lambda: len(deadpeer.events("api.changed")) >= 8)
    told = deadpeer.events("api.changed")
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+", e["who"]) for e in told)
    assert [(e["what"], e.get("proxy"), e.get("fault")) for e in told] == [
        ("proxy.create", "p", None), ("toxic.add", "p", "p/t"), ("toxic.update", "p", "p/t"),
        ("toxic.remove", "p", "p/t"), ("proxy.update", "p", None), ("populate", None, None),
        ("reset", None, None), ("proxy.delete", "p", None)]
    assert not deadpeer.events("config.reloaded")


# --- the protocol ---

def raw(api, data, patience=10):
    """Everything that comes back for these bytes until the other end closes, or falls silent."""
    s = dial(api.address)
    s.settimeout(patience)
    got = b""
    with s:
        try:
            s.sendall(data)
            while more := s.recv(65536):
                got += more
        except (TimeoutError, ConnectionError):
            pass
    return got


def statuses(answers):
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d+)", answers)]


MALFORMED = [
    b"\r\n\r\n", b"nonsense\r\n\r\n", b"GET\r\n\r\n", b"GET /version\r\n\r\n",
    b"GET  /version HTTP/1.1\r\n\r\n", b"GET /version HTTP/9.9\r\n\r\n",
    b"GET /version HTTP/1.1\r\nno colon\r\n\r\n", b"GET /version HTTP/1.1\r\n: empty\r\n\r\n",
    b"GET /version HTTP/1.1\r\n folded: first\r\n\r\n", b"\0\1\2\3" * 100 + b"\r\n\r\n",
    b"GET http://[::1 HTTP/1.1\r\n\r\n", b"GET http://[ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET %zz HTTP/1.1\r\n\r\n", b"GET /%zz%00%ff HTTP/1.1\r\n\r\n", b"GET * HTTP/1.1\r\n\r\n",
    b"GET ?x HTTP/1.1\r\n\r\n", b"CONNECT localhost:80 HTTP/1.1\r\n\r\n",
    b"FOO /version HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"POST /reset HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"POST /reset HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    b"POST /reset HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"POST /reset HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /reset HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
    b"POST /reset HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x7f" * 200,
]


@pytest.mark.parametrize("bytes_", MALFORMED, ids=range(len(MALFORMED)))
def test_malformed(deadpeer, bytes_):
    raw(deadpeer.api, bytes_, patience=0.3)
    for end in range(0, len(bytes_), 7):
        dial(deadpeer.api.address).sendall(bytes_[:end])
    assert deadpeer.api.get("/version").status == 200


def test_keep_alive_and_pipelining(api):
    connection = api.connection()
    for _ in range(20):
        connection.request("GET", "/version")
        assert connection.getresponse().read()
        sock = connection.sock
        connection.request("POST", "/reset", "x" * 1000)
        assert connection.getresponse().read() == b""
        assert connection.sock is sock, "the same connection"
    request = b"POST /reset HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}" \
              b"GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n" \
              b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = b"GET /version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert statuses(raw(api, request * 10 + last)) == [204, 200, 404] * 10 + [200]


def test_http_1_0_and_chunked(api):
    assert statuses(raw(api, b"GET /version HTTP/1.0\r\n\r\n")) == [200]
    body = b'{"name":"p","upstream":"x:1"}'
    chunks = b"".join(b"1\r\n%c\r\n" % c for c in body) + b"0\r\n\r\n"
    assert statuses(raw(api, b"POST /proxies HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                             b"Transfer-Encoding: chunked\r\n\r\n" + chunks)) == [201]


def test_limits(api):
    head = b"POST /proxies HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    size = 1 << 20
    fits = b'{"name":"p","upstream":"x:1"}'
    fits += b" " * (size - len(fits))
    assert statuses(raw(api, head + b"Content-Length: %d\r\n\r\n" % size + fits)) == [201]
    assert statuses(raw(api, head + b"Content-Length: %d\r\n\r\n" % (size + 1))) == [413]
    flood = head + b"Transfer-Encoding: chunked\r\n\r\n" + (b"10000\r\n" + b" " * 65536 + b"\r\n") * 32
    assert statuses(raw(api, flood)) in ([413], [])
    many = b"".join(b"X-%d: %s\r\n" % (n, b"y" * 1000) for n in range(40))
    assert 200 not in statuses(raw(api, b"GET /version HTTP/1.1\r\n" + many + b"\r\n"))
    assert 404 not in statuses(raw(api, b"GET /" + b"x" * 100000 + b" HTTP/1.1\r\n\r\n"))
    assert api.get("/" + "x" * 8000).status == 404
    assert api.get("/version").status == 200


def test_expect_continue(api):
    s = dial(api.address)
    s.sendall(b"POST /reset HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
              b"Expect: 100-continue\r\n\r\n")
    assert s.recv(1000).startswith(b"HTTP/1.1 100 ")
    s.sendall(b"{}")
    assert s.recv(1000).startswith(b"HTTP/1.1 204 ")


# --- those who stay ---

def test_a_thousand_idle_connections(deadpeer):
    api = deadpeer.api
    before = deadpeer.open_files()
    idle = [dial(api.address) for _ in range(1000)]
    began = time.monotonic()
    for _ in range(20):
        assert api.get("/proxies").status == 200
    assert time.monotonic() - began < 5
    more = [dial(api.address) for _ in range(200)]
    for s in more[-20:]:  # there is room for those who come, at the cost of the idlest
        s.sendall(b"GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert s.recv(1000).startswith(b"HTTP/1.1 200")
    assert deadpeer.open_files() - before < 1100
    ended = 0
    for s in idle[:100]:
        s.settimeout(1)
        ended += s.recv(1) == b""
    assert ended == 100, "the idlest were closed"
    for s in idle + more:
        s.close()
    wait_until(lambda: deadpeer.open_files() <= before, what="their descriptors are back")


def test_slow_requests_cannot_hold_a_place(deadpeer):
    """A byte now and then: every one restarts an idle timer, none the request's own."""
    request = b"GET /version HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
    slow = [dial(deadpeer.api.address) for _ in range(20)]
    began = time.monotonic()
    for s in slow:
        s.sendall(request)
    deadpeer.api.get("/version")
    deadpeer.process.send_signal(signal.SIGSTOP)  # some come in the moment when others send
    slow += [dial(deadpeer.api.address) for _ in range(5)]
    slow[0].sendall(b"x")
    deadpeer.process.send_signal(signal.SIGCONT)
    for s in slow[20:]:
        s.sendall(request)
    left = list(slow)
    while left and time.monotonic() - began < 25:
        for s in list(left):
            try:
                s.sendall(b"x")
            except OSError:
                left.remove(s)
        time.sleep(0.2)
        assert deadpeer.api.get("/version").status == 200
    assert not left
    assert time.monotonic() - began > 14


def test_answers_that_nobody_reads(deadpeer):
    api = deadpeer.api
    for n in range(50):
        api.proxy(f"p{n}", enabled=False, upstream=f"{'x' * 60}.{'y' * 60}:1")
    deaf = [dial(api.address) for _ in range(10)]
    for s in deaf:
        s.settimeout(0.1)
        try:
            for _ in range(2000):
                s.sendall(b"GET /proxies HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
        except TimeoutError:
            pass
    assert api.get("/version").status == 200
    assert deadpeer.resident_kib() < 200 << 10


@pytest.mark.parametrize("first", ["GET /v1/openapi.json", "GET /v1/events?follow=1"])
def test_questions_of_who_reads_no_answers(deadpeer, first):
    """What a client sends ahead is left in its socket: the relay does not keep it all."""
    s = dial(deadpeer.api.address)
    s.settimeout(0.5)
    request = f"{first} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    ahead = request * 1000
    with pytest.raises((TimeoutError, ConnectionError)):
        for _ in range((64 << 20) // len(ahead)):
            s.sendall(ahead)
    assert deadpeer.api.get("/version").status == 200


def test_answers_that_nobody_reads_are_bounded(deadpeer):
    """Two hundred of 2 MB are asked for; who leaves most unread goes, and soon others are answered."""
    api = deadpeer.api
    place = api.proxy("p", upstream="builtin:echo")["listen"]
    for _ in range(2500):  # four events each
        dial(place).close()
    wait_until(lambda: len(api.get("/v1/events?limit=10000").body) > 1_500_000, 20)
    before = deadpeer.resident_kib()
    request = b"GET /v1/events?limit=10000 HTTP/1.1\r\nHost: localhost\r\n\r\n"
    greedy = []
    for _ in range(200):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", int(api.address.rsplit(":", 1)[1])))
        s.sendall(request)
        greedy.append(s)
    wait_until(lambda: api.get("/v1/events?limit=10000").status == 200)
    grown = deadpeer.resident_kib() - before
    for s in greedy:
        s.close()
    spare = 300 if "address" in BINARY else 48  # what a sanitizer keeps of what was freed
    assert grown < (64 + spare) << 10, f"{grown} KiB more"


# --- change after change ---

def test_rapid_changes_leave_the_others_alone(deadpeer, echo):
    api = deadpeer.api
    steady = dial(api.proxy("steady", upstream=echo.address)["listen"])
    assert echoes(steady)
    connection = http.client.HTTPConnection(*api.address.split(":"), timeout=10)

    def call(method, path, body=None):
        connection.request(method, path, body)
        answer = connection.getresponse()
        answer.read()
        assert answer.status < 300, (method, path, answer.status)

    call("POST", "/proxies", f'{{"name":"x","listen":"127.0.0.1:0","upstream":"{echo.address}"}}')
    port = api.get("/proxies/x").json["listen"]
    before, kib = deadpeer.open_files(), 0
    for n in range(600):
        if n == 100:
            kib = deadpeer.resident_kib()
        victim = dial(port)
        victim.sendall(b"x" * (n % 7))
        for type_ in ("noop", "hang", "process_crash"):
            call("POST", "/proxies/x/toxics", f'{{"type":"{type_}"}}')
        call("PATCH", "/proxies/x/toxics/hang_downstream", '{"attributes":{"duration":1000}}')
        call("DELETE", "/proxies/x/toxics/noop_downstream")
        if n % 3 == 0:
            call("POST", "/proxies/x", '{"enabled":false}')
            call("POST", "/proxies/x", '{"enabled":true}')
        call("DELETE", "/proxies/x")
        call("POST", "/proxies", f'{{"name":"x","listen":"{port}","upstream":"{echo.address}"}}')
        victim.close()
        if n % 20 == 0:
            assert echoes(steady, b"z" * 1000)
    assert echoes(steady)
    assert echoes(dial(port))
    wait_until(lambda: deadpeer.open_files() <= before + 4, what="no descriptor is left behind")
    if not os.environ.get("SANITIZER"):
        assert deadpeer.resident_kib() - kib < 4096
    assert [e for e in deadpeer.events("session.closed", proxy="steady")] == []


def test_what_comes_and_goes_is_in_the_ports_file(deadpeer):
    deadpeer.api.proxy("new")
    assert deadpeer.ports()["new"] == deadpeer.api.get("/proxies/new").json["listen"]
    deadpeer.api.patch("/proxies/new", {"enabled": False})
    assert list(deadpeer.ports()) == ["admin"]


def test_without_its_ports_file_it_does_not_start(tmp_path):
    """Who waits for the file would wait for ever."""
    d = Deadpeer(tmp_path, "--ports-file", "/proc/none/ports").launch()
    try:
        d.process.wait(20)
    finally:
        assert d.stop() == 1
    assert "deadpeer serve: ports_file /proc/none/ports: No such file or directory" in d.read("log")
    assert "ready" not in d.read("out")


def test_terminated_it_ends_though_somebody_is_connected(deadpeer):
    idle = dial(deadpeer.api.address)
    idle.sendall(b"GET /ver")
    assert deadpeer.stop() == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(deadpeer.api.address.split(":"), 1)
