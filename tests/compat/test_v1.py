"""The native API: proxies, faults, healing, sessions."""
import datetime
import os
import re
import socket
import subprocess
import time

import pytest

from api import BINARY, Api, Deadpeer, dial, echoes, wait_until
from v1 import V1


@pytest.fixture
def v1(api):
    return V1(api)


def root_wire(v1):
    return v1.get("/version")["wire"]["v4"] != "partial"


# --- health, version ---

def test_health_and_version(v1, api):
    assert api.get("/healthz").body == b"ok\n"
    assert api.get("/readyz").body == b"ready\n"
    told = v1.get("/version")
    assert told["name"] == "deadpeer" and re.fullmatch(r"\d+\.\d+\.\d+", told["version"])
    assert set(told["wire"]) == {"v4", "v6"}
    assert told["uptime_ns"] > 0
    assert v1.get("/version")["uptime_ns"] > told["uptime_ns"]


def test_health_needs_no_token(tmp_path):
    (tmp_path / "token").write_text("secret\n")
    d = Deadpeer(tmp_path, "--admin-token-file", f"{tmp_path}/token").start()
    assert d.api.get("/healthz").status == 200
    holder = V1(Api(d.api.address, Authorization="Bearer secret"))
    assert holder.get("/proxies") == {"proxies": []} and holder.document()
    assert "Bearer TOKEN" in V1(d.api).get("/proxies", 401)
    assert d.stop() == 0


def test_what_is_not_there_is_json(v1):
    assert "openapi" in v1.call("GET", "/nothing", status=404)
    assert "openapi" in v1.call("DELETE", "/version", status=405)
    assert "?x:" in v1.get("/sessions", 400, x="1")


def test_head_is_get_without_a_body(v1, api):
    """As `wget --spider` and monitors ask for health."""
    connection = api.connection()
    for path in ["/healthz", "/readyz", "/metrics", "/v1/proxies", "/v1/faults/x",
                 "/v1/wait?for=opened&timeout=0", "/v1/events"]:
        of_get = api.get(path)
        connection.request("HEAD", path)
        answer = connection.getresponse()
        assert answer.read() == b""
        assert (answer.status, answer.headers["content-type"]) == \
            (of_get.status, of_get.headers["content-type"]), path
    connection.request("HEAD", "/v1/heal")
    assert connection.getresponse().status == 405


def test_browsers_may_read_and_not_write(v1):
    v1.call("GET", "/proxies", status=200, User_Agent="Mozilla/5.0")
    v1.call("POST", "/heal", status=403, Origin="http://evil.example")


# --- proxies ---

def test_life_of_a_proxy(v1, echo):
    made = v1.proxy(upstream=echo.address, connect_timeout="2s", max_sessions=5)
    port = made["listen"].rsplit(":", 1)[1]
    assert made == {"name": "p", "listen": f"127.0.0.1:{port}", "upstream": echo.address,
                    "enabled": True, "host": "p", "gate": "open", "connect_timeout": "2s",
                    "max_sessions": "5", "backlog": "4096", "sessions": 0, "accepted": 0,
                    "upstream_bytes": 0, "downstream_bytes": 0, "faults": []}
    with dial(made["listen"]) as s:
        assert echoes(s, b"12345")
        now = v1.get("/proxies/p")
        assert (now["sessions"], now["accepted"]) == (1, 1)
        assert now["upstream_bytes"] == now["downstream_bytes"] == 5
        v1.patch("/proxies/p", {"listen": made["listen"], "max_sessions": "1"})
        assert v1.get("/proxies/p")["gate"] == "full"
        assert echoes(s), "the session goes on"
    wait_until(lambda: v1.get("/proxies/p")["sessions"] == 0)
    assert v1.get("/proxies/p")["upstream_bytes"] == 10, "counted when it is over, too"
    assert v1.patch("/proxies/p", {"enabled": False})["gate"] == "refuse"
    with pytest.raises(ConnectionRefusedError):
        dial(made["listen"])
    assert v1.patch("/proxies/p", {"enabled": "yes"})["listen"] == made["listen"]
    assert [p["name"] for p in v1.get("/proxies")["proxies"]] == ["p"]
    assert v1.delete("/proxies/p") == {"removed": "p"}
    assert "GET /v1/proxies" in v1.get("/proxies/p", 404)
    assert "GET /v1/proxies" in v1.delete("/proxies/p", 404)


@pytest.mark.parametrize("body, status, says", [
    ({"listen": "127.0.0.1:0", "upstream": "builtin:echo"}, 400, "name: missing"),
    ({"name": "a/b", "listen": "127.0.0.1:0", "upstream": "builtin:echo"}, 400, "name: expected"),
    ({"name": 5, "listen": "127.0.0.1:0", "upstream": "builtin:echo"}, 400, "name: expected"),
    ({"name": "x", "upstream": "builtin:echo"}, 400, "listen: missing"),
    ({"name": "x", "listen": "127.0.0.1:0"}, 400, "upstream: missing"),
    ({"name": "x", "listen": "nowhere", "upstream": "builtin:echo"}, 400, "listen: expected"),
    ({"name": "x", "listen": "127.0.0.1:0", "upstrem": "b"}, 400, "did you mean upstream"),
    ({"name": "x", "listen": "127.0.0.1:0", "upstream": "builtin:echo", "backlog": 0}, 400,
     "backlog: expected"),
    ({"name": "x", "listen": "127.0.0.1:0", "upstream": "builtin:echo", "enabled": 7}, 400,
     "enabled: expected"),
    ({"name": "x", "listen": "127.0.0.1:0", "upstream": "builtin:echo", "host": "h"}, 400, "host"),
    ({"name": "x", "listen": "127.0.0.1:0", "upstream": "builtin:echo", "faults": 3}, 400,
     "faults: expected"),
    ({"name": "x", "listen": "127.0.0.1:0", "upstream": "builtin:echo",
      "faults": [{"type": "hang"}, {"type": "hung"}]}, 400, "did you mean hang"),
    ({"name": "p", "listen": "127.0.0.1:0", "upstream": "builtin:echo"}, 409, "PATCH"),
    ({"name": "x", "listen": "192.0.2.1:5", "upstream": "builtin:echo"}, 500, "cannot listen"),
    ([], 400, "expected a JSON object"),
    ("{", 400, "expected JSON"),
    ('{"name": "a", "name": "b"}', 400, "duplicate"),
])
def test_bad_proxies_change_nothing(v1, body, status, says):
    v1.proxy()
    assert says in v1.post("/proxies", body, status)
    assert [p["name"] for p in v1.get("/proxies")["proxies"]] == ["p"]
    assert v1.get("/faults") == {"faults": []}


def test_faults_of_a_new_proxy_strike_before_the_first_accept(v1):
    made = v1.proxy(faults=[{"type": "refuse", "name": "closed"}])
    assert made["gate"] == "refuse" and made["faults"] == ["closed"]
    with pytest.raises(ConnectionRefusedError):
        dial(made["listen"])


@pytest.mark.timeout(120)
def test_what_would_take_too_long_is_refused(v1, api):
    """Whatever a body holds, and up to as many as there may be: each call answers."""
    def call(method, path, body, status):
        began = time.monotonic()
        answer = api.call(method, path, body)
        assert answer.status == status, answer.body[:200]
        assert time.monotonic() - began < 5, path
        return answer.body.decode()

    v1.proxy()
    names = [f"n{i:x}" for i in range(60000)]
    assert "4096 names" in call("POST", "/v1/faults", {"type": "hang", "proxy": ",".join(names)}, 400)
    assert "4096 names" in call("POST", "/v1/faults", {"type": "hang", "proxy": names}, 400)
    assert "100 hosts" in call("POST", "/v1/partitions", {"a": names, "b": ["p"]}, 400)
    many = {"name": "q", "listen": "127.0.0.1:0", "upstream": "builtin:echo",
            "faults": [{"type": "hang"}] * 20000}
    assert "2000 faults" in call("POST", "/v1/proxies", many, 400)
    every = [{"name": f"q{i}", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"}
             for i in range(10000)]
    assert "2000 proxies" in call("POST", "/populate", every, 400)
    assert len(v1.get("/proxies")["proxies"]) == 1 and v1.get("/faults") == {"faults": []}
    many["faults"] = [{"type": "hang", "toxicity": 0.5}] * 2000
    call("POST", "/v1/proxies", many, 201)
    said = call("POST", "/v1/faults", {"type": "hang", "proxy": "p"}, 400)
    assert "2000 faults (over or not)" in said and "remove some first" in said
    assert "2000 faults" in call("POST", "/proxies/p/toxics", {"type": "noop"}, 400)
    assert len(v1.get("/faults")["faults"]) == 2000
    call("POST", "/v1/heal", {}, 200)
    call("POST", "/populate", every[:1998], 201)
    assert "2000 proxies" in call("POST", "/proxies", every[-1], 400)
    call("GET", "/v1/proxies", None, 200)
    call("GET", "/metrics", None, 200)
    call("POST", "/v1/faults", {"type": "power_loss", "proxy": "*"}, 201)
    call("DELETE", "/proxies/q7", None, 204)


def test_a_list_of_names_is_told_whole(v1, api):
    names = [f"{i:03}" + "x" * 60 for i in range(120)]
    api.post("/populate", [{"name": n, "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"}
                           for n in names])
    made = v1.fault("hang", names)
    assert made["proxies"] == names
    assert v1.get("/config")["faults"][0]["proxy"].split(",") == names


# --- faults ---

def test_fault_types_are_those_of_the_command_line(v1):
    import json
    shown = subprocess.run([BINARY, "fault", "types", "--json"], capture_output=True, check=True)
    told = v1.get("/fault-types")
    assert told == json.loads(shown.stdout)
    assert {"duration", "delay", "toxicity"} <= {p["key"] for p in told["common"]}


def test_life_of_a_fault(v1):
    made = v1.proxy()
    fault = v1.fault("latency", latency=50, jitter="5ms", duration="1h", name="slow")
    left, since = fault.pop("remaining_ns"), fault.pop("active_ns")
    assert 3590e9 < left <= 3600e9 and since >= 0
    assert fault == {"name": "slow", "type": "latency", "state": "active", "grade": "exact",
                     "side": fault["side"], "proxies": ["p"], "values": fault["values"],
                     "sessions": 0, "segments": 0}
    assert fault["values"]["latency"] == "50ms" and fault["values"]["duration"] == "1h"
    with dial(made["listen"]) as s:
        assert echoes(s)
        changed = v1.patch("/faults/slow", {"latency": "1ms"})
        assert changed["values"]["latency"] == "1ms" and changed["sessions"] == 1
        assert v1.events(0, "fault.updated"), "it went on"
        assert echoes(s)
    assert v1.get("/proxies/p")["faults"] == ["slow"]
    assert [f["name"] for f in v1.get("/faults")["faults"]] == ["slow"]
    assert v1.delete("/faults/slow") == {"lifted": "slow"}
    assert "GET /v1/faults" in v1.get("/faults/slow", 404)
    v1.patch("/faults/slow", {}, 404)
    v1.delete("/faults/slow", 404)
    assert v1.get("/proxies/p")["faults"] == []


def test_a_preset_is_that_of_the_file_and_of_the_toxic(v1, api, tmp_path):
    """One vocabulary: its values hold for the keys that are not given, however it came."""
    v1.proxy()
    keys = ["preset", "after", "mode", "keepalive_counts"]
    for given in ({"preset": "aws-nlb"}, {"preset": "kafka-broker", "mode": "drop"}):
        made = v1.fault("idle_timeout", name="mine", **given)["values"]
        toxic = api.toxic("p", "idle_timeout", attributes=given)["name"]
        file = "[proxy p]\nlisten = 127.0.0.1:0\nupstream = builtin:echo\n[fault f]\n" \
               "type = idle_timeout\nproxy = p\n" + "".join(f"{k} = {x}\n" for k, x in given.items())
        (tmp_path / "f.ini").write_text(file)
        (tmp_path / "other").mkdir(exist_ok=True)
        other = Deadpeer(tmp_path / "other", "-c", f"{tmp_path}/f.ini").start()
        try:
            in_file = V1(other.api).get("/faults/f")["values"]
        finally:
            assert other.stop() == 0
        in_toxic, = [f["values"] for f in v1.get("/faults")["faults"] if f.get("toxic")]
        assert {k: made[k] for k in keys} == {k: in_file[k] for k in keys}
        assert {k: made[k] for k in keys} == {k: in_toxic[k] for k in keys}
        changed = v1.patch("/faults/mine", {"preset": "aws-alb"})["values"]
        assert [changed[k] for k in keys] == ["aws-alb", "1m", "fin", "no"]
        v1.delete("/faults/mine")
        api.delete(f"/proxies/p/toxics/{toxic}")


def test_a_fault_that_repeats_another_type_has_its_sides(v1):
    v1.proxy()
    flap, = [t for t in v1.get("/fault-types")["types"] if t["type"] == "flap"]
    inner, = [p["choices"] for p in flap["params"] if p["key"] == "fault"]
    for type_ in inner:
        sides, = [t["sides"] for t in v1.get("/fault-types")["types"] if t["type"] == type_]
        assert v1.fault("flap", fault=type_, name=type_, delay="1h")["side"] == sides[0]
        v1.fault("flap", name=f"{type_}-again", delay="1h")
        assert v1.patch(f"/faults/{type_}-again", {"fault": type_})["side"] in sides


def test_names_states_and_scopes(v1):
    v1.proxy()
    v1.proxy("q")
    assert v1.fault("hang")["name"] == "hang-1"
    assert v1.fault("hang", ["p", "q"])["proxies"] == ["p", "q"]
    assert v1.fault("hang", "*")["proxies"] == "*"
    on_host = v1.post("/faults", {"type": "hang", "host": "q"}, 201)
    assert on_host["host"] == "q" and on_host["proxies"] == ["q"]
    waiting = v1.fault("hang", delay="1m")
    assert waiting["state"] == "waiting" and 50e9 < waiting["remaining_ns"] <= 60e9
    over = v1.fault("reset")
    assert v1.get(f"/faults/{over['name']}")["state"] == "over"


# --- for an instant ---

def wall(seconds_from_now):
    """RFC 3339 with nanoseconds."""
    ns = time.time_ns() + int(seconds_from_now * 1e9)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ns // 10**9)) + f".{ns % 10**9:09}Z"


def test_what_time_it_is(v1):
    before = time.time_ns(), time.monotonic_ns()
    told = v1.get("/time")
    after = time.time_ns(), time.monotonic_ns()
    assert before[0] <= told["wall_ns"] <= after[0]
    assert before[1] <= told["mono_ns"] <= after[1]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", told["wall"])
    assert told["wall"].endswith(".%09dZ" % (told["wall_ns"] % 10**9))


@pytest.mark.parametrize("delay", [None, 200, "0.2s"])
def test_a_fault_is_armed_for_an_instant(v1, delay):
    """The event's wall time is the one that was asked for."""
    v1.proxy()
    at = wall(0.3)
    made = v1.fault("hang", at=at, **({"delay": delay} if delay else {}))
    assert made["state"] == "waiting" and made["remaining_ns"] <= (0.5 if delay else 0.3) * 1e9
    became = wait_until(lambda: v1.events(0, "fault.active"))[0]["wall"]
    late = (datetime.datetime.fromisoformat(became.replace("Z", "+00:00"))
            - datetime.datetime.fromisoformat(at[:26] + "+00:00")).total_seconds()
    assert -0.001 <= late - (0.2 if delay else 0) < 2, (at, became)


def test_a_new_proxys_fault_waits_for_its_instant(v1):
    v1.proxy(faults=[{"type": "hang", "at": wall(60), "delay": "10s"}])
    fault, = v1.get("/faults")["faults"]
    assert fault["state"] == "waiting" and 60e9 < fault["remaining_ns"] < 70e9


def test_an_instant_just_past_is_now(v1):
    v1.proxy()
    assert v1.fault("hang", at=wall(-2))["state"] == "active"
    waits = v1.fault("hang", at=wall(-2), delay="1m")
    assert 50e9 < waits["remaining_ns"] < 58.1e9


@pytest.mark.parametrize("seconds, says", [(-60, "more than 5 s ago"), (3700, "more than 1 h")])
def test_an_instant_too_far_says_both_times(v1, seconds, says):
    v1.proxy()
    at = wall(seconds)
    told = v1.fault("hang", status=400, at=at)
    assert says in told and at in told
    assert re.search(r"it is (\S{30}) here", told).group(1)[:16] in (wall(0)[:16], wall(-5)[:16])
    assert v1.get("/faults") == {"faults": []}


@pytest.mark.parametrize("at", ["", "now", "2026-11-22T18:00:00", "18:00", 5, "2026-13-01T00:00:00Z",
                                "2026-11-22T18:00:00+01:00", "9999-12-31T23:59:59Z", "x" * 2000])
def test_an_instant_that_is_none(v1, at):
    v1.proxy()
    assert v1.fault("hang", status=400, at=at).startswith("at: expected")


def test_no_instant_for_what_has_begun(v1):
    v1.proxy()
    v1.fault("hang", name="f")
    assert "no such key" in v1.patch("/faults/f", {"at": wall(1)}, 400)
    assert "10000d" in v1.fault("hang", status=400, at=wall(60), delay="10000d")


@pytest.mark.parametrize("body, status, says", [
    ({"proxy": "p"}, 400, "type: missing"),
    ({"type": 3, "proxy": "p"}, 400, "type: expected a text"),
    ({"type": "power_lost", "proxy": "p"}, 400, "did you mean power_loss"),
    ({"type": "hang"}, 400, "proxy: missing"),
    ({"type": "hang", "proxy": "nobody"}, 400, "nobody"),
    ({"type": "hang", "host": "nobody"}, 400, "nobody"),
    ({"type": "hang", "proxy": "p", "host": "p"}, 400, "host"),
    ({"type": "hang", "proxy": "p", "delay": -5}, 400, "delay: expected"),
    ({"type": "hang", "proxy": "p", "delay": "5"}, 400, "delay: expected"),
    ({"type": "hang", "proxy": "p", "delay": [5]}, 400, "delay: expected"),
    ({"type": "hang", "proxy": "p", "toxicity": 1.5}, 400, "toxicity: expected"),
    ({"type": "hang", "proxy": "p", "clients": "10.0.0.1/8"}, 400, "clients: expected"),
    ({"type": "hang", "proxy": "p", "durration": "5s"}, 400, "did you mean duration"),
    ({"type": "hang", "proxy": "p", "name": "old"}, 409, "PATCH"),
    ({"type": "hang", "proxy": "p", "name": ""}, 400, "name: expected"),
])
def test_bad_faults_change_nothing(v1, body, status, says):
    v1.proxy()
    v1.fault("hang", name="old", delay="1h")
    assert says in v1.post("/faults", body, status)
    assert [f["name"] for f in v1.get("/faults")["faults"]] == ["old"]


def test_refused_by_the_wire(tmp_path):
    d = Deadpeer(tmp_path, "--rung", "partial").start()
    v1 = V1(d.api)
    v1.post("/proxies", {"name": "u", "listen": f"unix:{tmp_path}/s", "upstream": "builtin:echo"},
            201)
    assert "Unix socket" in v1.fault("power_loss", "u", 400)
    made = v1.proxy()
    assert "doctor" in v1.fault("power_loss", status=422, clients="127.0.0.2")
    with dial(made["listen"]) as s:
        assert echoes(s)
        one, = v1.sessions(1)
        assert "how=rst" in v1.delete(f"/sessions/{one['id']}", 422, how="silent")
        assert echoes(s)
    assert v1.get("/faults") == {"faults": []}
    assert d.stop() == 0


def test_heal(v1):
    for name in "pq":
        v1.proxy(name)
    v1.fault("hang", "p", name="a")
    v1.fault("hang", "*", name="b")
    v1.fault("hang", "q", name="c")
    assert v1.post("/heal", {"proxy": "q"}) == {"lifted": ["c"]}
    assert "nobody" in v1.post("/heal", {"proxy": "nobody"}, 404)
    assert v1.post("/heal") == {"lifted": ["a", "b"]}
    assert v1.post("/heal") == {"lifted": []}
    assert len(v1.events(0, "fault.lifted")) == 3


def test_heal_tells_only_what_was_still_to_be_healed(v1):
    v1.proxy()
    v1.fault("hang", name="short", duration="1ms")
    v1.fault("reset", name="instant")
    v1.fault("reboot", name="booting", down="1ms", service_delay="1h")
    v1.fault("hang", name="to-come", delay="1h")
    wait_until(lambda: {f["name"]: f["state"] for f in v1.get("/faults")["faults"]} == {
        "short": "over", "instant": "over", "booting": "booting", "to-come": "waiting"})
    assert v1.post("/heal") == {"lifted": ["booting", "to-come"]}
    assert v1.get("/faults") == {"faults": []}, "what was over is forgotten, too"


# --- sessions ---

def test_sessions(v1, echo):
    made = v1.proxy(upstream=echo.address)
    v1.proxy("q")
    with dial(made["listen"]) as s:
        assert echoes(s)
        one, = v1.sessions(1)
        assert one["client"] == "127.0.0.1:%d" % s.getsockname()[1]
        assert one["upstream"] == echo.address and one["proxy"] == "p"
        assert one["state"] == "open" and one["client_leg"] == one["server_leg"] == "speaks"
        assert one["upstream_bytes"] == one["downstream_bytes"] == 5
        assert 0 <= one["idle_ns"] <= one["age_ns"] and one["faults"] == []
        assert v1.get(f"/sessions/{one['id']}")["id"] == one["id"]
        assert v1.get("/sessions", proxy="q") == {"sessions": [], "total": 0}
        assert v1.get("/sessions", state="dead")["total"] == 0
        assert v1.get("/sessions", limit=0) == {"sessions": [], "total": 1}
    v1.sessions(0)
    assert "GET /v1/sessions" in v1.get(f"/sessions/{one['id']}", 404)
    assert "its number" in v1.get("/sessions/x", 400)
    v1.get("/sessions", 404, proxy="nobody")
    assert "any, dialing" in v1.get("/sessions", 400, state="bored")


@pytest.mark.parametrize("how, sees", [("fin", b""), ("rst", ConnectionResetError)])
def test_kill(v1, echo, how, sees):
    made = v1.proxy(upstream=echo.address)
    with dial(made["listen"]) as s, dial(made["listen"]) as other:
        assert echoes(s) and echoes(other)
        port = s.getsockname()[1]
        mine, = [x for x in v1.sessions(2) if x["client"].endswith(f":{port}")]
        assert v1.delete(f"/sessions/{mine['id']}", how=how) == {"killed": mine["id"], "how": how}
        if sees == b"":
            assert s.recv(1) == b""
        else:
            with pytest.raises(sees):
                s.recv(1)
        assert echoes(other)
    wait_until(lambda: v1.events(0, "session.closed", session=mine["id"], reason="killed"))
    assert v1.events(0, "api.changed", what="session.kill", session=mine["id"])
    v1.delete(f"/sessions/{mine['id']}", 404)


def unacked(s):
    """tcpi_unacked of TCP_INFO."""
    return int.from_bytes(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)[24:28], "little")


@pytest.mark.skipif(os.geteuid() != 0, reason="CAP_NET_ADMIN: a socket filter drops")
def test_segments_that_are_lost_are_counted(v1, echo):
    made = v1.proxy(upstream=echo.address)
    with dial(made["listen"]) as s:
        assert echoes(s)
        mine, = v1.sessions(1)
        v1.fault("packet_loss", rate="100%", direction="upstream")
        s.sendall(b"lost")
        now = wait_until(lambda: (n := v1.get(f"/sessions/{mine['id']}"))
                         and n["segments_dropped"] and n)
        assert now["state"] == "open" and now["client_leg"] == "speaks"


def test_kill_silent(v1, echo):
    made = v1.proxy(upstream=echo.address)
    with dial(made["listen"]) as s:
        assert echoes(s)
        mine, = v1.sessions(1)
        v1.delete(f"/sessions/{mine['id']}", how="silent")
        s.sendall(b"anybody?")
        now = wait_until(lambda: (n := v1.get(f"/sessions/{mine['id']}"))
                         and n["segments_dropped"] and n)
        assert now["state"] == "dead" and now["client_leg"] == now["server_leg"] == "silent"
        assert unacked(s) > 0
        s.settimeout(0.3)
        with pytest.raises(TimeoutError):
            s.recv(1)
        assert "expected" in v1.delete(f"/sessions/{mine['id']}", 400, how="softly")
        v1.delete(f"/sessions/{mine['id']}", how="rst")
        wait_until(lambda: v1.get("/sessions")["total"] == 0)
