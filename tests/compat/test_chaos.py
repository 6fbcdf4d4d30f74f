"""scripts/chaos against a deadpeer that runs: what a script armed is gone when it ends."""
import os
import re
import signal
import subprocess

import pytest

from api import BINARY, Deadpeer, wait_until
from v1 import V1

SCRIPTS = os.path.join(os.path.dirname(__file__), "..", "..", "scripts", "chaos")
ALL = {"random-deaths": ["--proxies", "p,q"], "rolling-reboot": ["--hosts", "a,b,c"],
       "partition": ["--minority", "a"], "flapping-link": ["--proxies", "p"]}


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


@pytest.mark.parametrize("how, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_what_is_in_force_is_lifted_at_a_signal(v1, api, how, code):
    v1.proxy()
    v1.fault("hang", name="of-somebody-else")
    process = start("random-deaths", "--types", "hang", "--least", "1h", "--most", "1h",
                    "--budget", "1h", "--seed", "5", admin=api.address)
    wait_until(lambda: "chaos-random-deaths-5-1" in armed(v1))
    wait_until(lambda: children(process), what="its pause")
    process.send_signal(how)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (code, "")
    assert "random-deaths: lifting chaos-random-deaths-5-1\n" in out
    assert armed(v1) == {"of-somebody-else": "active"}


def children(process):
    """It sleeps: the command that armed the fault has ended, and its name is known."""
    with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as f:
        pids = f.read().split()
    names = []
    for pid in pids:
        with open(f"/proc/{pid}/comm", encoding="ascii") as f:
            names.append(f.read().strip())
    return names == ["sleep"]


@pytest.mark.parametrize("script", ALL)
def test_the_same_seed_draws_the_same(tmp_path, script):
    hosts = "".join(f"[host {name}]\naddress = 127.0.0.{n}\n" for n, name in enumerate("abc", 2))
    (tmp_path / "d.ini").write_text(hosts)
    d = Deadpeer(tmp_path, "-c", str(tmp_path / "d.ini")).start()
    try:
        told = [run(script, "--dry-run", "--seed", seed, "--budget", "5m", *ALL[script],
                    admin=d.api.address) for seed in ("7", "7", "8")]
    finally:
        assert d.stop() == 0
    assert told[0] == told[1] != told[2] and told[0][0] == 0
    assert "a dry run: nothing is done" in told[0][1] and "DEADPEER" not in told[0][1]
