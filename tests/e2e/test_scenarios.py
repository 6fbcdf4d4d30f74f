"""config/scenarios: each file is right, is in the README, and is played, shortened, with a client
that has to pass it."""
import concurrent.futures
import glob
import os
import re
import socket
import subprocess
import sys
import threading

import pytest

from clients.good import set_keepalive
from programs import free_port
from relay import BINARY, read
from survive import CLIENTS, ECHO, PASS, SCENARIOS, bad, client, play, shell, shortened

NAMES = sorted(os.path.basename(path)[:-4] for path in glob.glob(os.path.join(SCENARIOS, "*.ini")))
README = os.path.join(os.path.dirname(__file__), "../../README.md")
AT_ONCE = 5

# What a scenario needs to say what it says: a capability, and why.
NEEDS = {
    "dead-client": "CAP_NET_RAW: a server that gives up a client is heard",
    "mass-reconnect": "CAP_NET_RAW: attempts that are refused are heard",
    "process-crash": "CAP_NET_RAW: attempts that are refused are heard",
    "reboot-no-listener": "CAP_NET_RAW: attempts that are refused are heard",
    "lost-probes": "CAP_NET_ADMIN: keepalive probes are dropped",
}

# {name: (its times, other headings, the client)}
PLAYS = {
    "busy-writer": ({"duration": "4s", "settle": "8s"}, {}, client("good")),
    "dead-client": ({"settle": "10s"}, {"[at 3s]": "[at 1s]"}, client("good")),
    "dead-pool": ({"settle": "8s"}, {"[at 5s]": "[at 1s]"}, client("good")),
    "fin-race": ({"settle": "4s"}, {}, client("good", "pause=0.7")),
    "first-write-after-idle": ({"settle": "8s"}, {}, client("good", "pause=5", "keepalive=0")),
    "flapping": ({"duration": "7s", "settle": "11s"}, {}, client("good", "deadline=8", "life=1.5")),
    "hang": ({"duration": "5s", "settle": "8s"}, {"[at 3s]": "[at 1s]"}, client("good")),
    "lost-probes": ({"duration": "5s", "settle": "1s"}, {}, client("good", "pause=2.5")),
    "mass-reconnect": ({"restart_after": "6s", "settle": "5s"},
                       {"start = traffic\n": "", "[at 5s]": "[after traffic]\ncount = 5"},
                       bad("jitter", "5")),
    "power-loss-idle": ({"settle": "8s"}, {}, client("good", "pause=60")),
    "power-loss-idle-no-keepalive": ({"settle": "3s"}, {}, bad("never")),
    "power-loss-sending": ({"settle": "8s"}, {"[at 3s]": "[at 1s]"},
                           client("good", "pause=0.01", "deadline=30")),
    "process-crash": ({"restart_after": "2s", "settle": "5s"}, {}, client("good")),
    "proxy-between": ({"settle": "9s"}, {}, None),
    "reboot-listener": ({"down": "1s", "settle": "5s"}, {"[at 3s]": "[at 1s]"}, client("good")),
    "reboot-no-listener": ({"down": "1s", "service_delay": "2s", "settle": "5s"},
                           {"[at 3s]": "[at 1s]"}, client("good")),
    "second-death": ({"duration": "4s", "settle": "8s"}, {}, client("good")),
    "second-hop": ({"settle": "1s"}, {},
                   shell(f'"{sys.executable}" "{CLIENTS}/hop.py" "$DEADPEER_FIRST" "$DEADPEER_SECOND"')),
    "slow-close": ({}, {}, client("good")),
    "waiting-for-an-answer": ({"settle": "8s"}, {"latency=3s": "latency=1s", "[at 5s]": "[at 3s]"},
                              client("good", "deadline=3")),
}

SHAPES = {"power-loss-idle": "idle", "power-loss-idle-no-keepalive": "idle",
          "waiting-for-an-answer": "waiting"}


class KeepaliveEcho:
    """A server that has keepalive on."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                s = self.listener.accept()[0]
            except OSError:
                return
            set_keepalive(s)
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    @staticmethod
    def serve(s):
        with s:
            try:
                while data := s.recv(65536):
                    s.sendall(data)
            except OSError:
                pass


def played(name, folder, server):
    times, headings, command = PLAYS[name]
    scenario = shortened(name, **times)
    for old, new in headings.items():
        assert old in scenario, f"{name}: no {old}"
        scenario = scenario.replace(old, new)
    upstreams = ECHO
    if name == "dead-client":
        upstreams = {"service": server.address}
    elif name == "second-hop":
        upstreams = {"first": "builtin:echo", "second": "builtin:echo"}
    elif name == "proxy-between":
        port = free_port()
        upstreams = {"front": f"127.0.0.1:{port}", "back": "builtin:echo"}
        command = ["/bin/sh", "-c", f'"{sys.executable}" "{CLIENTS}/pipe.py" {port} "$DEADPEER_BACK" & '
                   f'exec "{sys.executable}" "{CLIENTS}/good.py" "$DEADPEER_FRONT" deadline=30']
    return play(folder, scenario, command, upstreams, seconds=60)


def missing(name):
    """The capability that it needs and that is not there."""
    return NEEDS.get(name) if os.geteuid() != 0 else None


@pytest.fixture(scope="module")
def plays(request, tmp_path_factory):
    """All those that are asked for, a few at once, as each is mostly waiting."""
    names = [item.callspec.params["name"] for item in request.session.items
             if getattr(item, "originalname", "") == "test_played"]
    server = KeepaliveEcho()
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        yield {name: pool.submit(played, name, tmp_path_factory.mktemp(name), server)
               for name in names if not missing(name)}
        pool.shutdown(cancel_futures=True)
    server.listener.close()


@pytest.mark.parametrize("name", NAMES)
def test_played(plays, name):
    if missing(name):
        pytest.skip(missing(name))
    v = plays[name].result(110)
    assert v.status == PASS, str(v)
    assert v.json["result"] == "pass" and v.json["expectations"], str(v)
    if name != "second-hop":
        assert v.json["deaths"], str(v)
    if name in SHAPES:
        assert v.json["deaths"][-1]["shape"] == SHAPES[name], str(v)


def test_all_are_played():
    assert sorted(PLAYS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_right(name):
    path = os.path.join(SCENARIOS, name + ".ini")
    done = subprocess.run([BINARY, "check", path], capture_output=True, text=True, timeout=20,
                          check=False)
    assert done.returncode == 0 and f"scenario {name}:" in done.stdout, done
    # The line that plays it stands in it.
    assert f"deadpeer run config/scenarios/{name}.ini" in read(path)


def test_readme():
    """A row for each, and none for what is not there."""
    rows = [line.split("]")[0].split("[")[1] for line in read(README).splitlines()
            if line.startswith("| [") and "config/scenarios/" in line]
    assert sorted(rows) == NAMES
    told = re.search(r"An ordinary user can play all but.*?\n\n", read(README), re.S)[0]
    assert set(re.findall(r"`([a-z-]+)`", told)) == set(NEEDS)
