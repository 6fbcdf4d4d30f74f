"""deadpeer fault types: the catalogue to people, to programs and as Markdown, from the same rows."""

import json
import os
import pty
import re
import subprocess

import pytest
from proxy import BINARY

SILENT = {"power_loss", "reboot", "partition", "idle_timeout", "syn_drop"}
WIRELESS = {"process_crash", "hang", "reset", "refuse", "half_close"}


def run(*args, **kw):
    return subprocess.run([BINARY, "fault", *args], capture_output=True, text=True, timeout=20, **kw)


def said(*args):
    result = run("types", *args)
    assert result.returncode == 0 and result.stderr == ""
    return result.stdout


def types(*args):
    return {t["type"]: t for t in json.loads(said("--json", *args))["types"]}


def on_terminal(*args, **env):
    """What it writes to a terminal."""
    master, slave = pty.openpty()
    process = subprocess.Popen([BINARY, "fault", "types", *args], stdout=slave, stdin=slave,
                               env={"TERM": "xterm", "PATH": os.environ["PATH"], **env})
    os.close(slave)
    text = b""
    try:
        while piece := os.read(master, 65536):
            text += piece
    except OSError:  # EIO: the other end is closed
        pass
    os.close(master)
    assert process.wait(20) == 0
    return text.decode()


def test_programs_get_every_fact():
    every = types()
    assert every.keys() >= SILENT | WIRELESS
    for name in SILENT:
        assert every[name]["needs"] == {"tcp": True, "wire": True, "capability": None}
        assert every[name]["grade"] == {"root": "exact", "unprivileged": "equivalent"}
    for name in WIRELESS:
        assert every[name]["needs"] == {"tcp": False, "wire": False, "capability": None}
        assert every[name]["grade"] == {"root": "exact", "unprivileged": "exact"}
    assert every["power_loss"]["sides"] == ["server", "client", "both"]
    assert every["partition"]["sides"] == ["both"]
    assert {"key": "duration", "why": every["reboot"]["refuses"][0]["why"]} in every["reboot"]["refuses"]
    params = {p["key"]: p for p in every["idle_timeout"]["params"]}
    assert params["after"].items() >= {"kind": "duration", "default": "350s", "unit": "ns",
                                       "min": 10_000_000, "max": 30 * 86400 * 10**9}.items()
    assert params["mode"]["choices"] == ["drop", "rst_next", "rst_both", "fin"]
    assert params["time_scale"].items() >= {"kind": "count", "min": 1, "max": 100000}.items()
    assert "unit" not in params["time_scale"]


@pytest.mark.parametrize("name", sorted(types()))
def test_people_read_the_same(name):
    """Words in their order, wherever lines are broken."""
    def words(text):
        return " ".join(text.split())
    fact, all_of_it, one = types()[name], said(), said(name)
    assert re.search(rf"^{name} ", all_of_it, re.M)
    assert words(fact["summary"]) in words(one) and words(fact["peer_sees"]) in words(one)
    grade = fact["grade"]
    assert f"{grade['root']} as root, {grade['unprivileged']} unprivileged" in one
    assert (fact["needs"]["capability"] or "") in one
    for param in fact["params"]:
        row = rf"^{param['key']} .* {re.escape(param['default'])} +{re.escape(param['help'].split()[0])}"
        assert re.search(row, one, re.M), row
        assert re.search(rf"^({name})? +{param['key']} ", all_of_it, re.M)
        assert words(param["help"]) in words(one)
    for refusal in fact["refuses"]:
        assert f"{refusal['key']} " in one and words(refusal["why"]) in words(one)
    for preset in fact["presets"]:
        assert re.search(rf"^{preset['name']} +{preset['settings']} ", one, re.M)


def test_columns_are_aligned_and_lines_not_too_long():
    for text in (said(), said("--presets"), said("idle_timeout")):
        for table in text.split("\n\n"):
            lines = table.splitlines()
            if not re.match(r"[A-Z]+ ", lines[0]) or "  " not in lines[0]:
                continue
            starts = [m.start() for m in re.finditer(r"(?<=  )\S|^\S", lines[0])]
            for line in lines[1:]:
                assert all(line[at - 2:at].strip() == "" for at in starts if at), line
                assert len(line) <= 120 or len(line.split()[-1]) > 40 or "/" in line, line


def test_nothing_is_missing_a_word():
    for text in said(), said("--json"), said("--markdown"):
        assert "null)" not in text
    for fact in json.loads(said("--json"))["types"]:
        told = {p["key"] for p in fact["params"] if p["kind"]}
        own = re.search(r"^KEY .*\n((?:.+\n)*)", said(fact["type"]) + "\n", re.M)
        assert told == set(re.findall(r"^(\w+)", own.group(1) if own else "", re.M)), fact


def test_presets_have_settings_and_a_source_with_its_date():
    presets = {p["name"]: p for p in json.loads(said("--presets", "--json"))["presets"]}
    assert presets["aws-nlb"]["settings"] == "after=350s mode=rst_next keepalive_counts=yes"
    assert presets["azure-lb-reset"]["settings"] == "after=240s mode=rst_both keepalive_counts=yes"
    assert presets["aws-alb"]["settings"] == "after=60s mode=fin keepalive_counts=no"
    assert "secondary" in presets["aws-global-accelerator"]["source"]
    text = said("--presets")
    for name, p in presets.items():
        assert re.search(r"\b20\d\d-\d\d\b", p["source"]), name
        assert re.search(rf"^{name} +{p['settings']} ", text, re.M)
        assert " ".join(p["source"].split()) in " ".join(text.split())
    assert said("--presets", "idle_timeout") == text


def test_each_preset_is_taken(tmp_path):
    for p in json.loads(said("--presets", "--json"))["presets"]:
        path = tmp_path / "f.ini"
        path.write_text("[proxy p]\nlisten = 127.0.0.1:0\nupstream = builtin:echo\n[fault f]\nproxy = p\n"
                        f"type = {p['type']}\npreset = {p['name']}\n")
        check = subprocess.run([BINARY, "check", str(path)], capture_output=True, text=True, timeout=20)
        assert check.returncode == 0, check.stderr


@pytest.mark.parametrize("args, columns", [((), 5), (("--presets",), 4)])
def test_markdown_is_one_whole_table(args, columns):
    lines = said("--markdown", *args).splitlines()
    rows = [re.split(r"(?<!\\)\|", line) for line in lines]
    assert all(row[0] == row[-1] == "" and len(row) == columns + 2 for row in rows)
    assert set(lines[1]) == {"|", "-"}
    names = [row[1].strip(" `") for row in rows[2:]]
    assert names == ([p["name"] for t in types().values() for p in t["presets"]] if args
                     else list(types()))


def test_color_is_for_terminals_that_want_it():
    assert "\033[" not in said()
    assert "\033[1mTYPE" in on_terminal()
    assert "\033[" not in on_terminal(NO_COLOR="1")
    assert "\033[" not in on_terminal(TERM="dumb")
    assert on_terminal(NO_COLOR="1").replace("\r\n", "\n") == said()


def test_help():
    for args in (["--help"], ["types", "--help"], ["types", "-h"]):
        result = run(*args)
        assert result.returncode == 0 and "Example:" in result.stdout and result.stderr == ""
    assert "fault" in subprocess.run([BINARY, "--help"], capture_output=True, text=True).stdout


@pytest.mark.parametrize("args, why", [
    ([], "usage:"),
    (["type"], "did you mean 'types'?"),
    (["quux"], "unknown word 'quux'"),
    (["types", "idletimeout"], "did you mean 'idle_timeout'?"),
    (["types", "hang", "reset"], "unexpected 'reset'"),
    (["types", "--jsn"], "--jsn"),
    (["types", "--json", "--markdown"], "got both"),
    (["types", "hang", "--presets"], "hang has no presets"),
])
def test_wrong_usage(args, why):
    result = run(*args)
    assert result.returncode == 2 and result.stdout == "" and why in result.stderr


@pytest.mark.parametrize("form", [(), ("--json",), ("--markdown",), ("hang",)])
def test_a_full_disk_is_an_error(form):
    with open("/dev/full", "w") as full:
        result = subprocess.run([BINARY, "fault", "types", *form], stdout=full,
                                stderr=subprocess.PIPE, text=True, timeout=20)
    assert result.returncode == 1 and "No space left" in result.stderr
