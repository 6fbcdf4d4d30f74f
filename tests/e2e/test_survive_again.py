"""The verdict on real clients: hiredis, and the second death."""
import pytest

from survive import FAIL, PASS, play, shell, shortened, through


@pytest.mark.parametrize("once, status", [("", PASS), ("once", FAIL)])
def test_hiredis_second_death(tmp_path, redis, subscriber, once, status):
    """redis/hiredis#593: what was set on the first connection is forgotten on the second."""
    scenario = shortened("second-death", settle="8s", duration="6s", detect_within="8s",
                         reconnect_within="10s")
    v = play(tmp_path, scenario, shell(f'"{subscriber}" "$DEADPEER_SERVICE" 1 {once}'),
             through(redis))
    assert v.status == status, str(v)
    assert v.result("detect_within", "first") == "pass", str(v)
    assert v.result("detect_within", "second") == ("fail" if once else "pass"), str(v)
