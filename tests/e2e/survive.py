"""Scenarios played by `deadpeer run` with a real client, and its verdict."""
import json
import os
import re
import subprocess
import sys

import pytest

from relay import BINARY, read

SCENARIOS = os.path.join(os.path.dirname(__file__), "../../config/scenarios")
CLIENTS = os.path.join(os.path.dirname(__file__), "clients")

heard = pytest.mark.skipif(os.geteuid() != 0, reason="CAP_NET_RAW: attempts that are refused are heard")

PASS, FAIL, USAGE, VACUOUS, REFUSED = 0, 1, 2, 3, 4


class Verdict:
    def __init__(self, folder, status, out, err):
        self.folder, self.status, self.out, self.err = folder, status, out, err
        self.json = json.loads(out) if out.startswith("{") else {}

    def __str__(self):
        lines = [f"{e['result']}: {e['message']}" for e in self.json.get("expectations", [])]
        steps = [f"step {s['name']}: {s['result']} {s['message'] or ''}"
                 for s in self.json.get("steps", [])]
        return "\n".join([f"exit {self.status}", *steps, *lines, self.err[-4000:]])

    def result(self, key, name=None):
        """Of an expectation."""
        found = [e["result"] for e in self.json["expectations"]
                 if e["key"] == key and (name is None or e["name"] == name)]
        assert len(found) == 1, f"{key}: {found}"
        return found[0]

    def deaths(self, step=None):
        return [d for d in self.json["deaths"] if step is None or d["step"] == step]


def play(folder, scenario, command, upstreams, seconds=120, options=()):
    """scenario: its text, or the name of one in config/scenarios. The verdict; also in folder."""
    path = os.path.join(SCENARIOS, scenario + ".ini")
    if "\n" in scenario:
        path = os.path.join(str(folder), "scenario.ini")
        with open(path, "w", encoding="utf-8") as f:
            f.write(scenario)
    words = [BINARY, "run", path, "--json", "--report", os.path.join(str(folder), "report"),
             *(f"--upstream={name}={address}" for name, address in upstreams.items()), *options]
    done = subprocess.run([*words, "--", *command] if command else words, capture_output=True,
                          text=True, timeout=seconds, stdin=subprocess.DEVNULL, check=False)
    return Verdict(folder, done.returncode, done.stdout, done.stderr)


def shortened(scenario, **durations):
    """A ready scenario with other times: shortened("hang", settle="5s", duration="8s"). Each must be
    there."""
    text = read(os.path.join(SCENARIOS, scenario + ".ini"))
    for key, value in durations.items():
        text, n = re.subn(rf"\b({key} ?= ?)[\w.%]+", rf"\g<1>{value}", text)
        assert n, f"{scenario}: no {key}"
    return text


ECHO = {"service": "builtin:echo"}


def shell(text):
    """A command for play(): /bin/sh becomes what is told."""
    return ["/bin/sh", "-c", "exec " + text]


def client(name, *words, proxy="SERVICE"):
    """clients/NAME.py with the proxy's address and more words."""
    return shell(f'"{sys.executable}" "{CLIENTS}/{name}.py" "$DEADPEER_{proxy}" {" ".join(words)}')


def bad(what, *more):
    return shell(f'"{sys.executable}" "{CLIENTS}/bad.py" {what} "$DEADPEER_SERVICE" {" ".join(more)}')


def through(server):
    return {"service": server.address}
