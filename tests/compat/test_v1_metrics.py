"""/metrics, as Prometheus' own tool and a parser of ours read it."""
import re
import subprocess

import pytest

from api import Deadpeer, dial, echoes, wait_until
from v1 import V1

SAMPLE = re.compile(r'(\w+)(?:\{((?:\w+="(?:[^"\\]|\\.)*",?)*)\})? (\S+)')


@pytest.fixture
def v1(api):
    return V1(api)


def read(v1):
    """{(name, labels): value}, the form of every line checked."""
    answer = v1.api.get("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found, family = {}, None
    for line in answer.body.decode().splitlines():
        if line.startswith("#"):
            family = line.split()[2]
            continue
        name, labels, value = SAMPLE.fullmatch(line).groups()
        assert re.sub("_(bucket|sum|count)$", "", name) == re.sub("_(count)$", "", family)
        key = (name, frozenset(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or "")))
        assert key not in found, line
        found[key] = float(value)
    return found


def value(found, name, **labels):
    return sum(v for (n, have), v in found.items() if n == name and set(labels.items()) <= have)


def test_promtool_has_nothing_to_say(v1, api, echo):
    made = v1.proxy(upstream=echo.address)
    api.proxy('odd "name" \\ x', upstream=echo.address)
    with dial(made["listen"]) as s:
        assert echoes(s)
        v1.fault("power_loss")
        s.sendall(b"x")
        wait_until(lambda: v1.events(0, "segments.dropped"))
        v1.post("/heal")
    page = api.get("/metrics").body
    said = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True)
    assert (said.returncode, said.stdout, said.stderr) == (0, b"", b""), said
    worse = page.replace(b"deadpeer_bytes_total", b"deadpeer_bytes")
    assert subprocess.run(["promtool", "check", "metrics"], input=worse,
                          capture_output=True).returncode, "it looks"


def test_bytes_and_sessions_are_live(v1, echo):
    made = v1.proxy(upstream=echo.address)
    with dial(made["listen"]) as s:
        assert echoes(s, b"12345")
        found = read(v1)
        assert value(found, "deadpeer_bytes_total", proxy="p", direction="upstream") == 5
        assert value(found, "deadpeer_bytes_total", proxy="p", direction="downstream") == 5
        for name in ("received", "sent"):
            assert found[f"toxiproxy_proxy_{name}_bytes_total", frozenset({
                "proxy": "p", "listener": made["listen"], "upstream": echo.address,
                "direction": "upstream"}.items())] == 5
        assert value(found, "deadpeer_sessions", proxy="p") == 1
        assert value(found, "deadpeer_sessions_accepted_total", proxy="p") == 1
        assert value(found, "deadpeer_upstream_connect_seconds_count", proxy="p") == 1
        assert value(found, "deadpeer_upstream_connect_seconds_bucket", le="+Inf") == 1
        assert 0 < value(found, "deadpeer_upstream_connect_seconds_sum") < 1
    v1.sessions(0)
    found = read(v1)
    assert value(found, "deadpeer_bytes_total", proxy="p") == 10
    assert value(found, "deadpeer_sessions_closed_total", proxy="p", reason="closed") == 1
    assert value(found, "deadpeer_build_info") == 1 and value(found, "deadpeer_uptime_seconds") > 0
    assert 0 <= value(found, "deadpeer_loop_lag_seconds") < 1


def test_faults_and_what_they_drop(v1, echo):
    made = v1.proxy(upstream=echo.address)
    with dial(made["listen"]) as s:
        assert echoes(s)
        v1.fault("power_loss", name="f")
        v1.fault("hang", delay="1h")
        s.sendall(b"x")
        wait_until(lambda: value(read(v1), "deadpeer_segments_dropped_total", leg="client"))
        found = read(v1)
        assert value(found, "deadpeer_faults", state="active") == 1
        assert value(found, "deadpeer_faults", state="waiting") == 1
        assert value(found, "deadpeer_faults_armed_total", type="power_loss") == 1
        assert value(found, "deadpeer_fault_strikes_total", type="power_loss") == 1
        v1.post("/heal")
    v1.sessions(0)
    found = read(v1)
    assert value(found, "deadpeer_faults") == 0
    assert value(found, "deadpeer_sessions_closed_total", proxy="p", reason="fault") == 1


def test_proxies_that_go_are_forgotten(v1, echo):
    made = v1.proxy(upstream=echo.address)
    with dial(made["listen"]) as s:
        assert echoes(s)
    v1.sessions(0)
    v1.delete("/proxies/p")
    wait_until(lambda: not [k for k in read(v1) if ("proxy", "p") in k[1]])


def test_token(tmp_path):
    (tmp_path / "token").write_text("secret\n")
    d = Deadpeer(tmp_path, "--admin-token-file", f"{tmp_path}/token").start()
    assert d.api.get("/metrics").status == 401
    assert d.api.get("/metrics", Authorization="Bearer secret").status == 200
    assert d.stop() == 0
