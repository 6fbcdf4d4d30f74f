"""The verdict on real clients: how ioredis comes back, measured and compared with what it was told
or documents, and what it does in silence."""
import os
import statistics

import pytest

from programs import need
from survive import CLIENTS, FAIL, PASS, heard, play, shell, shortened, through

HERE = os.path.dirname(__file__)


@pytest.fixture(scope="module")
def ioredis():
    if not os.path.isdir(os.path.join(HERE, "node_modules", "ioredis")):
        pytest.skip("ioredis is not installed (npm ci in tests/e2e)")
    return [need("node"), os.path.join(CLIENTS, "ioredis.js")]


# --- ioredis: its documented settings, measured ---

def ioredis_crash(tmp_path, redis, ioredis, options, restart="4s"):
    scenario = shortened("process-crash", settle="6s", restart_after=restart) + \
        "\n[expect pauses]\nbackoff = any\n"
    v = play(tmp_path, scenario,
             shell(f"{ioredis[0]} {ioredis[1]} \"$DEADPEER_SERVICE\" '{options}' 20"), through(redis))
    return v, v.deaths("crash")[0]["reconnect"]


@heard
def test_ioredis_backs_off_as_documented(tmp_path, redis, ioredis):
    """Its default: min(times * 50, 2000) ms, times from 1."""
    v, reconnect = ioredis_crash(tmp_path, redis, ioredis, "{}")
    assert v.status == PASS, str(v)
    gaps_ms = [ns / 1e6 for ns in reconnect["gaps_ns"]]
    assert len(gaps_ms) >= 6, str(v)
    for times, gap in enumerate(gaps_ms[:-1], 2):
        assert times * 50 - 30 <= gap <= times * 50 + 120, (times, gaps_ms)
    assert abs(reconnect["first_delay_ns"] / 1e6 - 50) < 120, reconnect


@heard
def test_ioredis_constant(tmp_path, redis, ioredis):
    v, reconnect = ioredis_crash(tmp_path, redis, ioredis, '{"constant": 300}')
    assert v.status == PASS, str(v)
    gaps_ms = [ns / 1e6 for ns in reconnect["gaps_ns"]]
    assert 290 <= statistics.median(gaps_ms) <= 400, gaps_ms
    assert 0.8 < reconnect["growth"] < 1.25, reconnect


@pytest.mark.parametrize("options, status", [('{"socketTimeout": 3000}', PASS), ("{}", FAIL)])
def test_ioredis_in_silence(tmp_path, redis, ioredis, options, status):
    """redis/ioredis#139: commands pile up on a dead connection, unless it has a socket timeout."""
    scenario = shortened("busy-writer", settle="4s", duration="8s", detect_within="6s")
    v = play(tmp_path, scenario,
             shell(f"{ioredis[0]} {ioredis[1]} \"$DEADPEER_SERVICE\" '{options}' 20"), through(redis))
    assert v.status == status, str(v)
