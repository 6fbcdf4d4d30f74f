"""Hosts and their power, partitions, the configuration, reading it again."""
import socket
import subprocess
import time

import pytest

from api import BINARY, Deadpeer, dial, echoes, wait_until
from v1 import V1

HOSTS = """
[host db]
title = The database
address = 127.0.0.2
[host app]
address = 127.0.0.3/32
[host other]
[proxy a]
listen = 127.0.0.1:0
upstream = builtin:echo
host = db
[proxy b]
listen = 127.0.0.1:0
upstream = builtin:echo
host = db
[proxy lone]
listen = 127.0.0.1:0
upstream = builtin:echo
"""


@pytest.fixture
def hosts(tmp_path):
    (tmp_path / "conf.ini").write_text(HOSTS)
    d = Deadpeer(tmp_path, "-c", f"{tmp_path}/conf.ini").start()
    yield d
    assert d.stop() == 0


@pytest.fixture
def v1(hosts):
    return V1(hosts.api)


def dial_from(source, address):
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), 10, (source, 0))


def power(v1, name):
    return {h["name"]: h["power"] for h in v1.get("/hosts")["hosts"]}[name]


def test_hosts(v1):
    assert v1.get("/hosts")["hosts"] == [
        {"name": "db", "title": "The database", "address": "127.0.0.2", "proxies": ["a", "b"],
         "power": "on"},
        {"name": "app", "address": "127.0.0.3", "proxies": [], "power": "on"},
        {"name": "other", "proxies": [], "power": "on"},
        {"name": "lone", "proxies": ["lone"], "power": "on"}]
    made = v1.post("/hosts", {"name": "new", "title": "New one"}, 201)
    assert made == {"name": "new", "title": "New one", "proxies": [], "power": "on"}
    assert v1.proxy("n", host="new")["host"] == "new"
    for name in ("new", "lone"):
        v1.post("/hosts", {"name": name}, 409)
    for bad in ({}, {"name": "a b"}, {"name": 1}, {"name": "x", "titel": "y"},
                {"name": "x", "address": "nowhere"}):
        v1.post("/hosts", bad, 400)


def test_power(v1):
    a = v1.get("/proxies/a")["listen"]
    with dial(a) as s:
        assert echoes(s)
        fault = v1.post("/hosts/db/power_off", status=200)
        assert fault["name"] == "power-db" and fault["type"] == "power_loss"
        assert fault["host"] == "db" and fault["proxies"] == ["a", "b"] and fault["sessions"] == 1
        assert (power(v1, "db"), power(v1, "lone")) == ("off", "on")
        assert "power_on" in v1.post("/hosts/db/power_off", status=409)
        assert v1.get("/proxies/b")["gate"] == "silent"
        assert v1.post("/hosts/db/power_on", status=200) == {"lifted": "power-db"}
        assert power(v1, "db") == "on"
        v1.post("/hosts/db/power_on", status=409)
        s.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            s.recv(1), s.recv(1)
    with dial(a) as s:
        assert echoes(s)
    assert "GET /v1/hosts" in v1.post("/hosts/nobody/power_off", status=404)
    assert "duration" in v1.post("/hosts/db/power_off", {"duration": "long"}, 400)
    assert "until" in v1.post("/hosts/db/power_off", {"until": 1}, 400)


def test_power_for_a_time_again_and_again(v1):
    for _ in range(3):
        fault = v1.post("/hosts/lone/power_off", {"duration": "100ms"}, 200)
        v1.get("/wait", **{"for": "lifted"}, fault=fault["name"], since=0)
        wait_until(lambda: power(v1, "lone") == "on")
    assert len(v1.get("/faults")["faults"]) <= 2, "what is over is forgotten"
    assert v1.post("/heal") == {"lifted": []} and v1.get("/faults") == {"faults": []}


def test_partition(v1):
    """Those of one address are cut off, the others are not; then they carry on."""
    a = v1.get("/proxies/a")["listen"]
    with dial_from("127.0.0.3", a) as app, dial_from("127.0.0.4", a) as stranger:
        assert echoes(app) and echoes(stranger)
        made = v1.post("/partitions", {"a": ["app"], "b": ["db"]}, 201)
        assert made == {"faults": ["partition-app-db"]}, "app has no service to cut"
        fault = v1.get("/faults/partition-app-db")
        assert fault["values"]["clients"] == "127.0.0.3" and fault["host"] == "db"
        app.sendall(b"y")
        app.settimeout(0.3)
        with pytest.raises(TimeoutError):
            app.recv(1)
        assert echoes(stranger)
        assert v1.post("/heal") == {"lifted": ["partition-app-db"]}
        app.settimeout(10)
        assert app.recv(1) == b"y", "not a byte was lost"


@pytest.mark.parametrize("body, status, says", [
    ({}, 400, "a, b"),
    ({"a": ["app"], "b": []}, 400, "a, b"),
    ({"a": [1], "b": ["db"]}, 400, "names"),
    ({"a": ["nobody"], "b": ["db"]}, 404, "nobody"),
    ({"a": ["db"], "b": ["db"]}, 400, "both sides"),
    ({"a": ["other"], "b": ["db"]}, 422, "address"),
    ({"a": ["app"], "b": ["other"]}, 422, "nothing to cut"),
    ({"a": ["app"], "b": ["db"], "duration": -1}, 400, "duration"),
    ({"a": ["app"], "b": ["db"], "for": "5s"}, 400, "for"),
])
def test_bad_partitions_change_nothing(v1, body, status, says):
    assert says in v1.post("/partitions", body, status)
    assert v1.get("/faults") == {"faults": []}


def test_config(v1, hosts, tmp_path):
    v1.fault("power_loss", "a", delay="1h", duration="5s", name="later")
    v1.fault("partition", "b", delay="1h")
    v1.fault("hang", "*", delay="1h", side="client", clients="10.0.0.0/8")
    hosts.api.toxic("lone", "latency", attributes={"latency": 20})
    config = v1.get("/config")
    assert config["settings"]["drain_timeout"] == "5s"
    assert int(config["settings"]["seed"]) == v1.get("/version")["seed"]
    assert [h["name"] for h in config["hosts"]] == ["db", "app", "other"]
    assert config["proxies"][0]["listen"] == v1.get("/proxies/a")["listen"]
    assert {"name": "later", "type": "power_loss", "proxy": "a", "delay": "1h",
            "duration": "5s"}.items() <= config["faults"][0].items()
    ini = hosts.api.get("/v1/config?format=ini")
    assert ini.status == 200 and ini.headers["content-type"].startswith("text/plain")
    checked = subprocess.run([BINARY, "check", "-"], input=ini.body, capture_output=True)
    assert checked.returncode == 0, checked.stderr
    assert hosts.api.get("/v1/config?format=xml").status == 400


def test_reload(v1, hosts, tmp_path):
    v1.proxy("mine")
    with dial(v1.get("/proxies/a")["listen"]) as s:
        assert echoes(s)
        (tmp_path / "conf.ini").write_text(HOSTS + "[proxy c]\nlisten = 127.0.0.1:0\n"
                                           "upstream = builtin:echo\n")
        told = v1.post("/reload", status=200)
        assert (told["event"], told["added"], told["removed"]) == ("config.reloaded", 1, 1)
        assert {p["name"] for p in v1.get("/proxies")["proxies"]} == {"a", "b", "lone", "c"}
        (tmp_path / "conf.ini").write_text("[proxy c]\nlisten = x\nupstrem = y\n")
        answer = hosts.api.post("/v1/reload")
        assert answer.status == 400
        told = answer.json
        assert len(told["errors"]) >= 2 and told["error"] == told["errors"][0]
        assert "conf.ini:2: [proxy c] listen" in told["error"]
        assert len(v1.get("/proxies")["proxies"]) == 4
        assert echoes(s)


def test_no_file_to_reload(api):
    answer = api.post("/v1/reload")
    assert answer.status == 400 and "-c FILE" in answer.json["error"]


@pytest.mark.parametrize("bad", ["listen = 127.0.0.1:{taken}\nupstream = builtin:echo\n",
                                 "listen = 192.0.2.1:0\nupstream = builtin:echo\n",
                                 "listen = 127.0.0.1:0\nupstream = builtin:echo\n"
                                 "[fault wrong]\ntype = hang\nproxy = p4\ndelay = 5\n",
                                 "listen = 127.0.0.1:0\nupstream = builtin:echo\n"
                                 "[fault wrong]\ntype = latency\nproxy = p4\nlatncy = 5ms\n"])
def test_a_reload_is_all_or_nothing(v1, hosts, tmp_path, bad):
    """The fifth of ten is wrong: nothing of it holds, and nobody notices."""
    before = v1.get("/proxies"), v1.get("/faults"), hosts.open_files()
    with dial(v1.get("/proxies/a")["listen"]) as s, socket.create_server(("127.0.0.1", 0)) as other:
        assert echoes(s)
        text = HOSTS.replace("[proxy lone]", "[proxy renamed]").replace("[host other]", "")
        for i in range(10):
            body = bad if i == 4 else "listen = 127.0.0.1:0\nupstream = builtin:echo\n"
            text += f"[proxy p{i}]\n" + body.replace("{taken}", str(other.getsockname()[1]))
        (tmp_path / "conf.ini").write_text(text + "[fault new]\ntype = hang\nproxy = a\n")
        answer = hosts.api.post("/v1/reload")
        assert answer.status == 400, answer
        assert echoes(s)
    v1.sessions(0)
    assert [p["name"] for p in v1.get("/proxies")["proxies"]] == ["a", "b", "lone"]
    assert (v1.get("/faults"), len(v1.get("/hosts")["hosts"])) == (before[1], 4)
    assert {p["listen"] for p in v1.get("/proxies")["proxies"]} == \
        {p["listen"] for p in before[0]["proxies"]}
    wait_until(lambda: hosts.open_files() <= before[2])
    assert not v1.events(0, "api.changed")


@pytest.mark.parametrize("bad", [
    {"listen": "127.0.0.1:{taken}"}, {"listen": "192.0.2.1:0"}, {"upstream": ""}, {"name": ""},
    {"toxics": [{"type": "latency"}, {"type": "latncy"}]},
    {"toxics": [{"type": "power_loss", "attributes": {"delay": -1}}]},
    {"toxics": [{"type": "latency", "toxicity": 2}]}])
def test_populate_is_all_or_nothing(v1, hosts, bad):
    before = v1.get("/proxies"), hosts.open_files()
    with dial(v1.get("/proxies/a")["listen"]) as s, socket.create_server(("127.0.0.1", 0)) as other:
        assert echoes(s)
        every = [{"name": f"p{i}", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1",
                  "toxics": [{"type": "latency"}]} for i in range(10)]
        every[2]["name"] = "b"  # is replaced
        every[4].update(bad)
        every[4]["listen"] = every[4]["listen"].replace("{taken}", str(other.getsockname()[1]))
        answer = hosts.api.post("/populate", every)
        assert answer.status in (400, 500) and "error" in answer.json, answer
        assert echoes(s)
    v1.sessions(0)
    after = v1.get("/proxies")
    assert [(p["name"], p["listen"], p["upstream"]) for p in after["proxies"]] == \
        [(p["name"], p["listen"], p["upstream"]) for p in before[0]["proxies"]]
    assert v1.get("/faults") == {"faults": []} and not v1.events(0, "api.changed")
    wait_until(lambda: hosts.open_files() <= before[1])


def test_lists_of_a_partition_are_short(v1):
    """A pair of each with each, in a body's size, would go on for hours."""
    began = time.monotonic()
    assert "100 hosts" in v1.post("/partitions", {"a": ["other"] * 60000, "b": ["db"] * 60000}, 400)
    assert time.monotonic() - began < 5
