"""The verdict on real clients: hiredis with and without keepalive, curl with and without a limit, one
that never notices."""
import os
import shutil
import subprocess

import pytest

from programs import need
from survive import ECHO, FAIL, PASS, VACUOUS, bad, play, shell, shortened, through


# --- power loss while idle: hiredis with and without keepalive ---

@pytest.mark.parametrize("keepalive, status", [(1, PASS), (0, FAIL)])
def test_hiredis_keepalive(tmp_path, redis, subscriber, keepalive, status):
    scenario = shortened("power-loss-idle", settle="9s", detect_within="8s")
    # Not at a multiple of the pause between probes: which one comes first then, nobody can tell.
    scenario = scenario.replace("[at 3s]", "[at 2500ms]")
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


# --- curl with and without a limit ---

@pytest.mark.parametrize("options, status", [
    ("--max-time 6", PASS), ("--keepalive-time 1", PASS), ("", FAIL)])
def test_curl(tmp_path, nginx, options, status):
    with open(nginx.path("www/large"), "wb") as f:
        f.truncate(64 << 20)
    scenario = shortened("power-loss-idle", settle="12s", detect_within="11s")
    v = play(tmp_path, scenario, shell(f'{need("curl")} -s -o /dev/null --limit-rate 64k {options} '
                                       'http://$DEADPEER_SERVICE/large'), through(nginx))
    assert v.status == status, str(v)


# --- one that never notices ---

def test_never(tmp_path):
    v = play(tmp_path, shortened("power-loss-idle", settle="5s", detect_within="4s"), bad("never"),
             ECHO)
    assert v.status == FAIL and v.result("detect_within") == "fail", str(v)


def test_never_is_what_that_scenario_expects(tmp_path):
    v = play(tmp_path, shortened("power-loss-idle-no-keepalive", settle="5s"), bad("never"), ECHO)
    assert v.status == PASS, str(v)


def test_nothing_was_struck(tmp_path):
    """No client, no verdict."""
    v = play(tmp_path, shortened("power-loss-idle", settle="1s", start="ready"), None, ECHO)
    assert v.status == VACUOUS, str(v)
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
