"""scripts/chaos against a deadpeer that runs: what a script armed is gone when it ends."""
import os
import re
import shutil
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


def test_a_clone_finds_the_program_that_it_has_built(tmp_path):
    """As README.md tells it, before anything is installed."""
    shutil.copytree(SCRIPTS, tmp_path / "scripts" / "chaos")
    env = {"PATH": "/usr/bin:/bin"}

    def dry():
        return subprocess.run(["scripts/chaos/random-deaths", "--proxies", "redis", "--budget", "1h",
                               "--recover", "60s", "--seed", "7", "--dry-run"], cwd=tmp_path, env=env,
                              capture_output=True, text=True, timeout=20, check=False)
    said = dry()
    assert said.returncode == 3 and "set DEADPEER to where it is" in said.stderr, said
    (tmp_path / "deadpeer").symlink_to(os.path.abspath(BINARY))
    said = dry()
    assert said.returncode == 0 and "scripts/chaos/../../deadpeer fault add redis" in said.stdout, said
