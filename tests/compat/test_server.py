"""deadpeer in the place of toxiproxy-server, as whoever starts one sees it."""
import json
import os
import re
import signal
import socket
import subprocess

import pytest

from api import BINARY, Api, dial, echoes, free_port, wait_until


STARTED = []


@pytest.fixture(autouse=True)
def nothing_stays():
    """A test that failed has not come to its stop()."""
    yield
    while STARTED:
        process = STARTED.pop()
        if process.poll() is None:
            process.kill()
            process.wait()


class Server:
    """deadpeer toxiproxy-server, or by_name: called by that name, on a port that was free."""

    def __init__(self, folder, *arguments, by_name=True, env=None, port=None):
        self.folder = folder
        self.port = port or free_port()
        self.command = [name_of(folder)] if by_name else [BINARY, "toxiproxy-server"]
        self.command += [f"-port={self.port}", *arguments]
        self.env = {**os.environ, **(env or {})}
        self.api = Api(f"127.0.0.1:{self.port}")
        self.process = None

    def launch(self):
        with open(self.folder / "out", "wb") as out, open(self.folder / "err", "wb") as err:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=err, env=self.env)
        STARTED.append(self.process)
        return self

    def start(self):
        """As redis-client does: it is ready when its port answers."""
        self.launch()
        wait_until(lambda: self.process.poll() is not None or self.answers(), what="the port")
        assert self.process.poll() is None, self.err()
        return self

    def answers(self):
        with socket.socket() as s:
            return not s.connect_ex(("127.0.0.1", self.port))

    def err(self):
        return (self.folder / "err").read_text()

    def lines(self):
        """Its log: nothing but a JSON object a line."""
        return [json.loads(line) for line in (self.folder / "out").read_text().splitlines()]

    def stop(self, how=signal.SIGINT):
        self.process.send_signal(how)
        status = self.process.wait(20)
        assert "Sanitizer" not in self.err() and "runtime error" not in self.err(), self.err()
        return status


def name_of(folder):
    link = folder / "toxiproxy-server"
    if not link.exists():
        link.symlink_to(BINARY)
    return str(link)


@pytest.fixture
def server(tmp_path):
    s = Server(tmp_path).start()
    yield s
    assert s.stop() == 0


def run(folder, *arguments, by_name=True):
    command = [name_of(folder)] if by_name else [BINARY, "toxiproxy-server"]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False,
                          timeout=20)


# --- flags ---

@pytest.mark.parametrize("by_name", [True, False])
@pytest.mark.parametrize("flag", ["-version", "--version", "-version=true", "-version=T"])
def test_version(tmp_path, flag, by_name):
    told = run(tmp_path, flag, by_name=by_name)
    assert (told.returncode, told.stdout) == (0, "toxiproxy-server version 2.12.0\n")


@pytest.mark.parametrize("flag", ["-h", "--help", "-help"])
def test_help(tmp_path, flag):
    told = run(tmp_path, flag)
    assert told.returncode == 0 and told.stdout == ""
    for name in ["config", "host", "port", "proxy-metrics", "runtime-metrics", "seed", "version"]:
        assert re.search(rf"^  -{name}\b", told.stderr, re.M), name


@pytest.mark.parametrize("arguments, said", [
    (["-nonsense"], "flag provided but not defined: -nonsense"),
    (["--nonsense=5"], "flag provided but not defined: -nonsense"),
    (["-port"], "flag needs an argument: -port"),
    (["-version=maybe"], "invalid boolean value"),
    (["-port", "99999"], "expected a port number or a service: -port 99999"),
    (["-port", "no-service"], "expected a port number or a service: -port no-service"),
    (["-port="], "expected a port number or a service"),
    (["-seed", "x"], "expected a whole number: -seed x"),
])
def test_wrong_flags(tmp_path, arguments, said):
    told = run(tmp_path, *arguments)
    assert told.returncode == 2 and told.stdout == ""
    assert told.stderr.startswith(said) and "Usage of toxiproxy-server:" in told.stderr


@pytest.mark.parametrize("arguments", [
    ["-host", "localhost"], ["--host=127.0.0.1", "-seed=-7"], ["-seed", "5", "extra", "-words"],
    ["-proxy-metrics", "-runtime-metrics=false"], ["--", "-nonsense"], ["-config", ""]])
@pytest.mark.parametrize("by_name", [True, False])
def test_flags_in_every_form(tmp_path, arguments, by_name):
    s = Server(tmp_path, *arguments, by_name=by_name).start()
    assert s.api.get("/version").body == b'{"version": "2.12.0"}\n'
    assert s.api.get("/metrics").status == 200  # whatever the flags say
    assert s.stop() == 0


# --- its life ---

@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_what_it_relays(tmp_path, echo, how):
    s = Server(tmp_path).start()
    client = dial(s.api.proxy(upstream=echo.address)["listen"])
    assert echoes(client)
    s.api.toxic(type="latency", attributes={"latency": 60000})
    client.sendall(b"held")
    assert s.stop(how) == 0
    try:
        assert client.recv(1) == b""
    except ConnectionResetError:
        pass


def test_its_log_is_json_on_stdout(server):
    server.api.proxy()
    wait_until(lambda: any(line["event"] == "api.changed" for line in server.lines()))
    for line in server.lines():
        assert list(line)[:3] == "time level event".split()
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line.get("time"))
    assert server.lines()[0]["event"] == "deadpeer.start"
    assert server.err() == ""


@pytest.mark.parametrize("level, logs", [
    ("trace", True), ("debug", True), ("info", True), ("", True), ("nonsense", True),
    ("warn", False), ("error", False), ("fatal", False), ("panic", False), ("disabled", False)])
def test_log_level(tmp_path, level, logs):
    s = Server(tmp_path, env={"LOG_LEVEL": level}).start()
    assert echoes(dial(s.api.proxy(upstream="builtin:echo")["listen"]))
    assert s.stop() == 0
    assert bool(s.lines()) == logs
    assert ("LOG_LEVEL: expected trace, debug" in s.err()) == (level == "nonsense")
    assert ("session.state" in [line["event"] for line in s.lines()]) == (
        level in ("trace", "debug"))


def test_a_port_in_use_ends_it(tmp_path, server):
    """Toxiproxy stays, without an API."""
    (tmp_path / "second").mkdir()
    second = Server(tmp_path / "second", port=server.port).launch()
    assert second.process.wait(20) == 1
    assert "Address already in use (give another -host or -port)" in second.err()


def draws(folder, seed, echo):
    folder.mkdir()
    s = Server(folder, "-seed", str(seed)).start()
    listen = s.api.proxy(upstream=echo.address, toxics=[
        {"type": "slow_close", "toxicity": 0.5, "attributes": {"delay": 0}},
        {"type": "reset", "name": "r", "toxicity": 0.5, "attributes": {"after_bytes": 1}}])
    hit = []
    for _ in range(24):
        with dial(listen["listen"]) as client:
            try:
                hit.append(not echoes(client))
            except ConnectionResetError:
                hit.append(True)
    assert s.stop() == 0
    return hit


@pytest.mark.parametrize("seed", [0, 7, -7])
def test_a_seed_repeats_the_run(tmp_path, echo, seed):
    """Toxiproxy's -seed has no effect."""
    first = draws(tmp_path / "1", seed, echo)
    assert first == draws(tmp_path / "2", seed, echo)
    assert True in first and False in first
    assert first != draws(tmp_path / "3", 99, echo)


# --- beyond loopback ---

def test_it_may_listen_everywhere(tmp_path):
    """As the container does: -host=0.0.0.0, and no token. Names are whatever the network has."""
    s = Server(tmp_path, "-host=0.0.0.0").start()
    assert "other machines can reach the API" in s.err() and "DEADPEER_ADMIN_TOKEN" in s.err()
    assert Api(f"[::1]:{s.port}").get("/version").status == 200
    for host in ["toxiproxy:8474", "ci.example.org", "10.1.2.3:8474", "[fd00::1]:8474"]:
        assert s.api.get("/version", Host=host).status == 200
        assert s.api.post("/reset", Host=host).status == 204
    # Pages: of another origin, brought here by DNS rebinding, or by a browser in any way.
    assert s.api.post("/reset", Origin="http://evil.example").status == 403
    assert s.api.post("/reset", Origin="http://evil.example:8474",
                      Host="evil.example:8474").status == 403
    assert s.api.get("/version", Host="evil.example", User_Agent="Mozilla/5.0").status == 403
    own = f"127.0.0.1:{s.port}"
    assert s.api.post("/reset", Origin=f"http://{own}", Host=own).status == 204
    assert s.stop() == 0


@pytest.mark.parametrize("host", ["", "::", "0.0.0.0", "::1"])
def test_hosts(tmp_path, host):
    s = Server(tmp_path, "-host", host).launch()
    api = Api(f"[::1]:{s.port}")

    def answers():
        with socket.socket(socket.AF_INET6) as probe:
            return not probe.connect_ex(("::1", s.port))
    wait_until(answers)
    assert api.get("/version").status == 200
    assert ("other machines" in s.err()) == (host != "::1")
    assert s.stop() == 0


def test_a_token_closes_it(tmp_path):
    s = Server(tmp_path, "-host=0.0.0.0", env={"DEADPEER_ADMIN_TOKEN": "secret"}).start()
    assert s.err() == ""
    assert s.api.get("/version").status == 401
    assert s.api.get("/version", Authorization="Bearer secret").status == 200
    assert s.stop() == 0


def test_on_loopback_the_name_must_be_local(server):
    assert server.api.get("/version", Host="toxiproxy:8474").status == 403
    assert server.api.get("/version", Host="localhost").status == 200


# --- the configuration file ---

def test_config(tmp_path, echo):
    (tmp_path / "c.json").write_text(json.dumps([
        {"name": "web", "listen": "[::]:0", "upstream": echo.address, "enabled": True},
        {"name": "off", "listen": "localhost:0", "upstream": "nowhere.invalid:1", "enabled": False},
        {"name": "slow", "listen": "localhost:0", "upstream": echo.address, "toxics": [
            {"type": "latency", "attributes": {"latency": 100}}]}]))
    s = Server(tmp_path, "-config", str(tmp_path / "c.json")).start()
    proxies = s.api.get("/proxies").json
    assert [(n, p["enabled"], len(p["toxics"])) for n, p in proxies.items()] == [
        ("off", False, 0), ("slow", True, 1), ("web", True, 0)]
    port = proxies["web"]["listen"].rsplit(":", 1)[1]
    assert proxies["web"]["listen"] == f"[::]:{port}"
    assert echoes(dial(f"127.0.0.1:{port}"))
    assert s.stop() == 0


def test_an_empty_config(tmp_path):
    (tmp_path / "c.json").write_text("[]")
    s = Server(tmp_path, f"-config={tmp_path / 'c.json'}").start()
    assert s.api.get("/proxies").json == {}
    assert s.stop() == 0


@pytest.mark.parametrize("text, said", [
    (None, "c.json: No such file"), ("", "c.json:1: "), ('[\n{"name": 5,\n]', "c.json:3: "),
    ("{}", "c.json: expected an array of proxies, got an object"),
    ("[] x", "c.json:1: "), ("[5]", "expected an object, got a number at proxy 1"),
    ('[{"name":"a","upstream":"x:1"},{"name":"b"}]', "missing required field: upstream at proxy 2"),
    ('[{"name":"a","listen":"192.0.2.1:0","upstream":"x:1"}]', "cannot assign requested address"),
    ('[{"name":"a","upstream":"x:1","toxics":[{"type":"nope"}]}]', "invalid toxic type"),
])
def test_a_wrong_config_is_an_error(tmp_path, text, said):
    """Toxiproxy starts anyway, with what was right."""
    if text is not None:
        (tmp_path / "c.json").write_text(text)
    s = Server(tmp_path, "-config", str(tmp_path / "c.json")).launch()
    assert s.process.wait(20) == 1
    assert s.err().startswith("deadpeer toxiproxy-server: config: ") and said in s.err()
    assert "deadpeer.ready" not in [line["event"] for line in s.lines()]
