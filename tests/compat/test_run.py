"""deadpeer run as a user has it: what it starts, what it says, what it exits with, what it leaves."""
import fcntl
import glob
import json
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

import pytest

from api import BINARY, Deadpeer, wait_until
from command import Cli

PASS, FAIL, USAGE, VACUOUS, NOT_INJECTED = range(5)

ECHO = """
[proxy p]
listen = 127.0.0.1:0
upstream = builtin:echo
"""
STRIKE = """
[after traffic]
arm = power_loss proxy=p duration=3s
"""
# Speaks once, says so, and waits for an answer until its patience is over.
CLIENT = """
import os, socket, sys, time
patience, after = float(sys.argv[1]), sys.argv[2]
def connect():
    s = socket.create_connection((os.environ["DEADPEER_P_HOST"], int(os.environ["DEADPEER_P_PORT"])))
    s.sendall(b"hello")
    s.recv(5)
    return s
s = connect()
print("connected", flush=True)
while True:
    s.settimeout(patience or None)
    try:
        time.sleep(0.1)
        s.sendall(b"hello")
        if not s.recv(5):
            break
    except OSError:
        break
s.close()
print("given up", flush=True)
if after == "stay":
    time.sleep(60)
"""


class Scenario:
    """A scenario file and what deadpeer run makes of it."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.cli = Cli()
        self.report = os.path.join(self.folder, "report")

    def write(self, text, name="s.ini", head="[scenario s]\nsettle = 5s\n"):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(head + text)
        return path

    def run(self, path, *arguments, command=(), **kw):
        words = ["run", path, "--report", self.report, *arguments]
        return self.cli.run(*words, *(["--", *command] if command else []), **kw)

    def start(self, path, *arguments, command=(), **kw):
        words = ["run", path, "--report", self.report, *arguments]
        return self.cli.start(*words, *(["--", *command] if command else []), **kw)

    def events(self, event=None, **match):
        with open(os.path.join(self.report, "events.ndjson"), encoding="utf-8") as f:
            every = [json.loads(line) for line in f]
        return [e for e in every if event in (None, e["event"])
                and all(e.get(k) == v for k, v in match.items())]

    def client(self, patience, after="exit"):
        path = os.path.join(self.folder, "client.py")
        with open(path, "w", encoding="utf-8") as f:
            f.write(CLIENT)
        return [sys.executable, path, str(patience), after]


@pytest.fixture
def scenario(tmp_path):
    s = Scenario(tmp_path)
    with tempfile.TemporaryDirectory(dir="/tmp") as private:  # a short path, for a socket
        s.cli.env["TMPDIR"] = private
        s.left = lambda: glob.glob(private + "/deadpeer-run-*")
        yield s


def status_of(pid):
    """(state, parent, words) of a process; None: there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            rest = f.read().rsplit(")", 1)[1].split()
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return rest[0], int(rest[1]), f.read().decode(errors="replace").split("\0")[:-1]
    except (FileNotFoundError, ProcessLookupError):
        return None


def is_alive(pid):
    status = status_of(pid)
    return status is not None and status[0] != "Z"


def children(pid):
    every = {int(p): status_of(p) for p in os.listdir("/proc") if p.isdigit()}
    return {p: s[2] for p, s in every.items() if s and s[1] == pid and s[0] != "Z"}


def relay_of(driver):
    """The pid of its own relay."""
    return wait_until(lambda: [p for p, words in children(driver.pid).items()
                               if words[1:2] == ["serve"]], what="its relay")[0]


def await_line(process, text):
    """Until the command has said so on standard output."""
    for line in process.stdout:
        if text in line:
            return
    raise AssertionError(f"no {text!r}: {process.stderr.read()}")


def test_who_brings_no_command_is_told_where_the_proxies_are(scenario):
    """Port 0 is any: nobody could go there otherwise. With a command its environment says it."""
    path = scenario.write(ECHO + "[at 0s]\narm = power_loss proxy=p duration=100ms\n"
                          "[expect]\nno_loss = yes\n",
                          head="[scenario s]\nstart = traffic\nsettle = 10ms\n")
    driver = scenario.start(path)
    told = driver.stderr.readline()
    port = re.fullmatch(r"deadpeer run: p listening on 127\.0\.0\.1:(\d+)\n", told)
    assert port, told
    with socket.create_connection(("127.0.0.1", int(port[1]))) as s:
        s.sendall(b"x")
        assert s.recv(1) == b"x"
        _, err = driver.communicate(timeout=20)
    assert driver.returncode == PASS and "step 1: pass" in err, err
    silent = scenario.write("start_within = 50ms\n" + ECHO + "[at 0s]\npause = 1ms\n"
                            "[expect]\nno_loss = yes\n", "silent.ini",
                            head="[scenario s]\nstart = traffic\nsettle = 10ms\n")
    assert "listening" not in scenario.run(silent, "--quiet").err
    assert "listening" not in scenario.run(silent, command=["true"]).err


@pytest.mark.parametrize("when", ["[after traffic]", "[at 1s]"])
def test_a_command_that_ends_at_once_is_not_waited_for(scenario, when):
    """A misspelt one, say: nothing was struck, and nothing will be."""
    path = scenario.write(ECHO + when + "\narm = power_loss proxy=p duration=1s\n"
                          "[expect]\nnever_detect = yes\nrecover_within = 1s\n",
                          head="[scenario s]\nsettle = 1h\n")
    said = scenario.run(path, command=["false"])
    assert said.code == VACUOUS and "the command has ended" in said.out, said


# --- what it exits with ---

def test_who_gives_up_in_time_passes(scenario):
    path = scenario.write(ECHO + STRIKE + "[expect]\ndetect_within = 2s\n")
    said = scenario.run(path, command=scenario.client(0.3, "stay"))
    assert said.code == PASS, said
    assert "PASS" in said.out and "connected" in said.out
    assert re.search(r"^ +\d+\.\d+ s  step 1: pass$", said.err, re.M), said.err
    assert not scenario.left()
    struck, = scenario.events("session.struck")
    settings, = scenario.events("peer.settings")[-1:]
    assert settings["client"] == struck["client"] and settings["known"]
    assert settings["keepalive"] is False and settings["keep_count"] == 9
    names = sorted(os.listdir(scenario.report))
    assert names == ["events.ndjson", "junit.xml", "report.html", "results.tap", "summary.md",
                     "verdict.json"]


def test_who_never_notices_fails(scenario):
    path = scenario.write(ECHO + STRIKE + "[expect]\ndetect_within = 500ms\n")
    said = scenario.run(path, "--quiet", command=scenario.client(0, "stay"))
    assert said.code == FAIL, said
    assert said.err == ""
    assert scenario.events("run.end")


def test_a_fault_that_touches_nobody_is_vacuous(scenario):
    path = scenario.write(ECHO + "[at 100ms]\narm = power_loss proxy=p duration=300ms\n"
                          "[expect]\ndetect_within = 1s\n")
    assert scenario.run(path).code == VACUOUS


def test_what_the_kernel_refuses_is_not_injected(scenario):
    path = scenario.write(ECHO + "[at 0]\narm = packet_loss proxy=p\n[expect]\nno_loss = yes\n")
    said = scenario.run(path, "--rung", "equivalent")
    assert said.code == NOT_INJECTED, said


WRONG = [
    (["nowhere.ini"], "cannot be opened"),
    ([], "no SCENARIO"),
    (["s.ini", "more"], "unexpected 'more'"),
    (["s.ini", "--"], "no COMMAND"),
    (["s.ini", "--listen", "q=127.0.0.1:0"], "no proxy q"),
    (["s.ini", "--listen", "127.0.0.1:0"], "PROXY=ADDR"),
    (["s.ini", "--upstream", "p=nowhere"], "--upstream"),
    (["s.ini", "--seed", "none"], "--seed"),
    (["s.ini", "--limit", "5"], "--limit"),
    (["s.ini", "--rung", "low"], "--rung"),
    (["s.ini", "--admin", "127.0.0.1:1", "--listen", "p=:0"], "its own relay"),
    (["s.ini", "--dry-run", "--json"], "there is no verdict"),
    (["s.ini", "--report", "/proc/nowhere/out", "--", "sh", "-c", "echo started"],
     "/proc/nowhere/out: No such file"),
    (["s.ini", "--report", "/dev/null"], "/dev/null: Permission denied"),
    (["s.ini", "--", "./no-such-program"], "no-such-program: No such file"),
]


@pytest.mark.parametrize("words, said", WRONG)
def test_wrong_usage(scenario, words, said):
    path = scenario.write(ECHO + "[at 0]\npause = 1ms\n[expect]\nno_loss = yes\n")
    words = [path if w == "s.ini" else w for w in words]
    done = scenario.cli.run("run", *words)
    assert done.code == USAGE and done.out == "" and said in done.err, done
    assert not scenario.left()


def test_errors_of_the_file_have_their_places(scenario):
    path = scenario.write(ECHO + "[at 0]\narm = power_lost proxy=p\n[expect]\nno_loss = yes\n")
    said = scenario.run(path)
    assert said.code == USAGE and f"{path}:8: " in said.err, said


def test_an_address_in_use_is_told(scenario, echo):
    path = scenario.write(ECHO + "[at 0]\npause = 1ms\n[expect]\nno_loss = yes\n")
    said = scenario.run(path, "--listen", f"p={echo.address}")
    assert said.code == USAGE and "in use" in said.err, said
    assert "deadpeer.start" not in said.err
    assert not scenario.left()


# --- what the command finds ---

def test_the_environment_of_the_command_and_of_actions(scenario):
    path = scenario.write("""
[proxy db-1.main]
listen = 127.0.0.1:0
upstream = builtin:echo
[proxy six]
listen = [::1]:0
upstream = builtin:echo
[proxy all]
listen = :0
upstream = builtin:echo
[at 0]
run = env > action.env
[expect]
exit_code = 7
""")
    ask = ("import os, socket\n"
           "s = socket.socket(socket.AF_UNIX)\n"
           "s.connect(os.environ['DEADPEER_ADMIN'][5:])\n"
           "s.sendall(b'GET /healthz HTTP/1.0\\r\\n\\r\\n')\n"
           "assert b'200 OK' in s.recv(4096)\n"
           "import time; time.sleep(0.5)\n"
           "raise SystemExit(7)\n")
    said = scenario.run(path, command=["sh", "-c", f'env > command.env; exec "{sys.executable}" '
                                       '-c "$0"', ask], cwd=scenario.folder)
    assert said.code == PASS, said
    for name in ("command.env", "action.env"):
        with open(os.path.join(scenario.folder, name), encoding="utf-8") as f:
            env = dict(line.rstrip("\n").split("=", 1) for line in f if "=" in line)
        for proxy, host in (("DB_1_MAIN", "127.0.0.1"), ("SIX", "::1"), ("ALL", "127.0.0.1")):
            port = env[f"DEADPEER_{proxy}_PORT"]
            assert int(port) > 0 and env[f"DEADPEER_{proxy}_HOST"] == host
            shown = f"[{host}]" if ":" in host else host
            assert env[f"DEADPEER_{proxy}"] == f"{shown}:{port}"
        assert env["DEADPEER_ADMIN"].startswith("unix:/")


def test_an_action_that_fails_or_takes_too_long_fails_its_step(scenario):
    head = "[scenario s]\nsettle = 10ms\nrun_limit = 300ms\n"
    for shell, said in (("exit 3", "exited with status 3"), ("sleep 20", "took too long")):
        path = scenario.write(ECHO + f"[at 0]\nrun = {shell}\n[expect]\nno_loss = yes\n", head=head)
        assert scenario.run(path).code == FAIL
        step, = scenario.events("step.ended")
        assert step["result"] == "fail" and said in step["message"]


# --- what is said ---

def test_json_is_the_verdict_alone(scenario):
    path = scenario.write(ECHO + STRIKE + "[expect]\ndetect_within = 2s\n")
    said = scenario.run(path, "--json", "--seed", "77", command=scenario.client(0.3))
    verdict = json.loads(said.out)
    assert verdict["schema"] == "urn:deadpeer:verdict:1" and verdict["exit_code"] == said.code
    assert verdict["run"]["seed"] == "77"
    assert verdict["run"]["replay"].startswith(f"deadpeer run {path} ")
    assert verdict["run"]["replay"].count("--seed 77") == 1
    assert "connected" in said.err
    with open(os.path.join(scenario.report, "verdict.json"), encoding="utf-8") as f:
        assert json.load(f) == verdict


def test_dry_run_starts_nothing(scenario):
    path = scenario.write(ECHO + "[at 1s]\npause = 1s..9s\narm = power_loss proxy=p\n"
                          "run = touch it\n[expect]\nno_loss = yes\n")
    plans = [scenario.cli("run", path, "--dry-run", "--seed", seed, "--", "touch",
                          os.path.join(scenario.folder, "it")).out for seed in (5, 5, 6)]
    assert plans[0] == plans[1] != plans[2]
    assert "power_loss proxy=p" in plans[0]
    assert not scenario.left() and not os.path.exists(os.path.join(scenario.folder, "it"))


@pytest.mark.parametrize("columns", [120, 80])
def test_progress_on_a_terminal(scenario, columns):
    path = scenario.write(ECHO + STRIKE + "pause = 2s\n[expect]\ndetect_within = 2s\n")
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    driver = subprocess.Popen([BINARY, "run", path, "--", *scenario.client(0.3, "stay")],
                              stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                              env={**scenario.cli.env, "TERM": "xterm", "NO_COLOR": "1"})
    os.close(slave)
    raw = []

    def read():
        while True:
            try:
                raw.append(os.read(master, 65536))
            except OSError:
                return
    reader = threading.Thread(target=read)
    reader.start()
    assert driver.wait(30) == PASS
    reader.join(10)
    os.close(master)
    text = b"".join(raw).decode()
    step = r"step 1: pause, \d\.\d s left" if columns > 100 else r"step 1: pause[^a-z]*"
    assert re.search(r"\r\x1b\[K\[#*-+\] \d\.\d s of \d+\.\d s  " + step + "  "
                     r"sessions \d, deaths 1, detected 1", text), text
    assert "\x1b[K" in text and "\x1b[2m" not in text
    assert "waiting for traffic" not in text[text.index("pass"):]
    assert re.search(r"\x1b\[Kconnected\r\n", text), text  # the line makes room for it
    assert max(map(len, re.findall(r"\x1b\[K(\[[^\r\n]*)", text))) < columns


# --- how it ends ---

@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_nothing_is_left(scenario, number):
    path = scenario.write(ECHO + STRIKE + "pause = 50s\n[expect]\ndetect_within = 2s\n")
    driver = scenario.start(path, command=scenario.client(0, "stay"))
    await_line(driver, "connected")
    assert scenario.left()  # as long as it runs
    relay, = [p for p, words in children(driver.pid).items() if words[1:2] == ["serve"]]
    others = set(children(driver.pid)) - {relay}
    assert len(others) == 1
    driver.send_signal(number)
    out, err = driver.communicate(timeout=20)
    assert driver.returncode == 128 + number, err
    assert not any(map(is_alive, [relay, *others])) and not scenario.left()
    assert "step 1: skipped: interrupted" in err
    assert scenario.events("run.end", reason="signal")
    assert out and os.path.exists(os.path.join(scenario.report, "verdict.json"))


def test_a_second_signal_ends_it_at_once(scenario):
    path = scenario.write(ECHO + "[at 0]\npause = 50s\n[expect]\nno_loss = yes\n")
    driver = scenario.start(path, command=["sh", "-c", "trap '' TERM; echo ready; "
                                           "while :; do sleep 0.1; done"])
    await_line(driver, "ready")
    relay = relay_of(driver)
    others = set(children(driver.pid))
    driver.send_signal(signal.SIGTERM)
    wait_until(lambda: "skipped" in driver.stderr.readline(), what="the first")
    driver.send_signal(signal.SIGINT)
    started = time.monotonic()
    driver.communicate(timeout=20)
    assert driver.returncode == 128 + signal.SIGINT
    assert time.monotonic() - started < 4  # less than what the command has after SIGTERM
    wait_until(lambda: not any(map(is_alive, [relay, *others])), what="all gone")
    assert not scenario.left()


def test_what_it_started_dies_with_a_driver_that_is_killed(scenario):
    path = scenario.write(ECHO + "[at 0]\npause = 50s\n[expect]\nno_loss = yes\n")
    driver = scenario.start(path, command=scenario.client(0, "stay"))
    await_line(driver, "connected")
    started = set(children(driver.pid))
    assert len(started) == 2
    driver.kill()
    driver.communicate(timeout=20)
    wait_until(lambda: not any(map(is_alive, started)), what="all gone")


def test_the_whole_group_of_the_command_is_ended(scenario):
    path = scenario.write(ECHO + "[at 0]\npause = 300ms\n[expect]\nno_loss = yes\n",
                          head="[scenario s]\nsettle = 10ms\n")
    said = scenario.run(path, command=["sh", "-c", "trap '' TERM; sleep 60 & echo $!; echo $$; "
                                       "while :; do sleep 0.1; done"])
    pids = [int(line) for line in said.lines[:2]]
    assert not any(map(is_alive, pids)), said


def test_the_limit_ends_it(scenario):
    path = scenario.write(ECHO + "[at 0]\npause = 50s\n[at 1s]\nlift = *\n"
                          "[expect]\nno_loss = yes\n")
    said = scenario.run(path, "--limit", "700ms", command=["sleep", "60"])
    assert said.code != PASS
    assert scenario.events("run.end", reason="limit")
    assert [s["result"] for s in scenario.events("step.ended")] == ["skipped", "skipped"]
    assert "the run's limit was reached" in said.err


def test_a_command_that_ends_before_the_steps_skips_the_rest(scenario):
    path = scenario.write(ECHO + "[at 50s]\nlift = *\n[expect]\nexit_code = 5\n",
                          head="[scenario s]\nsettle = 10ms\n")
    scenario.run(path, command=["sh", "-c", "exit 5"])
    assert scenario.events("command.exited", code=5)
    step, = scenario.events("step.ended")
    assert step["result"] == "skipped" and "command has ended" in step["message"]


def test_the_replay_plays_the_same(scenario):
    """As it stands in the reports: through a shell, with whatever is quoted in it."""
    path = scenario.write(ECHO + "[at 0]\nname = wait\npause = 1ms..300ms\nrun = true\n"
                          "[expect]\nno_loss = yes\n")
    scenario.run(path, command=["sh", "-c", "echo \"it's\n  two # lines\\n\""])
    with open(os.path.join(scenario.report, "verdict.json"), encoding="utf-8") as f:
        first = json.load(f)
    replay = first["run"]["replay"]
    with open(os.path.join(scenario.report, "results.tap"), encoding="utf-8") as f:
        assert f"# replay: {replay}\n".replace("\n", "\n# ") in f.read()
    with open(os.path.join(scenario.report, "summary.md"), encoding="utf-8") as f:
        assert f"\n{replay}\n" in f.read()
    again = subprocess.run(["sh", "-c", replay.replace("deadpeer", BINARY, 1)], timeout=30,
                           env=scenario.cli.env, capture_output=True, text=True, check=False)
    assert "it's\n  two # lines" in again.stdout and f"Replay: {replay}\n" in again.stdout, again
    with open(os.path.join(scenario.report, "verdict.json"), encoding="utf-8") as f:
        second = json.load(f)
    assert first["run"]["seed"] == second["run"]["seed"]


def test_a_relay_that_dies_is_told(scenario):
    path = scenario.write(ECHO + "[at 0]\npause = 50s\n[expect]\nno_loss = yes\n")
    driver = scenario.start(path, command=scenario.client(0, "stay"))
    await_line(driver, "connected")
    os.kill(relay_of(driver), signal.SIGKILL)
    _, err = driver.communicate(timeout=20)
    assert driver.returncode not in (PASS, VACUOUS)
    assert "its relay was ended by signal 9" in err
    assert not scenario.left()


# --- running relays ---

@pytest.fixture
def two(tmp_path):
    both = []
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        d = Deadpeer(folder, "--drain-timeout", "1s", "--witness", "yes").start()
        d.api.post("/v1/proxies", {"name": name, "listen": "127.0.0.1:0",
                                   "upstream": "builtin:echo"})
        both.append(d)
    yield both
    assert [d.stop() for d in both] == [0, 0]


def admins(two):
    return [word for d in two for word in ("--admin", d.api.address)]


def test_faults_of_two_relays_are_armed_for_one_instant(scenario, two):
    path = scenario.write("[at 600ms]\narm = power_loss proxy=a,b duration=20s\npause = 200ms\n"
                          "[expect]\nno_loss = yes\n", head="[scenario s]\nsettle = 10ms\n")
    scenario.run(path, *admins(two))
    walls = [d.wait_event("fault.active")["wall"] for d in two]
    seconds = [float(w[17:-1]) + 60 * float(w[14:16]) for w in walls]
    assert abs(seconds[0] - seconds[1]) < 0.05, walls
    armed = scenario.events("fault.armed")
    assert [e["relay"] for e in armed] in ([0, 1], [1, 0])
    if all(e["at_ns"] < 600e6 for e in armed):  # else this machine was too busy
        assert all(e["delay_ns"] > 0 for e in armed)
    told = scenario.events("run.relay")
    assert [r["admin"] for r in told] == [d.api.address for d in two]
    assert all(r["witness"] in ("segments", "sessions") for r in told), told
    assert all(abs(r["skew_ns"]) < 1e9 and r["rtt_ns"] > 0 for r in told)
    for d in two:
        assert d.api.get("/v1/faults").json == {"faults": []}


def test_running_relays_are_left_as_they_were(scenario, two):
    path = scenario.write(ECHO + "[at 0]\narm = latency proxy=a latency=1ms\n"
                          "arm = latency proxy=p latency=1ms\npower_off = b\npause = 100ms\n"
                          "[expect]\nno_loss = yes\n", head="[scenario s]\nsettle = 10ms\n")
    two[0].api.post("/v1/faults", {"type": "noop", "name": "mine", "proxy": "a"})
    said = scenario.run(path, *admins(two), command=["sh", "-c", "echo $DEADPEER_P $DEADPEER_A; "
                                                     "sleep 9"])
    assert re.match(r"127\.0\.0\.1:\d+ 127\.0\.0\.1:\d+\n", said.out), said
    assert [s["result"] for s in scenario.events("step.ended")] == ["pass"]
    assert [f["name"] for f in two[0].api.get("/v1/faults").json["faults"]] == ["mine"]
    assert two[1].api.get("/v1/faults").json == {"faults": []}
    assert [p["name"] for d in two for p in d.api.get("/v1/proxies").json["proxies"]] == ["a", "b"]


def test_a_signal_heals_running_relays(scenario, two):
    path = scenario.write("[at 0]\narm = power_loss proxy=a,b\npause = 50s\n"
                          "[expect]\nno_loss = yes\n")
    driver = scenario.start(path, *admins(two))
    for d in two:
        d.wait_event("fault.active")
    driver.send_signal(signal.SIGINT)
    driver.communicate(timeout=20)
    assert driver.returncode == 130
    for d in two:
        assert d.api.get("/v1/faults").json == {"faults": []}


def test_a_fault_of_somebody_else_is_left_alone(scenario, two):
    two[0].api.post("/v1/faults", {"type": "noop", "name": "mine", "proxy": "a"})
    path = scenario.write("[at 0]\narm = latency proxy=a latency=1ms name=mine\n"
                          "[expect]\nno_loss = yes\n", head="[scenario s]\nsettle = 10ms\n")
    said = scenario.run(path, *admins(two))
    assert said.code == FAIL and "there is a fault mine" in said.err, said
    assert [f["type"] for f in two[0].api.get("/v1/faults").json["faults"]] == ["noop"]


@pytest.mark.parametrize("pause", ["50s", "1s"])  # it is missed on the way, and at the end
def test_a_running_relay_that_dies_is_told(scenario, two, tmp_path, pause):
    (tmp_path / "c").mkdir()
    third = Deadpeer(tmp_path / "c").start()
    path = scenario.write(f"[at 0]\nrun = kill -9 {third.process.pid}\npause = {pause}\n"
                          "[expect]\nno_loss = yes\n")
    said = scenario.run(path, *admins(two), "--admin", third.api.address)
    assert said.code == NOT_INJECTED, said
    assert f"cannot reach {third.api.address}" in said.err and "a relay was lost" in said.out
    with open(os.path.join(scenario.report, "verdict.json"), encoding="utf-8") as f:
        verdict = json.load(f)
    assert (verdict["result"], verdict["exit_code"]) == ("error", NOT_INJECTED)
    third.process.wait()


def test_a_running_relay_that_is_another_one_now_is_told(scenario, two, tmp_path):
    """It answers at the same address again, without the faults of the run and all that it knew."""
    folder = tmp_path / "c"
    folder.mkdir()
    third = Deadpeer(folder, admin=f"unix:{folder}/admin").start()
    path = scenario.write("[at 0]\narm = latency proxy=a latency=1ms\npause = 50s\n"
                          "[expect]\nno_loss = yes\n")
    driver = scenario.start(path, *admins(two), "--admin", f"unix:{folder}/admin")
    try:
        two[0].wait_event("fault.active")
        third.process.kill()
        third.process.wait()
        third.start()
        out, err = driver.communicate(timeout=20)
    finally:
        driver.kill()
        assert third.stop() == 0
    assert driver.returncode == NOT_INJECTED, (out, err)
    assert f"unix:{folder}/admin was started anew during the run" in err, err
    assert "a relay was lost" in out, out


def test_how_the_clocks_stand_is_shown(scenario, two):
    path = scenario.write("[at 0]\npause = 1ms\n[expect]\nno_loss = yes\n")
    said = scenario.run(path, *admins(two))
    assert "clock ahead" in said.out
    for d in two:
        assert re.search(rf"^  {re.escape(d.api.address)} .* [µm]s ", said.out, re.M), said.out


def test_a_relay_that_is_not_there_is_told(scenario):
    path = scenario.write(ECHO + "[at 0]\npause = 1ms\n[expect]\nno_loss = yes\n")
    said = scenario.run(path, "--admin", "127.0.0.1:1")
    assert said.code == NOT_INJECTED and "cannot reach 127.0.0.1:1" in said.err


# --- events ---

STORM = """
import os, socket, sys
host, port = os.environ["DEADPEER_P_HOST"], int(os.environ["DEADPEER_P_PORT"])
for _ in range(int(sys.argv[1])):
    with socket.create_connection((host, port)) as s:
        s.sendall(b"x")
        s.recv(1)
print("done", flush=True)
"""


@pytest.mark.parametrize("own", [True, False])
def test_no_event_is_lost_in_a_burst(scenario, deadpeer, own):
    count = 4000 if own else 2500  # six events each: more than a running relay keeps
    path = scenario.write(ECHO + "[at 0]\npause = 1ms\n[expect]\nexit_code = 0\n",
                          head="[scenario s]\nsettle = 500ms\n")
    arguments = [] if own else ["--admin", deadpeer.api.address]
    scenario.run(path, *arguments, command=[sys.executable, "-c", STORM, str(count)])
    assert not scenario.events("run.events_lost")
    assert len(scenario.events("session.opened")) == count


def test_sessions_from_before_are_known(scenario, deadpeer):
    deadpeer.api.post("/v1/proxies", {"name": "p", "listen": "127.0.0.1:0",
                                      "upstream": "builtin:echo"})
    address = deadpeer.api.get("/v1/proxies/p").json["listen"]
    path = scenario.write("[at 0]\narm = reset proxy=p\n[expect]\nno_loss = yes\n",
                          head="[scenario s]\nsettle = 300ms\n")
    from api import dial
    with dial(address) as gone:
        gone.sendall(b"x")
        gone.recv(1)
    with dial(address) as client:
        client.sendall(b"x")
        client.recv(1)
        scenario.run(path, "--admin", deadpeer.api.address)
    opened, = scenario.events("session.opened")
    assert opened["at_ns"] < 0 and opened["client"] == "%s:%d" % client_name(opened)
    assert scenario.events("session.closed", session=opened["session"])


def client_name(opened):
    host, port = opened["client"].rsplit(":", 1)
    return host, int(port)


def test_a_fault_that_is_armed_again_has_a_number(scenario):
    path = scenario.write(ECHO + "[at 0]\narm = latency proxy=p latency=1ms name=slow\n"
                          "pause = 20ms\nlift = slow\nrepeat = 3\n[expect]\nno_loss = yes\n",
                          head="[scenario s]\nsettle = 10ms\n")
    scenario.run(path)
    assert [e["fault"] for e in scenario.events("fault.armed")] == ["slow", "slow#2", "slow#3"]
    assert [e["fault"] for e in scenario.events("fault.lifted")] == ["slow", "slow#2", "slow#3"]


# --- judging again ---


def verdict_of(scenario):
    with open(os.path.join(scenario.report, "verdict.json"), encoding="utf-8") as f:
        return json.load(f)


def test_a_recorded_run_is_judged_again(scenario):
    path = scenario.write(ECHO + STRIKE + "[expect]\ndetect_within = 2s\nno_loss = yes\n"
                          "never_detect = yes\n")
    first = scenario.run(path, "--seed", "7", command=scenario.client(0.3, "stay"))
    assert first.code == FAIL
    before, events = verdict_of(scenario), os.path.join(scenario.folder, "kept.ndjson")
    os.rename(os.path.join(scenario.report, "events.ndjson"), events)
    again = scenario.run(path, "--judge", events)
    assert again.code == first.code and "connected" not in again.out, again
    after = verdict_of(scenario)
    for key in ("result", "exit_code", "summary", "expectations", "deaths", "recoveries",
                "sessions", "attempts", "steps", "faults", "relays"):
        assert after[key] == before[key], key
    for key in ("seed", "started", "command", "duration_ns", "exit_status"):
        assert after["run"][key] == before["run"][key], key
    assert "--judge" in after["run"]["replay"]
    other = scenario.write(ECHO + STRIKE + "[expect]\ndetect_within = 2s\n", name="other.ini")
    assert scenario.run(other, "--judge", events).code == PASS


@pytest.mark.parametrize("text,said", [
    ("", "expected a run's events.ndjson: it has no run.zero"),
    ('{"at_ns":0,"event":"run.zero"}\n', "it has no run.end"),
    ("no JSON\n", "events.ndjson:1: expected a JSON object"),
    ('{"at_ns":0,"event":"run.zero"}\n{"event":"run.end"}\n', 'events.ndjson:2: expected "at_ns"'),
])
def test_what_is_no_recorded_run(scenario, text, said):
    path = scenario.write(ECHO + STRIKE + "[expect]\nno_loss = yes\n")
    events = os.path.join(scenario.folder, "events.ndjson")
    with open(events, "w", encoding="utf-8") as f:
        f.write(text)
    again = scenario.run(path, "--judge", events)
    assert again.code == USAGE and said in again.err, again
    assert scenario.run(path, "--judge", events + ".none").code == USAGE


@pytest.mark.parametrize("words", [["--seed", "3"], ["--admin", "127.0.0.1:1"], ["--dry-run"],
                                   ["--limit", "3s"], ["--rung", "best"], ["--", "true"]])
def test_nothing_is_played_when_it_is_judged_again(scenario, words):
    path = scenario.write(ECHO + STRIKE + "[expect]\nno_loss = yes\n")
    again = scenario.cli.run("run", path, "--judge", "x", *words)
    assert again.code == USAGE and "--judge plays nothing" in again.err


# --- live clients ---

# Several connections of one process, each of which waits, gives up, and comes back.
POOL = """
import os, random, socket, sys, threading, time
n, kind = int(sys.argv[1]), sys.argv[2]
WAITS = {"constant": lambda k, draw: 0.3, "exponential": lambda k, draw: min(0.1 * 2 ** k, 1.6),
         "jitter": lambda k, draw: draw.uniform(0, min(0.1 * 2 ** k, 1.6))}
def connect():
    s = socket.create_connection((os.environ["DEADPEER_P_HOST"], int(os.environ["DEADPEER_P_PORT"])))
    hello(s)
    return s
def hello(s):
    s.settimeout(3)
    s.sendall(b"hello")
    if not s.recv(5):
        raise OSError
def one(seed):
    s, draw = connect(), random.Random(seed)
    while True:
        try:
            hello(s)
            time.sleep(0.1)
        except OSError:
            s.close()
            for k in range(1000):
                time.sleep(WAITS[kind](k, draw))
                try:
                    s = connect()
                    break
                except OSError:
                    pass
for i in range(n):
    threading.Thread(target=one, args=[i], daemon=True).start()
time.sleep(60)
"""


def when_there_are(n):
    """A step that begins when so many connections have carried bytes."""
    return f"[after traffic]\ncount = {n}\n"


def pool(n, kind):
    return [sys.executable, "-c", POOL, str(n), kind]


@pytest.mark.skipif(os.geteuid() != 0, reason="CAP_NET_RAW: attempts that are refused are heard")
@pytest.mark.parametrize("kind,expect", [
    ("constant", "backoff = constant\nmax_attempts = 25\n"),
    ("exponential", "backoff = exponential\nmax_attempts = 12\n"),
    ("jitter", "backoff = exponential\njitter_at_least = 10%\nmax_attempts = 25\n")])
def test_connections_of_one_process_are_judged_each(scenario, kind, expect):
    path = scenario.write(ECHO + when_there_are(8) + "arm = process_crash proxy=p restart_after=4s\n"
                          "[expect]\nfull_recovery_within = 5s\n" + expect,
                          head="[scenario s]\nsettle = 10s\n")
    said = scenario.run(path, command=pool(8, kind))
    deaths = verdict_of(scenario)["deaths"]
    assert len(deaths) == 8 and all(d["reconnect"] for d in deaths)
    assert said.code == PASS, verdict_of(scenario)["expectations"]


@pytest.mark.skipif(os.geteuid() == 0, reason="with CAP_NET_RAW they are heard")
def test_refused_attempts_that_nobody_hears_are_no_pass(scenario):
    path = scenario.write(ECHO + when_there_are(1) + "arm = process_crash proxy=p restart_after=2s\n"
                          "[expect]\nmax_attempts = 25\nmax_storm = 100\nbackoff = constant\n",
                          head="[scenario s]\nsettle = 6s\n")
    said = scenario.run(path, command=pool(1, "constant"))
    results = [e["result"] for e in verdict_of(scenario)["expectations"]]
    assert said.code == FAIL and results == ["error"] * 3, said


def test_who_lives_through_a_partition_is_seen_to_recover(scenario):
    path = scenario.write(ECHO + when_there_are(3) + "arm = partition proxy=p duration=1s\n"
                          "[expect]\nrecover_within = 8s\nfull_recovery_within = 8s\n"
                          "no_loss = yes\n",
                          head="[scenario s]\nsettle = 10s\n")
    said = scenario.run(path, command=pool(3, "constant"))
    assert said.code == PASS, said
    verdict = verdict_of(scenario)
    assert len(verdict["sessions"]) == 3 and len(verdict["deaths"]) == 3
    assert all(d["recovered_ns"] is not None and not d["detected"] for d in verdict["deaths"])


SEEDED = """
[after traffic]
count = 16
name = some
arm = partition proxy=p toxicity=50% duration=100ms name=half
pause = 100ms..900ms
arm = hang proxy=p duration=100ms name=one nth=3
pause = 100ms..900ms
arm = reset proxy=p toxicity=50%
[expect]
no_zombies = yes
"""
HOLD = """
import os, socket, time
at = os.environ["DEADPEER_P_HOST"], int(os.environ["DEADPEER_P_PORT"])
held = []
for i in range(16):
    held.append(socket.create_connection(at))
    held[-1].sendall(b"hello")
    held[-1].recv(5)
time.sleep(60)
"""


def test_the_same_seed_does_the_same_to_the_same(scenario):
    path = scenario.write(ECHO + SEEDED, head="[scenario s]\nsettle = 1s\n")

    def strikes(seed):
        scenario.run(path, "--seed", str(seed), command=[sys.executable, "-c", HOLD])
        struck = scenario.events("session.struck")
        return [(e["fault"], e["session"], (e["at_ns"] - struck[0]["at_ns"]) / 1e9) for e in struck]

    first, again, other = strikes(11), strikes(11), strikes(12)
    assert {s[0] for s in first} == {"half", "some"}
    assert len(first) > 6 and [s[:2] for s in first] == [s[:2] for s in again]
    assert all(abs(a[2] - b[2]) < 0.3 for a, b in zip(first, again)), (first, again)
    assert [s[:2] for s in first] != [s[:2] for s in other]
