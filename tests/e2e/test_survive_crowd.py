"""The verdict on clients that come back all at once, in step and well, and on requests that are sent
twice."""
import pytest

from survive import ECHO, FAIL, PASS, bad, client, heard, play, shortened

WHEN_ALL_ARE_THERE = {"start = traffic\n": "", "[at 5s]": "[after traffic]\ncount = 10"}
CRASH = dict(restart_after="6s", settle="5s", full_recovery_within="12s")


@heard
@pytest.mark.parametrize("what, storm, backoff, jitter", [
    ("storm", "fail", "fail", "any"), ("step", "pass", "pass", "fail"),
    ("jitter", "pass", "pass", "pass")])
def test_mass_reconnect(tmp_path, what, storm, backoff, jitter):
    scenario = shortened("mass-reconnect", **CRASH)
    for old, new in WHEN_ALL_ARE_THERE.items():
        assert old in scenario
        scenario = scenario.replace(old, new)
    v = play(tmp_path, scenario, bad(what, "10"), ECHO)
    assert len(v.deaths()) == 10, str(v)
    assert v.status == (PASS if what == "jitter" else FAIL), str(v)
    assert v.result("max_storm") == storm, str(v)
    assert v.result("backoff") == backoff, str(v)
    if jitter != "any":
        assert v.result("jitter_at_least") == jitter, str(v)
    assert v.result("full_recovery_within") == "pass", str(v)


@pytest.mark.parametrize("who, status", [(bad("twice"), FAIL), (client("good"), PASS)])
def test_duplicates(tmp_path, who, status):
    scenario = """
[scenario duplicates]
start = traffic
settle = 5s
[proxy service]
listen = 127.0.0.1:0
upstream = builtin:echo
[at 0s]
name = slow
arm = latency proxy=service direction=downstream latency=500ms
[at 2s]
name = death
arm = power_loss proxy=service duration=4s
wait = lifted within=20s
wait = recovered within=20s
[expect]
step = death
no_duplicates = yes
"""
    v = play(tmp_path, scenario, who, ECHO)
    assert v.status == status, str(v)
