"""Scripts of toxiproxy-cli: its commands as deadpeer's, and deadpeer called by that name."""
import os
import subprocess

import pytest

from api import BINARY
from command import EXIT_NO, EXIT_USAGE, Cli, Said


@pytest.fixture
def cli(deadpeer):
    return Cli(deadpeer.api.address)


@pytest.fixture
def toxiproxy_cli(deadpeer, tmp_path):
    """Runs a line of a script; the program is found by its name, the server by TOXIPROXY_URL."""
    os.symlink(BINARY, tmp_path / "toxiproxy-cli")
    env = {**Cli().env, "PATH": f"{tmp_path}:{os.environ['PATH']}",
           "TOXIPROXY_URL": f"http://{deadpeer.api.address}"}

    def run(line, **more):
        done = subprocess.run(["sh", "-c", f"toxiproxy-cli {line}"], env={**env, **more},
                              capture_output=True, text=True, check=False, timeout=30)
        assert "Sanitizer" not in done.stderr, done.stderr
        return Said(done.returncode, done.stdout, done.stderr)
    return run


# --- among deadpeer's own ---

def test_scripts_of_toxiproxy_cli_carry_over(cli):
    cli("create", "-l", "127.0.0.1:0", "-u", "127.0.0.1:6379", "redis")
    assert cli("toxic", "add", "-t", "latency", "-a", "latency=100", "-a", "jitter=10",
               "redis").out == \
        "Added downstream latency toxic 'latency_downstream' on proxy 'redis'\n"
    assert cli("t", "a", "redis", "--type", "limit_data", "--toxicName", "few", "--upstream",
               "--tox", "0.5", "--attribute", "bytes=10").out == \
        "Added upstream limit_data toxic 'few' on proxy 'redis'\n"
    assert cli("inspect", "redis").out == (
        "few\ttype=limit_data\tstream=upstream\ttoxicity=0.50\tattributes=[\tbytes=10\t]\n"
        "latency_downstream\ttype=latency\tstream=downstream\ttoxicity=1.00\tattributes=["
        "\tjitter=10\tlatency=100\t]\n")
    assert cli("toxic", "update", "-n", "few", "-a", "bytes=20", "redis").out == \
        "Updated toxic 'few' on proxy 'redis'\n"
    assert "toxicity=0.50\tattributes=[\tbytes=20\t]" in cli("i", "redis").out, "not reset"
    cli("toxic", "u", "-n", "few", "--toxicity", "0.25", "redis")
    assert "toxicity=0.25\tattributes=[\tbytes=20\t]" in cli("ins", "redis").out
    assert cli("toxic", "remove", "-n", "few", "redis").out == \
        "Removed toxic 'few' on proxy 'redis'\n"
    assert cli("toggle", "redis").out == "Proxy redis is now disabled\n"
    assert cli("tog", "redis").out == "Proxy redis is now enabled\n"
    assert [r["PROXY"] for r in cli("ls").table] == ["redis"]
    cli("d", "redis")
    for words in (["inspect", "redis"], ["toggle", "redis"], ["toxic", "remove", "-n", "x", "y"],
                  ["toxic", "add", "-t", "latency", "redis"]):
        assert "proxy not found" in cli.refused(*words) or "no proxy" in cli.refused(*words)


def test_a_fault_as_a_toxic(cli):
    cli("create", "p", "-l", "127.0.0.1:0", "-u", "builtin:echo")
    assert cli("toxic", "add", "p", "-t", "power_loss", "-a", "delay=1h").out == \
        "Added downstream power_loss toxic 'power_loss_downstream' on proxy 'p'\n"
    assert cli("fault", "list").table[0]["STATE"] == "waiting"
    assert cli.refused("toxic", "add", "p", "-t", "nonsense")


@pytest.mark.parametrize("form", [["--host", "{}"], ["-host", "{}"], ["--host={}"], ["-host={}"],
                                  ["-h", "{}"], ["-h={}"]])
def test_its_name_for_the_address(cli, form):
    """Before the command, as toxiproxy-cli has it; behind it, --host may be the command's own."""
    for address in (cli.env["DEADPEER_ADMIN"], f"http://{cli.env['DEADPEER_ADMIN']}/"):
        words = [word.format(address) for word in form]
        assert Cli("127.0.0.1:1")(*words, "list", "--json").json == {"proxies": []}
        assert Cli("127.0.0.1:1")("--json", *words, "list").json == {"proxies": []}
        assert Cli("127.0.0.1:1")("toxiproxy-cli", *words, "list").out == ""


def test_h_alone_is_help():
    assert Cli()("-h").out == Cli()("-h", "list").out == Cli()("--help").out
    for words in ([], ["-h"], ["--help"], ["help"], ["toxic"], ["t"]):
        assert Cli()("toxiproxy-cli", *words).out.startswith("usage: deadpeer toxiproxy-cli")


# --- by its name ---

def test_its_documented_commands(toxiproxy_cli):
    for line, said in (
            ("list", ""),
            ("create -l localhost:0 -u localhost:6379 redis", "Created new proxy redis\n"),
            ("new web --listen 127.0.0.1:0 -upstream=localhost:1", "Created new proxy web\n"),
            ("toxic add -t latency -a latency=1000 redis",
             "Added downstream latency toxic 'latency_downstream' on proxy 'redis'\n"),
            ("toxic add -type limit_data -toxicName few -u --tox=0.5 -attribute bytes=1e1 redis",
             "Added upstream limit_data toxic 'few' on proxy 'redis'\n"),
            ("toxic add -d -t reset_peer -n gone -a timeout=0100 redis",
             "Added downstream reset_peer toxic 'gone' on proxy 'redis'\n"),
            ("toxic update -n latency_downstream -a jitter=25 redis",
             "Updated toxic 'latency_downstream' on proxy 'redis'\n"),
            ("inspect redis",
             "few\ttype=limit_data\tstream=upstream\ttoxicity=0.50\tattributes=[\tbytes=10\t]\n"
             "latency_downstream\ttype=latency\tstream=downstream\ttoxicity=1.00\tattributes=["
             "\tjitter=25\tlatency=1000\t]\n"
             "gone\ttype=reset_peer\tstream=downstream\ttoxicity=1.00\tattributes=["
             "\ttimeout=100\t]\n"),
            ("t r -n gone redis", "Removed toxic 'gone' on proxy 'redis'\n"),
            ("t delete --name few redis", "Removed toxic 'few' on proxy 'redis'\n"),
            ("t d redis -n latency_downstream",
             "Removed toxic 'latency_downstream' on proxy 'redis'\n"),
            ("inspect redis", ""),
            ("toggle web", "Proxy web is now disabled\n"),
            ("d redis", "Deleted proxy redis\n")):
        done = toxiproxy_cli(line)
        assert (done.code, done.out, done.err) == (0, said, ""), (line, done)
    name, listen, *rest = toxiproxy_cli("li").out.rstrip("\n").split("\t")
    assert (name, rest) == ("web", ["localhost:1", "disabled", "0"])
    assert listen.startswith("127.0.0.1:")
    assert toxiproxy_cli("-version").out.startswith("toxiproxy-cli version 2.")


@pytest.mark.parametrize("group", ["toxic", "t"])
@pytest.mark.parametrize("words", [("add", "a"), ("update", "u"), ("remove", "r", "delete", "d")])
def test_every_alias(toxiproxy_cli, cli, group, words):
    for word in words:
        wanted = "deadpeer toxic %s:" % words[0]
        assert toxiproxy_cli(f"{group} {word}").err.startswith(wanted)
        assert cli.refused(group, word, code=EXIT_USAGE).startswith(wanted)
    for name, also in (("list", "l li ls"), ("inspect", "i ins"), ("create", "c new"),
                       ("toggle", "tog"), ("delete", "d")):
        for word in also.split():
            assert f"deadpeer {name}" in toxiproxy_cli(f"{word} --help").out


@pytest.mark.parametrize("line, code, why", [
    ("create redis", EXIT_NO, "--listen ADDR is missing"),
    ("create -l 127.0.0.1:0 redis", EXIT_NO, "--upstream ADDR is missing"),
    ("create -l 127.0.0.1:0 -u a:1 --fault hang redis", EXIT_NO, "unrecognized option"),
    ("inspect", EXIT_NO, "expected PROXY"),
    ("inspect nope", EXIT_NO, "proxy not found"),
    ("delete nope", EXIT_NO, "proxy not found"),
    ("toggle nope", EXIT_NO, "proxy not found"),
    ("toxic add nope -t latency", EXIT_NO, "proxy not found"),
    ("toxic add nope", EXIT_NO, "--type TYPE is missing"),
    ("toxic add nope -t latency -a latency=0x10", EXIT_NO, "proxy not found"),
    ("--host 127.0.0.1:1 list", EXIT_NO, "cannot reach 127.0.0.1:1"),
    ("--host https://127.0.0.1:1 list", EXIT_NO, "no TLS"),
    ("bogus", 3, "No help topic for 'bogus'"),
    ("heal", 3, "No help topic for 'heal'"),
    ("toxic bogus", 3, "No help topic for 'toxic'"),
    ("--bogus list", 3, "No help topic for '--bogus'"),
])
def test_it_fails_as_that_one_does(toxiproxy_cli, line, code, why):
    done = toxiproxy_cli(line)
    assert (done.code, done.out) == (code, "") and why in done.err, done
