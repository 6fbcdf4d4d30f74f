"""deadpeer doctor: what it says here, to people and to programs, agrees with who asks."""

import json
import os
import shutil
import subprocess
import tempfile

import lab
import pytest
from proxy import BINARY, PRIVILEGES

SILENT = {"power_loss", "reboot", "partition", "syn_drop"}
WIRELESS = {"process_crash", "hang", "reset", "refuse", "half_close"}
EACH = pytest.mark.parametrize("privilege", ["exact", "nobody"])


@pytest.fixture
def doctor():
    """Runs it; from a place that any user may read."""
    place = tempfile.mkdtemp(prefix="deadpeer-doctor-")
    os.chmod(place, 0o755)
    binary = shutil.copy(BINARY, place)

    def run(*args, privilege="exact", wrapper=()):
        if privilege == "exact" and lab.LOOPBACK:
            pytest.skip("no CAP_NET_ADMIN")
        command = [*PRIVILEGES[privilege].command(), *wrapper, binary, "doctor", *args]
        return subprocess.run(command, capture_output=True, text=True, timeout=20)

    yield run
    shutil.rmtree(place)


def report(result):
    assert result.stderr == ""
    return json.loads(result.stdout)


def grades(r, family, variant=None):
    return {f["fault"]: f[family] for f in r["faults"] if f["variant"] == variant}


@EACH
def test_every_fault_is_possible(doctor, privilege):
    result = doctor("--json", privilege=privilege)
    r = report(result)
    assert result.returncode == 0 and r["good"]
    for family in ("ipv4", "ipv6"):
        assert r["wire"][family]["available"]
        by_fault = grades(r, family)
        assert by_fault.keys() >= SILENT | WIRELESS
        assert {by_fault[fault] for fault in SILENT} == {PRIVILEGES[privilege].grade}
        assert {by_fault[fault] for fault in WIRELESS} == {"exact"}


def test_whoever_has_all_misses_nothing(doctor):
    r = report(doctor("--json"))
    assert r["missing"] is None and r["grant"] is None
    assert r["capabilities"] == ["cap_net_admin", "cap_net_raw"]
    for family in ("ipv4", "ipv6"):
        assert all(power == {"works": True} for power in r["wire"][family]["powers"].values())
        assert list(grades(r, family, "direction=upstream or downstream").values()) == ["equivalent"]


def test_nobody_is_told_what_is_missing(doctor):
    r = report(doctor("--json", privilege="nobody"))
    assert r["capabilities"] == []
    assert r["missing"] == "CAP_NET_ADMIN,CAP_NET_RAW"
    assert r["grant"].startswith("sudo setcap cap_net_admin,cap_net_raw+ep /")
    powers = r["wire"]["ipv4"]["powers"]
    assert powers["repair"] == {"works": False, "error": "EPERM",
                                "why": "TCP_REPAIR: Operation not permitted"}
    assert powers["signature"] == {"works": True}
    one_way = "direction=upstream or downstream"
    assert grades(r, "ipv4", one_way) == {"partition": "partial"}
    assert grades(r, "ipv6", one_way) == {"partition": "equivalent"}


@pytest.mark.parametrize("privilege, grade", [("exact", "exact"), ("raw", "equivalent"),
                                              ("nobody", "refused")])
def test_icmp_is_as_good_as_the_silence_where_it_may_be_sent(doctor, privilege, grade):
    result = doctor("--json", privilege=privilege)
    r = report(result)
    assert result.returncode == 0
    for family in ("ipv4", "ipv6"):
        assert grades(r, family)["unreachable"] == grade
        assert r["wire"][family]["powers"]["icmp"]["works"] == (grade != "refused")


@EACH
def test_people_read_the_same(doctor, privilege):
    result = doctor(privilege=privilege)
    r = report(doctor("--json", privilege=privilege))
    rows = [line.split() for line in result.stdout.splitlines()]
    for f in r["faults"]:
        row = [f["fault"], f["ipv4"], f["ipv6"], *(f["variant"] or "").split()]
        assert row in rows, f"no line {row} in:\n{result.stdout}"
    assert "Every fault, as it is by default, is possible at grade equivalent or better." in result.stdout
    assert ("sudo setcap" in result.stdout) == (privilege == "nobody")


def test_without_loopback_it_says_so(doctor):
    if lab.LOOPBACK:
        pytest.skip("no network namespace")
    result = doctor("--json", wrapper=["unshare", "-n"])
    r = report(result)
    assert result.returncode == 1 and not r["good"]
    for family in ("ipv4", "ipv6"):
        assert not r["wire"][family]["available"]
        assert set(grades(r, family).values()) == {None}
    people = doctor(wrapper=["unshare", "-n"])
    assert people.returncode == 1
    assert "there is no connection over loopback" in people.stdout
    assert "ip link set lo up" in people.stdout


def test_usage(doctor):
    assert doctor("--help").returncode == 0
    for wrong in (["--jsn"], ["--json", "more"], ["file"]):
        result = doctor(*wrong)
        assert result.returncode == 2 and result.stdout == ""
        assert wrong[-1] in result.stderr


def test_a_full_disk_is_an_error(doctor):
    with open("/dev/full", "w") as full:
        result = subprocess.run([BINARY, "doctor"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 1
    assert "No space left" in result.stderr
