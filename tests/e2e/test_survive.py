"""The verdict on real clients: the same scenario passes with one that is set right and fails with
one that is set wrong, and what the verdict says of it is what the client was told to do."""
import os
import shutil
import statistics
import subprocess
import sys

import pytest

from programs import need
from survive import CLIENTS, FAIL, PASS, play, shortened

HERE = os.path.dirname(__file__)


@pytest.fixture(scope="module")
def subscriber(tmp_path_factory):
    """The client in clients/subscriber.c."""
    program = str(tmp_path_factory.mktemp("subscriber") / "subscriber")
    subprocess.run([need("gcc"), "-O1", "-o", program, os.path.join(CLIENTS, "subscriber.c"),
                    "-lhiredis"], check=True, timeout=60)
    return program


@pytest.fixture(scope="module")
def ioredis():
    if not os.path.isdir(os.path.join(HERE, "node_modules", "ioredis")):
        pytest.skip("ioredis is not installed (npm ci in tests/e2e)")
    return [need("node"), os.path.join(CLIENTS, "ioredis.js")]


def bad(what, *more):
    return shell(f'"{sys.executable}" "{CLIENTS}/bad.py" {what} "$DEADPEER_SERVICE" {" ".join(more)}')


def shell(text):
    return ["/bin/sh", "-c", "exec " + text]


def through(server):
    return {"service": server.address}


ECHO = {"service": "builtin:echo"}


# --- power loss while idle: hiredis with and without keepalive ---

@pytest.mark.parametrize("keepalive, status", [(1, PASS), (0, FAIL)])
def test_hiredis_keepalive(tmp_path, redis, subscriber, keepalive, status):
    scenario = shortened("power-loss-idle", settle="12s", detect_within="10s")
    v = play(tmp_path, scenario, shell(f'"{subscriber}" "$DEADPEER_SERVICE" {keepalive}'),
             through(redis))
    assert v.status == status, str(v)
    death, = v.deaths("power-loss")
    assert death["shape"] == "idle" and death["traffic_before"], str(v)
    if keepalive:
        # Idle for 1 s, three probes a second apart.
        assert 2.5e9 < death["detected"]["after_ns"] < 8e9, str(v)
        assert death["predicted"]["by"].startswith("keepalive") and death["against"] == "within", str(v)
        assert death["probes"], str(v)
    else:
        assert death["detected"] is None and death["zombie"], str(v)
        assert death["predicted"]["outcome"] == "never", str(v)
        assert "keepalive" in death["predicted"]["advice"], str(v)


@pytest.mark.parametrize("once, status", [("", PASS), ("once", FAIL)])
def test_hiredis_second_death(tmp_path, redis, subscriber, once, status):
    """redis/hiredis#593: what was set on the first connection is forgotten on the second."""
    scenario = shortened("second-death", settle="12s", duration="8s", detect_within="8s",
                         reconnect_within="10s")
    v = play(tmp_path, scenario, shell(f'"{subscriber}" "$DEADPEER_SERVICE" 1 {once}'),
             through(redis))
    assert v.status == status, str(v)
    assert v.result("detect_within", "first") == "pass", str(v)
    assert v.result("detect_within", "second") == ("fail" if once else "pass"), str(v)


# --- libpq: idle, in a query, in COPY ---

RIGHT = "keepalives_idle=1 keepalives_interval=1 keepalives_count=3 tcp_user_timeout=4000"
WRONG = "keepalives=0"
IDLE = "-c 'select 1' -f -"
QUERY = "-c 'select 1' -c 'select pg_sleep(300)'"
COPY = "-c 'create temp table t (x text)' -c 'copy t from stdin'"
YES = "yes a line of a table that is being filled with data |"


@pytest.mark.parametrize("settings, status", [(RIGHT, PASS), (WRONG, FAIL)])
@pytest.mark.parametrize("shape, feed, words", [
    ("idle", "sleep 300 |", IDLE), ("waiting", "", QUERY), ("busy", YES, COPY)])
def test_libpq(tmp_path, postgres, shape, feed, words, settings, status):
    scenario = shortened("power-loss-sending", settle="14s", detect_within="12s", faster_than="150%")
    info = postgres.conninfo("$DEADPEER_SERVICE_PORT") + " " + settings
    client = ["/bin/sh", "-c", f'{feed} {need("psql")} -XAtq "{info}" {words} >/dev/null']
    v = play(tmp_path, scenario, client, through(postgres))
    assert v.status == status, str(v)
    death = v.deaths("power-loss")[0]
    assert death["shape"] == shape, str(v)
    if status == PASS:
        assert death["against"] == "within", str(v)
        by = death["predicted"]["by"]
        assert ("user timeout" in by) if shape == "busy" else ("keepalive" in by), str(v)
    else:
        assert death["detected"] is None, str(v)
    assert bool(death["retransmissions"]) == (shape == "busy"), str(v)


# --- curl with and without a limit ---

@pytest.mark.parametrize("options, status", [
    ("--max-time 6", PASS), ("--keepalive-time 1", PASS), ("", FAIL)])
def test_curl(tmp_path, nginx, options, status):
    with open(nginx.path("www/large"), "wb") as f:
        f.truncate(64 << 20)
    scenario = shortened("power-loss-idle", settle="20s", detect_within="18s")
    v = play(tmp_path, scenario, shell(f'{need("curl")} -s -o /dev/null --limit-rate 64k {options} '
                                       'http://$DEADPEER_SERVICE/large'), through(nginx))
    assert v.status == status, str(v)


# --- ioredis: its documented settings, measured ---

def ioredis_crash(tmp_path, redis, ioredis, options, restart="4s"):
    scenario = shortened("process-crash", settle="6s", restart_after=restart) + \
        "\n[expect pauses]\nbackoff = any\n"
    v = play(tmp_path, scenario,
             shell(f"{ioredis[0]} {ioredis[1]} \"$DEADPEER_SERVICE\" '{options}' 20"), through(redis))
    return v, v.deaths("crash")[0]["reconnect"]


@pytest.mark.skipif(os.geteuid() != 0, reason="attempts that are refused are heard with CAP_NET_RAW")
def test_ioredis_backs_off_as_documented(tmp_path, redis, ioredis):
    """Its default: min(times * 50, 2000) ms, times from 1."""
    v, reconnect = ioredis_crash(tmp_path, redis, ioredis, "{}")
    assert v.status == PASS, str(v)
    gaps_ms = [ns / 1e6 for ns in reconnect["gaps_ns"]]
    assert len(gaps_ms) >= 6, str(v)
    for times, gap in enumerate(gaps_ms[:-1], 2):
        assert times * 50 - 1 <= gap <= times * 50 + 120, (times, gaps_ms)
    assert abs(reconnect["first_delay_ns"] / 1e6 - 50) < 120, reconnect


@pytest.mark.skipif(os.geteuid() != 0, reason="attempts that are refused are heard with CAP_NET_RAW")
def test_ioredis_constant(tmp_path, redis, ioredis):
    v, reconnect = ioredis_crash(tmp_path, redis, ioredis, '{"constant": 300}')
    assert v.status == PASS, str(v)
    gaps_ms = [ns / 1e6 for ns in reconnect["gaps_ns"]]
    assert 299 <= statistics.median(gaps_ms) <= 400, gaps_ms
    assert 0.8 < reconnect["growth"] < 1.25, reconnect


@pytest.mark.parametrize("options, status", [('{"socketTimeout": 3000}', PASS), ("{}", FAIL)])
def test_ioredis_in_silence(tmp_path, redis, ioredis, options, status):
    """redis/ioredis#139: commands pile up on a dead connection, unless it has a socket timeout."""
    scenario = shortened("busy-writer", settle="10s", duration="12s", detect_within="10s")
    v = play(tmp_path, scenario,
             shell(f"{ioredis[0]} {ioredis[1]} \"$DEADPEER_SERVICE\" '{options}' 20"), through(redis))
    assert v.status == status, str(v)


# --- clients that are wrong on purpose ---

def test_never(tmp_path):
    v = play(tmp_path, shortened("power-loss-idle", settle="5s", detect_within="4s"), bad("never"),
             ECHO)
    assert v.status == FAIL and v.result("detect_within") == "fail", str(v)


def test_never_is_what_that_scenario_expects(tmp_path):
    v = play(tmp_path, shortened("power-loss-idle-no-keepalive", settle="5s"), bad("never"), ECHO)
    assert v.status == PASS, str(v)


CRASH = dict(restart_after="5s", settle="15s", full_recovery_within="12s")


@pytest.mark.skipif(os.geteuid() != 0, reason="attempts that are refused are heard with CAP_NET_RAW")
@pytest.mark.parametrize("what, storm, backoff, jitter", [
    ("storm", "fail", "fail", "any"), ("step", "pass", "pass", "fail"),
    ("jitter", "pass", "pass", "pass")])
def test_mass_reconnect(tmp_path, what, storm, backoff, jitter):
    v = play(tmp_path, shortened("mass-reconnect", **CRASH), bad(what, "10"), ECHO)
    assert v.status == (PASS if what == "jitter" else FAIL), str(v)
    assert v.result("max_storm") == storm, str(v)
    assert v.result("backoff") == backoff, str(v)
    if jitter != "any":
        assert v.result("jitter_at_least") == jitter, str(v)
    assert v.result("full_recovery_within") == "pass", str(v)


@pytest.mark.parametrize("what, status", [("twice", FAIL), ("jitter", PASS)])
def test_duplicates(tmp_path, what, status):
    scenario = """
[scenario duplicates]
start = traffic
settle = 5s
[proxy service]
listen = 127.0.0.1:0
upstream = builtin:echo
[at 1s]
name = death
arm = power_loss proxy=service duration=4s
wait = lifted within=20s
wait = recovered within=20s
[expect]
no_duplicates = yes
"""
    v = play(tmp_path, scenario, bad(what), ECHO)
    assert v.status == status, str(v)


def test_nothing_was_struck(tmp_path):
    """No client, no verdict."""
    v = play(tmp_path, shortened("power-loss-idle", settle="1s", start="ready"), None, ECHO)
    assert v.status == 3, str(v)
    assert v.json["result"] == "vacuous", str(v)


def test_reports(tmp_path):
    play(tmp_path, shortened("power-loss-idle", settle="3s", detect_within="2s"), bad("never"), ECHO)
    there = sorted(os.listdir(tmp_path / "report"))
    assert there == ["events.ndjson", "junit.xml", "report.html", "results.tap", "summary.md",
                     "verdict.json"], there
    if shutil.which("prove"):
        tap = subprocess.run(["prove", "-e", "cat", str(tmp_path / "report/results.tap")], check=False,
                             capture_output=True, text=True, timeout=30)
        assert tap.returncode != 0 and "Failed" in tap.stdout + tap.stderr, tap
