"""deadpeer with its HTTP API on loopback, and a client that looks at every byte of an answer.

    d = Deadpeer(tmp_path).start()
    d.api.post("/proxies", {"name": "p", "upstream": "127.0.0.1:1"}).json
"""
import http.client
import json
import os
import random
import re
import select
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass

BINARY = os.path.abspath(os.environ.get("DEADPEER", "./deadpeer"))
PATIENCE = 10


def wait_until(condition, seconds=PATIENCE, what="it"):
    """The first true value of condition(), looked at every 5 ms."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.005)


@dataclass
class Answer:
    status: int
    headers: dict
    body: bytes

    @property
    def json(self):
        """Only of what is labelled so."""
        assert self.headers.get("content-type") == "application/json", self
        assert not self.body.endswith(b"\n")
        return json.loads(self.body)

    @property
    def error(self):
        """The message of an error, whose whole form is checked."""
        assert self.headers["content-type"] == "text/plain; charset=utf-8", self
        assert self.headers["x-content-type-options"] == "nosniff"
        assert self.body.endswith(b"\n")
        told = json.loads(self.body)
        assert list(told) == ["error", "status"] and told["status"] == self.status, told
        return told["error"]


class Api:
    def __init__(self, address, **headers):
        self.address = address
        self.headers = {k.replace("_", "-"): v for k, v in headers.items()}

    def connection(self):
        if self.address.startswith("unix:"):
            connection = http.client.HTTPConnection("localhost", timeout=PATIENCE)
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.connect(self.address[5:])
            return connection
        host, port = self.address.rsplit(":", 1)
        return http.client.HTTPConnection(host.strip("[]"), int(port), timeout=PATIENCE)

    def call(self, method, path, body=None, **headers):
        """body: bytes and text go as they are, anything else as JSON."""
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        every = {**self.headers, **{k.replace("_", "-"): v for k, v in headers.items()}}
        connection = self.connection()
        try:
            connection.request(method, path, body, every)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()},
                          answer.read())
        finally:
            connection.close()

    def get(self, path, **headers):
        return self.call("GET", path, **headers)

    def post(self, path, body=None, **headers):
        return self.call("POST", path, body, **headers)

    def patch(self, path, body=None, **headers):
        return self.call("PATCH", path, body, **headers)

    def delete(self, path, **headers):
        return self.call("DELETE", path, **headers)

    # What tests need all the time.

    def proxy(self, name="p", listen="127.0.0.1:0", upstream="127.0.0.1:1", **more):
        answer = self.post("/proxies", {"name": name, "listen": listen, "upstream": upstream,
                                        **more})
        assert answer.status == 201, answer
        return answer.json

    def toxic(self, proxy="p", type="noop", **more):
        answer = self.post(f"/proxies/{proxy}/toxics", {"type": type, **more})
        assert answer.status == 200, answer
        return answer.json


class Deadpeer:
    def __init__(self, folder, *arguments, admin="127.0.0.1:0", env=None):
        self.folder = str(folder)
        self.arguments = ["--admin", admin, "--ports-file", self.path("ports"), "--events",
                          self.path("events"), "--log-level", "debug", *arguments]
        self.env = {**os.environ, **(env or {})}
        self.process = self.api = None

    def path(self, name):
        return os.path.join(self.folder, name)

    def read(self, name):
        try:
            with open(self.path(name), encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def launch(self):
        with open(self.path("log"), "wb") as log, open(self.path("out"), "wb") as out:
            self.process = subprocess.Popen([BINARY, "serve", *self.arguments], env=self.env,
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=log)
        return self

    def start(self):
        self.launch()
        wait_until(lambda: "ready" in self.read("out").splitlines()
                   or self.process.poll() is not None, what="ready")
        assert self.process.poll() is None, self.read("log")
        self.api = Api(self.ports().get("admin", "off"))
        return self

    def ports(self):
        return dict(line.rsplit("=", 1) for line in reversed(self.read("ports").splitlines()))

    def events(self, event=None, **match):
        lines = self.read("events").splitlines(keepends=True)
        every = [json.loads(line) for line in lines if line.endswith("\n")]
        return [e for e in every if event in (None, e["event"])
                and all(e.get(k) == v for k, v in match.items())]

    def wait_event(self, event, **match):
        return wait_until(lambda: self.events(event, **match), what=f"{event} {match}")[0]

    def open_files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def resident_kib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return int(re.search(r"VmRSS:\s*(\d+)", f.read()).group(1))

    def stop(self):
        """SIGTERM must end it well, and no sanitizer may have anything to say."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        log = self.read("log")
        print(log[-8000:])
        assert "Sanitizer" not in log and "runtime error" not in log
        return status


class Echo:
    """A server that sends back what it gets, each connection in a thread of its own."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    @staticmethod
    def _serve(connection):
        with connection:
            try:
                while data := connection.recv(65536):
                    connection.sendall(data)
            except OSError:
                pass

    def close(self):
        self.listener.close()


def free_port():
    """Below those that the kernel gives to connections, so that none takes it meanwhile."""
    while True:
        port = random.randrange(12000, 30000)
        with socket.socket(socket.AF_INET6) as s:
            try:
                s.bind(("::", port))
                return port
            except OSError:
                pass


def dial(address):
    host, port = address.rsplit(":", 1)
    s = socket.create_connection((host.strip("[]"), int(port)), PATIENCE)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def echoes(s, data=b"hello"):
    s.sendall(data)
    got = b""
    while len(got) < len(data):
        more = s.recv(len(data) - len(got))
        if not more:
            return False
        got += more
    return got == data


class Upstream:
    """A server whose connections the test holds: client, server = upstream.pair(api)."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.listener.settimeout(PATIENCE)
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"

    def accept(self):
        s = self.listener.accept()[0]
        s.settimeout(PATIENCE)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    def pair(self, listen):
        client = dial(listen)
        return client, self.accept()

    def close(self):
        self.listener.close()


def receive(s, size):
    """Exactly so many bytes, or what came before the end."""
    got = bytearray()
    while len(got) < size:
        more = s.recv(min(size - len(got), 1 << 20))
        if not more:
            break
        got += more
    return bytes(got)


def is_silent(s, seconds=0.3):
    return not select.select([s], [], [], seconds)[0]
