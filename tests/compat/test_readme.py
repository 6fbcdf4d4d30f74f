"""Each difference from Toxiproxy that README.md tells is shown by tests, and each of these exists; the
examples are listed; the commands are right."""
import glob
import os
import re
import shlex
import subprocess

from api import BINARY

HERE = os.path.dirname(os.path.abspath(__file__))

# What the row says of Toxiproxy begins with this: the tests that show what is here.
SHOWN = {
    "a config file that is wrong": ["test_a_wrong_config_is_an_error"],
    "toxics cannot be in the config file": ["test_config", "test_proxies_may_come_with_their_toxics"],
    "without its API port": ["test_a_port_in_use_ends_it"],
    "`-seed` has no effect": ["test_a_seed_repeats_the_run"],
    "its own log lines": ["test_its_log_is_json_on_stdout", "test_log_level"],
    "`-proxy-metrics` and": ["test_flags_in_every_form"],
    "the counters of": ["test_bytes_and_sessions_are_live"],
    "any Host and Origin": ["test_host", "test_origin", "test_it_may_listen_everywhere",
                            "test_on_loopback_the_name_must_be_local"],
    "nobody can be asked": ["test_a_token_closes_it"],
    "numbers are not checked": ["test_values_that_kill_toxiproxy", "test_bad_toxics",
                                "test_extreme_values_are_refused_or_harmless", "test_int_max_is_never"],
    "`toxiproxy-cli toxic update`": ["test_scripts_of_toxiproxy_cli_carry_over"],
    "`upstream` is not looked at": ["test_an_update_that_fails_changes_nothing"],
    "any number of": ["test_what_would_take_too_long_is_refused"],
    "any name;": ["test_proxy_names_are_free", "test_names_that_are_refused_here"],
    "`stream` is told": ["test_what_a_toxic_may_say"],
    "an update that fails": ["test_an_update_that_fails_changes_nothing"],
    "`/populate` stops": ["test_populate_is_all_or_nothing"],
    "`/populate` leaves": ["test_populate_honours_enabled"],
    "`/populate` drops": ["test_populate_everywhere_keeps_its_toxics"],
    "`/reset` that fails": ["test_a_reset_that_fails_changes_nothing"],
    "a client's FIN": ["test_half_close_is_carried"],
    "RST of one end": ["test_a_reset_is_carried"],
    "where the upstream refuses": ["test_an_upstream_that_is_not_there"],
    "requests of any size": ["test_limits"],
    "what is queued": ["test_two_latencies_add_up"],
    "an update, or another": ["test_an_update_keeps_what_waits_and_its_time",
                              "test_an_update_of_another_toxic_changes_nothing"],
    "toxicity is drawn again": ["test_toxicity_is_drawn_once"],
    "`reset_peer` waits": ["test_reset_peer_resets_an_idle_connection"],
    "`reset_peer` of toxicity 0": ["test_toxicity_0_resets_nobody"],
    "`reset_peer` that waits": ["test_reset_peer_that_waits_can_be_removed"],
    "`timeout`'s clock": ["test_timeout"],
    "removing `timeout`": ["test_timeout_0_drops_until_it_is_removed"],
    "a connection takes": ["test_latency_takes_no_more_than_its_buffer"],
    "the API is frozen": ["test_all_clients_reset_while_the_toxic_is_deleted"],
    "an upstream that does not": ["test_an_upstream_that_is_a_black_hole"],
}


def read(*path):
    with open(os.path.join(HERE, *path), encoding="utf-8") as f:
        return f.read()


def test_every_difference_is_shown():
    table = re.search(r"<!-- differences -->\n(.*?)<!-- /differences -->",
                      read("..", "..", "README.md"), re.S).group(1)
    rows = re.findall(r"^\| (.*?) \| .* \|$", table, re.M)[1:]
    assert len(rows) == len(SHOWN)
    for row, told in zip(rows, SHOWN):
        assert row.startswith(told)
    there = set()
    for path in glob.glob(os.path.join(HERE, "test_*.py")):
        there |= set(re.findall(r"^def (test_\w+)", read(os.path.basename(path)), re.M))
    assert {t for tests in SHOWN.values() for t in tests} <= there


def test_every_example_is_listed():
    there = {os.path.basename(path) for path in
             glob.glob(os.path.join(HERE, "..", "..", "config", "examples", "*.ini"))}
    assert set(re.findall(r"\(config/examples/([^)]+\.ini)\)", read("..", "..", "README.md"))) == there


def console_lines():
    return [line for block in re.findall(r"^```console\n(.*?)^```", read("..", "..", "README.md"),
                                         re.M | re.S)
            for line in re.findall(r"^\$ (.*)$", block, re.M)]


def test_the_scenarios_are_right(tmp_path):
    """Its own is there as README.md has it; what they expect, and where, is as told."""
    text = read("..", "..", "README.md")
    ini = re.search(r"`survive.ini`:\n\n```ini\n(.*?)^```", text, re.M | re.S).group(1)
    (tmp_path / "survive.ini").write_text(ini)
    (tmp_path / "config").symlink_to(os.path.join(HERE, "..", "..", "config"))
    ran = [shlex.split(line)[1:] for line in console_lines() if re.match(r"\./deadpeer run ", line)]
    assert len(ran) == 2
    for words in ran:
        words.insert(words.index("--"), "--dry-run")
        done = subprocess.run([BINARY, *words], cwd=tmp_path, timeout=20, capture_output=True,
                              text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), done
    told = re.findall(r"^  (\w+): [^;]*;[^;]*;\s+survive\.ini:(\d+)\)", text, re.M)
    assert told, "no message of an expectation"
    for said, line in told:
        assert ini.splitlines()[int(line) - 1].startswith(f"{said} = "), (line, said)
    names = glob.glob(os.path.join(HERE, "..", "..", "config", "scenarios", "*.ini"))
    assert len(names) >= 20 and "has twenty to begin with" in text


def test_the_commands_are_right():
    """Those that ask a running deadpeer get as far as asking: nobody is there."""
    told = set()
    for line in console_lines():
        told |= {tuple(shlex.split(part, comments=True)[1:]) for part in line.split("; ")
                 if re.match(r"(\./)?deadpeer (?!serve|run)", part)}
    assert {words[0] for words in told} >= {"create", "fault", "wait", "sessions", "events", "heal"}
    for words in told - {("top",)}:
        done = subprocess.run([BINARY, *words], env={"DEADPEER_ADMIN": "127.0.0.1:1"}, timeout=20,
                              capture_output=True, text=True, check=False)
        assert done.returncode == 3, (words, done)
