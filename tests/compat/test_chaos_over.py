"""scripts/chaos against a deadpeer that runs: what a script armed is gone when it ends."""
import os
import re
import subprocess

import pytest

from api import BINARY
from v1 import V1

SCRIPTS = os.path.join(os.path.dirname(__file__), "..", "..", "scripts", "chaos")


@pytest.fixture
def v1(deadpeer):
    return V1(deadpeer.api)


def start(script, *words, admin="127.0.0.1:1"):
    return subprocess.Popen(["sh", os.path.join(SCRIPTS, script), "--admin", admin, *words],
                            env={**os.environ, "DEADPEER": BINARY}, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def run(script, *words, **more):
    process = start(script, *words, **more)
    out, err = process.communicate(timeout=40)
    assert err == "", err
    return process.returncode, out


def armed(v1):
    return {f["name"]: f["state"] for f in v1.get("/faults")["faults"]}


def test_what_is_over_is_forgotten_and_not_lifted(v1, api):
    v1.proxy()
    v1.fault("hang", name="of-somebody-else", duration="1ms")
    code, out = run("random-deaths", "--types", "hang", "--least", "1", "--most", "1", "--pause",
                    "1", "--budget", "3", "--seed", "5", admin=api.address)
    deaths = re.findall(r"--name (\S+)", out)
    assert code == 0 and len(deaths) >= 2 and "lifting" not in out, out
    assert armed(v1) == {"of-somebody-else": "over"}
    ends = {e["fault"]: e["reason"] for e in v1.events(0, "fault.lifted")}
    assert [ends[name] for name in deaths] == ["over"] * len(deaths)
