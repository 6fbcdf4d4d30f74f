"""deadpeer demo: right as root and as nobody, and wrong when it is wrong.

Taking rungs of the wire away is an honest way to spoil a row: with min-TTL alone a reboot cannot
be, since the dying connections say FIN; with nothing at all five rows cannot even be played.
"""

import fcntl
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import termios
import time

import lab
import pytest
from conftest import _has_net_admin, namespaces
from proxy import BINARY, PRIVILEGES

LIMIT = 30  # seconds, of which the demo promises to need no more
CELLS, COLUMNS = 32, 4
ROWS = ["process crash", "power loss", "reboot", "hang", "partition, healed", "partition, long",
        "reset", "idle timeout"]
NEED_WIRE = {"power loss", "reboot", "partition, healed", "partition, long",
             "idle timeout"}
PLAIN = {"TERM": "dumb", "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}


@pytest.fixture
def machine():
    one = lab.Lab()
    yield one.host
    one.close()


@pytest.fixture
def binary(tmp_path):
    """Where nobody can run it, too."""
    directory = tmp_path / "bin"
    shutil.copy(BINARY, directory.with_name("deadpeer"))
    for path in (tmp_path, *tmp_path.parents):
        if path.stat().st_uid == os.getuid() and str(path).count("/") > 1:
            path.chmod(path.stat().st_mode | 0o055)
    return str(directory.with_name("deadpeer"))


def demo(machine, binary, *flags, privilege="nobody", **environ):
    p = PRIVILEGES[privilege]
    if privilege != "nobody" and not _has_net_admin():
        pytest.skip(f"{privilege}: CAP_NET_ADMIN is not to be had here")
    if privilege == "equivalent":
        flags = (*flags, "--rung", "equivalent")
    began = time.monotonic()
    with machine.inside():
        run = subprocess.run([*p.command(), binary, "demo", *flags], capture_output=True, text=True,
                             env={**PLAIN, **environ}, timeout=2 * LIMIT, check=False)
    assert time.monotonic() - began < LIMIT
    return run


def cells(run):
    told = json.loads(run.stdout)
    assert [row["row"] for row in told["rows"]] == ROWS
    assert len(told["cells"]) == CELLS
    return told


def verdicts(told):
    """{row: its four verdicts}"""
    return {row: [c["verdict"] for c in told["cells"] if c["row"] == row] for row in ROWS}


@pytest.mark.parametrize("ip", [4, 6])
@pytest.mark.parametrize("privilege", ["exact", "equivalent", "nobody"])
def test_every_cell_is_right(machine, binary, privilege, ip):
    run = demo(machine, binary, "--json", *(["--ipv6"] if ip == 6 else []), privilege=privilege)
    told = cells(run)
    assert [(c["row"], c.get("column"), c.get("why")) for c in told["cells"] if c["verdict"] != "right"] == []
    assert (run.returncode, run.stderr) == (0, "")
    assert told["ip"] == ip
    assert told["grade"] == PRIVILEGES[privilege].grade
    grades = {row["row"]: row.get("grade") for row in told["rows"]}
    assert grades.get("power loss") == grades.get("reboot") == PRIVILEGES[privilege].grade
    assert {grades[row] for row in set(ROWS) - NEED_WIRE} == {"exact"}, "no wire is in them"


def test_without_repair_or_signature_a_reboot_is_wrong(machine, binary):
    run = demo(machine, binary, "--json", "--rung", "partial")
    found = verdicts(cells(run))
    assert run.returncode == 1
    assert "wrong" in found.get("reboot")
    assert {v for row in set(ROWS) - NEED_WIRE for v in found[row]} == {"right"}


def test_without_any_rung_rows_are_refused(machine, binary):
    run = demo(machine, binary, "--rung", "none")
    assert run.returncode == 1
    assert run.stdout.count("not played") == len(NEED_WIRE) * COLUMNS
    assert run.stdout.count("no way to silence an IPv4 socket works here") == len(NEED_WIRE)
    assert f"{CELLS - len(NEED_WIRE) * COLUMNS} of {CELLS} are as they should be." in run.stdout


def table_of(text):
    return [line for line in text.splitlines() if line[:1] in "│┌├└+|" and len(line) > 40]


@pytest.mark.parametrize("locale, corner", [("C.UTF-8", "┌"), ("C", "+")])
def test_table_is_straight(machine, binary, locale, corner):
    run = demo(machine, binary, LC_ALL=locale)
    table = table_of(run.stdout)
    assert run.returncode == 0
    assert len(table) > 5 * len(ROWS) and table[0][0] == corner
    assert {len(line) for line in table} == {109}
    assert max(map(len, run.stdout.splitlines())) <= 110
    assert run.stdout.isascii() == (locale == "C")
    assert f"{CELLS} of {CELLS} are as they should be." in run.stdout
    assert "\033" not in run.stdout


def in_terminal(machine, binary, columns=0, **environ):
    """All that the demo writes on a terminal so wide (0: it does not know)."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24 if columns else 0, columns, 0, 0))
    with machine.inside():
        run = subprocess.Popen([*PRIVILEGES["nobody"].command(), binary, "demo"], stdin=theirs,
                               stdout=theirs, stderr=theirs,
                               env={**PLAIN, "TERM": "xterm", **environ})
    os.close(theirs)
    seen = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # EIO: nobody has the other end any more
            break
        if not piece:
            break
        seen += piece
    os.close(ours)
    assert run.wait(LIMIT) == 0
    return seen


@pytest.mark.parametrize("no_color", ["", "1"])
def test_terminal_is_redrawn(machine, binary, no_color):
    seen = in_terminal(machine, binary, NO_COLOR=no_color)
    assert len(re.findall(rb"\033\[\d+A\033\[J", seen)) > 50
    assert bool(re.search(rb"\033\[[\d;]*m", seen)) == (not no_color)


@pytest.mark.parametrize("columns, wide, tables", [(80, 63, 2), (50, 40, 4), (109, 109, 1)])
def test_table_fits_the_terminal(machine, binary, columns, wide, tables):
    """Side by side as many peers as there is room for, the others below."""
    seen = in_terminal(machine, binary, columns, NO_COLOR="1").decode().replace("\r\n", "\n")
    table = [line for line in seen.splitlines() if line and line[0] in "│┌├└"]
    assert {len(line) for line in table} == {wide}
    assert sum(line[0] == "┌" for line in table) == tables
    assert sum(line.count("✓") for line in table) == CELLS


@namespaces
def test_without_loopback_it_says_so(machine, binary):
    with machine.inside():
        run = subprocess.run(["unshare", "-n", binary, "demo"], capture_output=True, text=True,
                             env=PLAIN, timeout=LIMIT, check=False)
    assert run.returncode == 1
    assert "no connection to" in run.stderr


@pytest.mark.parametrize("flags, status", [(["--help"], 0), (["--rung", "best!"], 2), (["x"], 2),
                                           (["--nonsense"], 2)])
def test_usage(machine, binary, flags, status):
    run = demo(machine, binary, *flags)
    assert run.returncode == status
    assert ("usage: deadpeer demo" in run.stdout) == (status == 0)
    assert run.stderr.startswith("deadpeer demo: ") == (status == 2)
