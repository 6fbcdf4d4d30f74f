"""The command line against a running deadpeer: every command, what it prints, how it fails."""
import json
import os
import pty
import re
import signal
import socket
import subprocess
import threading

import pytest

from api import BINARY, Deadpeer, dial, echoes, wait_until
from command import EXIT_NOBODY, EXIT_NO, EXIT_USAGE, Cli, cells


@pytest.fixture
def cli(deadpeer):
    return Cli(deadpeer.api.address)


def create(cli, name="p", *more):
    return cli("create", name, "-l", "127.0.0.1:0", "-u", "builtin:echo", *more)


def listen_of(cli, name="p"):
    return cli("show", name, "--json").json["listen"]


# --- proxies ---

def test_a_proxy_from_its_creation_to_its_end(cli):
    said = create(cli)
    address = re.fullmatch(r"proxy p listens on (127\.0\.0\.1:\d+), upstream builtin:echo\n",
                           said.out)[1]
    assert echoes(dial(address))
    row = cli("list").table[0]
    assert (row["PROXY"], row["LISTEN"], row["UPSTREAM"]) == ("p", address, "builtin:echo")
    assert (row["STATE"], row["ACCEPTED"], row["SENT"], row["FAULTS"]) == ("open", "1", "5B", "-")
    assert cli("disable", "p").out == "proxy p is disabled\n"
    assert cli("list").table[0]["STATE"] == "disabled"
    with pytest.raises(OSError):
        dial(address)
    assert cli("enable", "p").out == f"proxy p is enabled, and listens on {address}\n"
    assert echoes(dial(address))
    assert cli("set", "p", "upstream=builtin:discard").out.endswith("upstream builtin:discard\n")
    assert cli("delete", "p").out == "proxy p is deleted\n"
    empty = cli.run("list")
    assert (empty.code, empty.out) == (0, "") and "there are no proxies" in empty.err


@pytest.mark.parametrize("name", [".", "..", "...", "-x"])
def test_names_of_dots_and_dashes(cli, name):
    cli("create", "-l", "127.0.0.1:0", "-u", "builtin:echo", "--", name)
    assert cli("show", "-q", "--", name).out == f"{name}\n"
    cli("disable", "--", name)
    cli("delete", "--", name)
    assert cli("list", "-q").out == ""


def test_create_takes_keys_and_faults(cli):
    create(cli, "p", "max_sessions=7", "--fault", "latency latency=5ms", "--fault", "hang delay=1h")
    shown = cli("show", "p")
    assert re.search(r"^max_sessions +7$", shown.out, re.M)
    assert re.search(r"^latency-1 +latency +active +p ", shown.out, re.M)
    assert re.search(r"^hang-1 +hang +waiting +p .* 1h |59m", shown.out, re.M)


def test_quiet_prints_names(cli):
    assert create(cli, "a", "-q").out == "a\n"
    assert create(cli, "b", "--quiet").out == "b\n"
    assert cli("-q", "list").out == "a\nb\n"
    assert cli("fault", "add", "a", "noop", "-q").out == "noop-1\n"
    assert cli("fault", "list", "-q").out == "noop-1\n"
    assert cli("disable", "a", "-q").out == ""
    assert cli("heal", "--all", "-q").out == "noop-1\n"


def test_json_is_the_servers(cli, api):
    create(cli)
    assert cli("list", "--json").json == json.loads(api.get("/v1/proxies").body)
    assert cli("--json", "show", "p").json["name"] == "p"
    added = cli("fault", "add", "p", "hang", "--json").json
    assert added["name"] == "hang-1" and added["state"] == "active"
    assert cli("fault", "list", "p", "--json").json["faults"][0]["name"] == "hang-1"
    no = cli.run("show", "q", "--json")
    assert no.code == EXIT_NO and no.json["status"] == 404 and "no proxy q" in no.err


# --- faults ---

def test_a_fault_from_its_arming_to_its_end(cli):
    create(cli)
    s = dial(listen_of(cli))
    assert echoes(s)
    said = cli("fault", "add", "p", "latency", "latency=300ms", "--name", "slow")
    assert said.out.startswith("fault slow: latency on p is active, grade exact"), said
    row = cli("fault", "list").table[0]
    assert (row["FAULT"], row["TYPE"], row["STATE"], row["PROXIES"], row["LEFT"]) == \
        ("slow", "latency", "active", "p", "-")
    assert "latency=300ms" in row["SETTINGS"]
    assert "latency=1ms" in cli("fault", "set", "slow", "latency=1ms").out
    assert re.search(r"^values +.*latency=1ms", cli("fault", "show", "slow").out, re.M)
    assert cli("fault", "rm", "slow").out == "fault slow is lifted\n"
    assert "no fault slow" in cli.refused("fault", "rm", "slow")


def test_a_fault_has_time_left(cli):
    create(cli)
    cli("fault", "add", "p", "hang", "duration=1h")
    assert re.match(r"(1h|59m)", cli("fault", "list").table[0]["LEFT"])


def test_several_proxies_all_and_a_host(cli):
    for name in "ab":
        create(cli, name)
    assert "on a, b is" in cli("fault", "add", "a,b", "noop").out
    assert "on * is" in cli("fault", "add", "*", "noop").out
    assert "on b is" in cli("fault", "add", "--host", "b", "noop").out
    assert [r["FAULT"] for r in cli("fault", "list", "a").table] == ["noop-1", "noop-2"]
    assert cli("heal", "b").out == "lifted noop-3\n"
    assert cli("heal", "--all").out == "lifted noop-1, noop-2\n"
    assert cli("heal", "--all").out == "there was nothing to lift\n"
    cli("fault", "add", "a,b", "noop")
    cli("host", "off", "b")
    assert cli("heal").out == "lifted noop-1, power-b\n"
    assert cli("heal").out == "there was nothing to lift\n"


@pytest.mark.parametrize("words, why", [
    (["p", "power_los"], "did you mean power_loss?"),
    (["p", "hang", "delay=5"], "delay: expected a duration with a unit"),
    (["p", "hang", "dely=5s"], "did you mean delay?"),
    (["q", "hang"], 'got "q"'),
    (["p", "hang", "name=a b"], "name: expected"),
    (["p", "nonsense"], "`deadpeer fault types` tells what there is"),
    (["p", "latency", "jiter=5ms"], "jiter: no such key (did you mean jitter?)"),
    (["p", "latency", "xyz=5"], "xyz: no such key; there are: name, type, at, direction, latency, "),
])
def test_what_the_server_refuses(cli, words, why):
    create(cli)
    assert why in cli.refused("fault", "add", *words)
    assert cli("list").table[0]["FAULTS"] == "-"


@pytest.mark.parametrize("words, why", [
    (["show", "x"], "no proxy x: `deadpeer list` tells what there is"),
    (["create", "p", "-l", ":0", "-u", "builtin:echo"],
     "there is a proxy p: `deadpeer set` or `deadpeer delete` p, or give another name"),
    (["fault", "rm", "x"], "no fault x: `deadpeer fault list` tells what there is"),
    (["host", "off", "x"], "no host x: `deadpeer host list` tells what there is"),
    (["host", "off", "p"], "`deadpeer host on` p first"),
    (["kill", "7"], "no session 7 is open: `deadpeer sessions` tells which are"),
    (["events", "--limit", "x"], "--limit: expected a whole number"),
    (["inspect", "x"], "proxy not found\nTry 'deadpeer list'."),
    (["heal", "x"], "no proxy x: `deadpeer list` tells what there is"),
])
def test_what_to_try_is_said_in_commands(cli, words, why):
    create(cli)
    if words[0] == "host":
        cli("host", "off", "p")
    said = cli.refused(*words)
    assert why in said and "/v1" not in said and said.count("deadpeer ") <= 3


# --- hosts ---

def test_a_hosts_power(cli):
    create(cli)
    assert cli("host", "list").table[0] | {"ADDRESS": ""} == \
        {"HOST": "p", "POWER": "on", "ADDRESS": "", "TITLE": "-", "PROXIES": "p"}
    assert cli("host", "off", "p", "--for", "1h").out.startswith(
        "host p has no power: fault power-p, grade ")
    assert cli("host", "list").table[0]["POWER"] == "off"
    assert cli("fault", "list").table[0]["TYPE"] == "power_loss"
    assert cli.refused("host", "off", "p")
    assert cli("host", "on", "p").out == "host p has power again: power-p is lifted\n"
    assert cli.refused("host", "on", "p")
    assert cli.refused("host", "on", "nowhere")


def test_hosts_that_are_cut_off(cli):
    for name, address in (("web", "127.0.0.2"), ("db", "127.0.0.3")):
        assert cli("host", "create", name, f"address={address}").out == f"host {name} is there\n"
        create(cli, f"{name}1", f"host={name}")
    assert cli("partition", "web", "db", "--for", "1h").out == \
        "web and db are cut off from each other\n"
    assert {r["TYPE"] for r in cli("fault", "list").table} == {"partition"}
    cli("heal", "--all")
    create(cli, "alone")
    assert "address" in cli.refused("partition", "alone", "db")


# --- sessions ---

def test_sessions_and_the_end_of_one(cli):
    create(cli)
    address = listen_of(cli)
    first, second = dial(address), dial(address)
    assert echoes(first) and echoes(second)
    client = "127.0.0.1:%d" % first.getsockname()[1]
    rows = cli("sessions").table
    assert len(rows) == 2
    mine = next(r for r in rows if r["CLIENT"] == client)
    assert (mine["PROXY"], mine["STATE"], mine["SENT"], mine["CLIENT LEG"]) == \
        ("p", "open", "5B", "speaks")
    assert cli("sessions", "--state", "open", "-q").lines == [r["SESSION"] for r in rows]
    few = cli.run("sessions", "-n", 1)
    assert len(few.table) == 1 and "1 of 2" in few.err
    assert re.search(rf"^client +{client}$", cli("session", mine["SESSION"]).out, re.M)
    assert cli("kill", mine["SESSION"]).out == f"session {mine['SESSION']} is killed: rst\n"
    with pytest.raises(ConnectionResetError):
        first.recv(1)
    other = next(i for i in cli("sessions", "-q").lines)
    assert cli("kill", "--how=fin", other).out == f"session {other} is killed: fin\n"
    assert second.recv(1) == b""
    wait_until(lambda: cli.run("sessions").out == "")
    assert "no session" in cli.refused("kill", other)


# --- events and waiting ---

def test_events(cli):
    create(cli)
    lines = cli("events").lines
    assert re.match(r" *\d+  \d\d:\d\d:\d\d\.\d{3}  proxy\.up  +proxy=p listen=127", lines[-2])
    assert "api.changed" in lines[-1] and "what=proxy.create" in lines[-1]
    every = [json.loads(line) for line in cli("events", "--json").lines]
    first = every[0]["seq"]
    assert [e["seq"] for e in every] == list(range(first, first + len(every)))
    some = cli("events", "--json", "--since", first, "-n", 2).lines
    assert [json.loads(line)["seq"] for line in some] == [first + 1, first + 2]


def test_events_to_come(cli, deadpeer):
    create(cli)
    follower = cli.start("events", "-f", "--json")
    seen = []
    reader = threading.Thread(target=lambda: seen.extend(follower.stdout), daemon=True)
    reader.start()
    wait_until(lambda: cli("fault", "add", "p", "noop") and "noop-1" in "".join(seen),
               what="an event")
    deadpeer.process.send_signal(signal.SIGTERM)
    assert follower.wait(20) == 0
    reader.join(10)
    assert deadpeer.process.wait(20) == 0  # before anybody sends it a second signal
    assert json.loads(seen[-1])["event"] == "deadpeer.stop" or len(seen) > 1
    assert "ended the stream" in follower.stderr.read()


def test_so_many_events_to_come(cli):
    create(cli)
    follower = cli.start("events", "-f", "-n", "3", "--json")
    wait_until(lambda: cli("fault", "add", "p", "noop") and follower.poll() is not None,
               what="its end")
    assert (follower.returncode, follower.stderr.read()) == (0, "")
    assert len(follower.stdout.readlines()) == 3
    assert "a whole number" in cli.refused("events", "-f", "-n", "0")


def test_a_reader_that_leaves_ends_events(cli):
    create(cli)
    follower = cli.start("events", "-f")
    follower.stdout.close()
    wait_until(lambda: cli("fault", "add", "p", "noop") and follower.poll() is not None,
               what="its end")
    assert (follower.returncode, follower.stderr.read()) == (0, "")


def test_a_reader_that_has_seen_enough(cli):
    """deadpeer ... | head -1: no complaint, whatever was still to be told."""
    create(cli)
    for words in (["list"], ["list", "--json"], ["show", "p"], ["config"], ["version"], ["events"],
                  ["events", "--json"], ["wait", "armed", "--since", "0", "-t", "1ms", "--json"],
                  ["fault", "types"], ["fault", "types", "--json"], ["fault", "types", "--markdown"],
                  ["doctor"], ["doctor", "--json"], ["predict"], ["predict", "--json"],
                  ["completion", "bash"], ["list", "--help"], ["--help"]):
        reading, writing = os.pipe()
        os.close(reading)
        said = cli.run(*words, stdout=writing)
        os.close(writing)
        assert (said.code in (0, 1) if words[0] in ("doctor", "wait") else said.code == 0), words
        assert said.err == "" or words[0] == "wait", (words, said)


def test_wait(cli):
    create(cli)
    s = dial(listen_of(cli))
    assert echoes(s)
    now = json.loads(cli("events", "--json").lines[-1])["seq"]
    waiter = cli.start("wait", "closed", "--proxy", "p", "--since", now, "-t", "20s", "--json")
    s.close()
    told = json.loads(waiter.communicate(timeout=30)[0])
    assert waiter.returncode == 0 and told["event"]["event"] == "session.closed", told
    assert re.match(r"closed after \S+: session\.closed proxy=p session=1 client=\S+ "
                    r"upstream_bytes=5B downstream_bytes=5B duration=\S+ reason=closed\n$",
                    cli("wait", "closed", "--since", "0").out)
    assert "not fired in time" in cli.refused("wait", "fired", "-t", "50ms")


# --- the server itself ---

def test_version_health_config(cli):
    said = cli("version")
    assert re.search(r"^name +deadpeer$", said.out, re.M)
    assert re.search(r"^this program is deadpeer \d", said.out, re.M)
    assert cli("version", "--json").json["name"] == "deadpeer"
    assert cli("version", "-q").out == cli("version", "--json").json["version"] + "\n"
    assert cli("health").out == "ready\n"
    assert cli("health", "--json").json == {"ready": True}
    assert cli("health", "-q").out == ""
    create(cli)
    ini = cli("config").out
    assert "[proxy p]" in ini
    checked = subprocess.run([BINARY, "check", "-"], input=ini, text=True, capture_output=True,
                             check=False, timeout=10)
    assert checked.returncode == 0, checked
    assert cli("config", "--json").json["proxies"][0]["name"] == "p"


def test_reload(tmp_path):
    ini = tmp_path / "d.ini"
    ini.write_text("[proxy a]\nlisten = 127.0.0.1:0\nupstream = builtin:echo\n")
    d = Deadpeer(tmp_path, "-c", str(ini)).start()
    cli = Cli(d.api.address)
    ini.write_text(ini.read_text() + "\n[proxy b]\nlisten = 127.0.0.1:0\nupstream = builtin:echo\n")
    assert re.search(r"^added +1$", cli("reload").out, re.M)
    assert cli("list", "-q").out == "a\nb\n"
    ini.write_text("[proxy a]\nlisten = nowhere\nupstram = x\n")
    wrong = cli.refused("reload").splitlines()
    assert len(wrong) >= 2 and all(f"{ini}:" in line for line in wrong), wrong
    assert d.stop() == 0


# --- where the server is ---

def test_flags_stand_before_and_behind(deadpeer):
    cli, admin = Cli(), deadpeer.api.address
    for words in (["--admin", admin, "--json", "list"], ["list", "--admin", admin, "--json"],
                  [f"--admin={admin}", "list", "--json"], ["--json", "list", f"--admin={admin}"]):
        assert cli(*words).json == {"proxies": []}
    for words in (["-l", "127.0.0.1:0", "p", "-u", "builtin:echo"],):
        assert "proxy p listens" in cli("--admin", admin, "create", *words).out
    assert "hang-1" in cli("fault", "add", "--admin", admin, "p", "hang", "delay=1h").out
    for words in (["fault", "--json", "list", "--admin", admin],
                  ["fault", "--admin", admin, "--json", "list", "--", "p"],
                  ["--admin", admin, "--json", "fault", "list", "--", "p"]):
        assert [f["name"] for f in cli(*words).json["faults"]] == ["hang-1"]
    said = cli.run("fault", "--json")
    assert said.code == EXIT_USAGE and "usage: deadpeer fault WORD" in said.err
    assert Cli(TOXIPROXY_URL=f"http://{admin}/")("list", "-q").out == "p\n"


def test_a_flag_wins_over_the_environment(deadpeer):
    assert Cli("127.0.0.1:1")("list", "--json", "--admin", deadpeer.api.address).json


@pytest.mark.parametrize("admin", ["unix", "[::1]:0"])
def test_other_addresses(tmp_path, admin):
    if admin == "unix":
        admin = f"unix:{tmp_path}/" + "a-long-name-for-a-socket" + ".sock"
    d = Deadpeer(tmp_path, admin=admin).start()
    cli = Cli(d.api.address)
    create(cli)
    assert cli("list", "-q").out == "p\n"
    assert d.stop() == 0
    assert "is `deadpeer serve` running?" in cli.refused("list", code=EXIT_NOBODY)


def test_the_token(tmp_path):
    token = tmp_path / "token"
    token.write_text("secret\n")
    d = Deadpeer(tmp_path, "--admin-token-file", str(token)).start()
    wait_until(lambda: d.ports().get("admin"))
    cli = Cli(d.api.address)
    refused = cli.refused("list")
    assert "--admin-token-file FILE or DEADPEER_ADMIN_TOKEN" in refused
    assert "secret" not in refused
    assert cli("list", "--json", "--admin-token-file", token).json == {"proxies": []}
    assert Cli(d.api.address, DEADPEER_ADMIN_TOKEN="secret")("list", "--json").json
    assert Cli(d.api.address, DEADPEER_ADMIN_TOKEN="wrong").run("list").code == EXIT_NO
    assert "No such file" in cli.refused("list", "--admin-token-file", "/no/such",
                                         code=EXIT_USAGE)
    assert d.stop() == 0


@pytest.mark.parametrize("admin, why", [
    ("127.0.0.1:1", "cannot reach 127.0.0.1:1: Connection refused: is `deadpeer serve` running? "
                    "--admin or DEADPEER_ADMIN says where"),
    ("unix:/no/such/socket", "No such file or directory"),
    ("no-such-host.invalid:8474", "cannot reach no-such-host.invalid:8474: "),
])
def test_nobody_there(admin, why):
    for words in (["list"], ["wait", "closed"], ["events", "-f"], ["version"], ["health"]):
        said = Cli(admin).run(*words)
        assert said.code == EXIT_NOBODY and why in said.err, said


def serve_once(answer, hold=False):
    """A server that says this to whoever comes, whatever is asked."""
    listener = socket.create_server(("127.0.0.1", 0))
    kept = []

    def work():
        while True:
            try:
                s = listener.accept()[0]
            except OSError:
                return
            s.recv(65536)
            s.sendall(answer)
            if hold:
                kept.append(s)
            else:
                s.close()
    threading.Thread(target=work, daemon=True).start()
    return listener, "127.0.0.1:%d" % listener.getsockname()[1]


@pytest.mark.parametrize("answer, code, why", [
    (b"SSH-2.0-OpenSSH_9.2\r\n", EXIT_NOBODY, "does not speak HTTP"),
    (b"", EXIT_NOBODY, "without an answer"),
    (b"HTTP/1.1 200 OK\r\n", EXIT_NOBODY, "broke off"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}", EXIT_NOBODY, "broke off"),
    (b"HTTP/1.1 200 OK\r\n\r\n<html>", EXIT_NO, "not with JSON"),
    (b"HTTP/1.1 200 OK\r\n\r\n[1,2]", 0, "there are no proxies"),
    (b"HTTP/1.1 404 Not Found\r\n\r\n404 page not found\n", EXIT_NO, "knows no GET /v1/proxies"),
    (b"HTTP/1.1 500 Oops\r\n\r\n", EXIT_NO, "answered with status 500"),
    (b'HTTP/1.1 400 No\r\n\r\n{"error":"a \\u001b[31mred\\nword"}', EXIT_NO, "a ?[31mred?word"),
    (b'HTTP/1.1 200 OK\r\n\r\n{"proxies":[{"name":"\\u001b[2J"}]}', 0, ""),
    (b'HTTP/1.1 200 OK\r\n\r\n{"proxies":[1,null,{"faults":{"a":[[]]}}]}', 0, ""),
])
def test_a_server_that_is_none(answer, code, why):
    listener, admin = serve_once(answer)
    said = Cli(admin).run("list")
    assert said.code == code and why in said.err, said
    assert "\x1b" not in said.out + said.err
    listener.close()


@pytest.mark.timeout(60)
def test_a_server_that_says_nothing():
    listener, admin = serve_once(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{", hold=True)
    said = Cli(admin).run("list")
    assert said.code == EXIT_NOBODY and "within 10 s" in said.err
    listener.close()


# --- usage ---

@pytest.mark.parametrize("words, why", [
    (["lst"], "did you mean 'list'?"),
    (["fault", "ad"], "did you mean 'add'?"),
    (["host", "x"], "unknown word 'x'"),
    (["serve", "--lissen", "x"], "deadpeer serve: unrecognized option '--lissen'"),
    (["show"], "expected PROXY"),
    (["show", "a", "b"], "unexpected 'b'"),
    (["show", ""], "expected PROXY"),
    (["list", "--jsn"], "unrecognized option '--jsn'"),
    (["list", "--admin"], "requires an argument"),
    (["list", "--admin", "nowhere"], "--admin: expected"),
    (["kill", "1", "--how", "gently"], "expected one of fin, rst, silent"),
    (["wait", "godot"], "expected one of opened"),
    (["wait", "closed", "--timeout", "5"], "--timeout: expected a duration with a unit"),
    (["create", "p", "-u", "builtin:echo"], "--listen ADDR is missing"),
    (["create", "p", "-l", ":0", "-u", "builtin:echo", "x"], "expected KEY=VALUE"),
    (["create", "p", "-l", ":0", "-u", "builtin:echo", "--fault", "=5"], "--fault: expected"),
    (["fault", "add", "p"], "expected PROXY TYPE"),
    (["fault", "add", "p", "delay=5s"], "expected PROXY TYPE"),
    (["fault", "add", "p", "hang", "delay"], "expected KEY=VALUE"),
    (["fault", "add", "p", "hang", "delay=1s", "delay=2s"], "delay is given twice"),
    (["heal", "p", "--all"], "expected a PROXY or --all, got both"),
    (["heal", "p", "q"], "unexpected 'q'"),
    (["list", "--admin", "https://localhost:8474"], "speaks no TLS"),
    (["--host", "127.0.0.1:1"], "no command '--host'"),
    (["toxic", "add", "p"], "--type TYPE is missing"),
    (["toxic", "add", "p", "-t", "latency", "-a", "x"], "--attribute: expected KEY=VALUE"),
    (["toxic", "add", "p", "-t", "latency", "-u", "-d"], "got both"),
    (["toxic", "update", "p", "-n", "x", "--toxicity", "most"], "--toxicity: expected a number"),
    (["--json"], "no command '--json'"),
])
def test_wrong_usage(words, why):
    assert why in Cli("127.0.0.1:1").refused(*words, code=EXIT_USAGE)


def commands():
    said = Cli()("--help").out
    block = said.split("partition.\n\n")[1].split("\n\n  --version")[0]
    every = [re.match(r"  ((?:[a-z-]+ ?)+)", line)[1].strip() for line in block.splitlines()
             if line.startswith("  ")]
    assert len(re.findall(r"^\S.*:$", block, re.M)) == 2, "what runs already, toxiproxy-cli's words"
    every.remove("toxiproxy-server")  # speaks as that program does
    assert "toxiproxy-cli" in every
    return every


def test_every_command_has_help_and_an_example():
    assert len(commands()) > 30
    for name in commands():
        for flag in ("--help", "-h"):
            said = Cli()(*name.split(), flag)
            assert said.out.startswith(f"usage: deadpeer {name}"), said
            assert "Example" in said.out and "Exit status:" in said.out
        assert max(map(len, said.lines)) <= 120, name


def test_check_in_json(tmp_path):
    ini = tmp_path / "d.ini"
    ini.write_text("[proxy a]\nlisten = 127.0.0.1:0\nupstream = builtin:echo\n")
    for words in (["check", ini, "--json"], ["check", "--json", ini], ["--json", "check", ini]):
        assert Cli()(*words).json == {"file": str(ini), "right": True, "errors": [], "proxies": 1,
                                      "faults": 0, "steps": 0, "expectations": 0}
    ini.write_text("[proxy a]\nlisten = nowhere\nupstram = x\n")
    plain, said = Cli().run("check", ini), Cli().run("check", ini, "--json")
    assert (said.code, plain.code, said.err, plain.out) == (EXIT_USAGE, EXIT_USAGE, "", "")
    assert not said.json["right"] and said.json["errors"] == plain.err.splitlines()
    assert len(said.json["errors"]) > 1
    odd = os.fsencode(tmp_path) + b"/\xff.ini"
    with open(odd, "wb") as f:
        f.write(b"[proxy a]\nlisten = \xfe\nupstream = builtin:echo\n")
    done = subprocess.run([BINARY, "check", "--json", odd], capture_output=True, check=False,
                          timeout=20)
    assert done.returncode == EXIT_USAGE and json.loads(done.stdout)["file"].endswith("/?.ini")
    assert json.loads(done.stdout)["errors"]


def test_help_of_a_command_by_the_word_help():
    for name in ("list", "fault add", "doctor", "fault"):
        assert Cli()("help", *name.split()).out == Cli()(*name.split(), "--help").out
    assert "no command 'lst' (did you mean 'list'?)" in Cli().refused("help", "lst", code=EXIT_USAGE)
    assert "no command 'x'" in Cli().refused("help", "fault", "add", "x", code=EXIT_USAGE)


def test_examples_are_right_usage():
    """None of them is refused before the server is asked: nobody is there, and that is all."""
    local = ("serve", "toxiproxy-cli", "check", "demo", "run", "predict", "doctor", "completion",
             "fault types")
    for name in commands():
        if name in local:
            continue
        example = re.search(r"^Example:  (deadpeer .*)$", Cli()(*name.split(), "-h").out, re.M)[1]
        if name == "top":
            continue
        assert example.startswith(f"deadpeer {name}"), example
        done = subprocess.run(["sh", "-c", example.replace("deadpeer", BINARY, 1)],
                              env={"DEADPEER_ADMIN": "127.0.0.1:1"}, capture_output=True,
                              text=True, check=False, timeout=20)
        assert done.returncode == EXIT_NOBODY, (example, done)


@pytest.mark.parametrize("words", ["predict", "predict --schedule --death reboot", "doctor",
                                   "fault types", "fault types reboot", "--help", "run --help"])
def test_no_line_ends_in_blanks(words):
    """They break at the window's edge, and are copied into tickets."""
    said = Cli().run(*words.split())
    assert said.code in (0, 1) and said.out
    assert [line for line in said.out.splitlines() if line != line.rstrip()] == []


def test_a_full_disk_is_an_error(cli):
    create(cli)
    for words in (["list"], ["list", "--json"], ["events"], ["version"], ["list", "-q"], ["help"],
                  ["--version"], ["fault", "--help"], ["list", "--help"], ["serve", "--help"],
                  ["toxiproxy-cli", "--version"], ["toxiproxy-cli", "help"]):
        with open("/dev/full", "w", encoding="ascii") as full:
            said = cli.run(*words, stdout=full)
        assert said.code == EXIT_NO and "No space left" in said.err, (words, said)


def on_terminal(cli, *words, **env):
    master, slave = pty.openpty()
    done = subprocess.Popen([BINARY, *words], stdout=slave, stdin=slave, stderr=slave,
                            env={**cli.env, "TERM": "xterm", **env})
    os.close(slave)
    text = b""
    while True:
        try:
            more = os.read(master, 65536)
        except OSError:
            break
        if not more:
            break
        text += more
    os.close(master)
    assert done.wait(20) == 0
    return text.decode()


def test_columns_stand_below_each_other(cli, api):
    """By cells, not by bytes: Toxiproxy's names may be anything."""
    for name in ("plain", "ein Köder für Ä", "a/b", "データベース", "수", "💀", "e\u0301"):
        api.proxy(name)
    lines = cli("list").lines
    assert {cells(line.split("127.0.0.1:")[0]) for line in lines[1:]} == \
        {lines[0].index("LISTEN")}


def test_color_only_on_a_terminal(cli):
    create(cli)
    assert "\x1b" not in cli("list").out
    assert on_terminal(cli, "list").startswith("\x1b[1mPROXY")
    assert "\x1b" not in on_terminal(cli, "list", NO_COLOR="1")
    assert "\x1b" not in on_terminal(cli, "list", TERM="dumb")
    assert "\x1b" not in on_terminal(cli, "list", "--json")
