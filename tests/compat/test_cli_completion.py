"""Completion: what the program offers, and the shells that ask it."""
import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import termios
import threading

import pytest

from api import BINARY, wait_until
from command import EXIT_USAGE, Cli


def words(cli, *typed):
    """{word: help} for a command line; its last word is being typed."""
    return dict((line.split("\t") + [""])[:2]
                for line in cli("completion", "words", "--", *typed).lines)


@pytest.fixture
def cli(deadpeer):
    cli = Cli(deadpeer.api.address)
    for name in ("alpha", "beta"):
        cli("create", name, "-l", "127.0.0.1:0", "-u", "builtin:echo")
    cli("fault", "add", "alpha", "noop", "--name", "nothing")
    return cli


NOBODY = Cli("127.0.0.1:1")

# What is typed, and what must be among what is offered.
TYPED = [
    ((""), {"list", "serve", "fault", "host", "toxic"}),
    (("fa"), {"fault"}),
    (("fault", ""), {"add", "set", "rm", "list", "show", "types"}),
    (("fault", "a"), {"add"}),
    (("fault", "add", "p", "pow"), {"power_loss"}),
    (("fault", "add", "p", "power_loss", "del"), {"delay="}),
    (("fault", "add", "p", "latency", ""), {"latency=", "jitter=", "toxicity=", "duration="}),
    (("fault", "types", "ha"), {"hang"}),
    (("kill", "1", "--how", ""), {"fin", "rst", "silent"}),
    (("kill", "--h"), {"--how", "--help"}),
    (("--json", "kill", "--how", "s"), {"silent"}),
    (("wait", "c"), {"closed", "connected"}),
    (("create", "p", "max"), {"max_sessions="}),
    (("serve", "--listen", "x", "--ups"), {"--upstream"}),
    (("run", "--up"), {"--upstream"}),
    (("predict", "--keep-i"), {"--keep-idle", "--keep-interval"}),
    (("completion", ""), {"bash", "zsh", "fish"}),
    (("toxic", "add", "p", "-t", "lat"), {"latency"}),
]


@pytest.mark.parametrize("typed, offered", TYPED)
def test_words_of_the_tables(typed, offered):
    typed = (typed,) if isinstance(typed, str) else typed
    got = set(words(NOBODY, *typed))
    assert offered <= got
    assert all(word.startswith(typed[-1]) for word in got)


def test_each_word_once_and_with_help():
    said = NOBODY("completion", "words", "--", "").lines
    assert len(said) == len({line.split("\t")[0] for line in said})
    assert all("\t" in line for line in said)


def test_names_of_what_runs(cli):
    assert set(words(cli, "show", "")) == {"alpha", "beta"}
    assert set(words(cli, "show", "b")) == {"beta"}
    assert set(words(cli, "fault", "rm", "")) == {"nothing"}
    assert set(words(cli, "wait", "fired", "--fault", "")) == {"nothing"}
    assert set(words(cli, "sessions", "--proxy", "al")) == {"alpha"}
    admin = cli.env["DEADPEER_ADMIN"]
    assert set(words(Cli("127.0.0.1:1"), "--admin", admin, "delete", "")) == {"alpha", "beta"}
    assert words(NOBODY, "show", "") == {}


def test_nothing_for_what_is_nothing():
    assert words(NOBODY, "serve", "-c", "") == {}
    assert words(NOBODY, "nonsense", "-") == words(NOBODY, "-")
    assert words(NOBODY) == words(NOBODY, "")


def test_usage():
    for wrong in ([], ["tcsh"], ["bash", "zsh"], ["words"]):
        assert "expected bash, zsh or fish" in NOBODY.refused("completion", *wrong,
                                                              code=EXIT_USAGE)


# --- the shells ---

BASH = """
source <(deadpeer completion bash)
complete -p deadpeer >/dev/null || exit 9
COMP_LINE="$1" COMP_POINT=${#1}
_deadpeer
printf '%s\\n' "${COMPREPLY[@]}"
"""

# The real compadd works inside of the line editor alone.
ZSH = """
autoload -Uz compinit && compinit -D -u
source <(deadpeer completion zsh)
[[ ${_comps[deadpeer]} == _deadpeer ]] || exit 9
compadd() { print -l -- "${(@P)@[-1]}" }
_files() { }
words=(${=1}) && [[ $1 == *' ' ]] && words+=('')
CURRENT=$#words
_deadpeer
"""

FISH = """
deadpeer completion fish | source
complete -C $argv[1] | string replace -r '\\t.*' ''; or true
"""


def ask(shell, line, admin):
    """What the shell offers for the line."""
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    env = {**os.environ, "PATH": os.path.dirname(BINARY) + ":" + os.environ["PATH"],
           "DEADPEER_ADMIN": admin, "HOME": "/nonexistent"}
    command = {"bash": ["bash", "--norc", "-c", BASH, "bash", line],
               "zsh": ["zsh", "-f", "-c", ZSH, "zsh", line],
               "fish": ["fish", "--no-config", "-c", FISH, line]}[shell]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done
    return set(done.stdout.split())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize("line, offered", [
    ("deadpeer fau", {"fault"}),
    ("deadpeer fault add alpha power_lo", {"power_loss"}),
    ("deadpeer fault add alpha latency jit", {"jitter="}),
    ("deadpeer kill 1 --how ", {"fin", "rst", "silent"}),
    ("deadpeer show ", {"alpha", "beta"}),
])
def test_shells(cli, shell, line, offered):
    assert ask(shell, line, cli.env["DEADPEER_ADMIN"]) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_address_of_the_line_is_asked(cli, shell):
    line = f"deadpeer --admin {cli.env['DEADPEER_ADMIN']} delete al"
    assert ask(shell, line, "127.0.0.1:1") == {"alpha"}


# --- a person who presses Tab ---

PROMPT = "READY> "

# What each shell is told before: where completion comes from, and a prompt to wait for.
INTERACTIVE = {
    "bash": (["bash", "--norc", "--noprofile", "-i"],
             "bind 'set bell-style none'; source <(deadpeer completion bash); PS1='READY''> '"),
    "zsh": (["zsh", "-f", "-i"],
            "autoload -Uz compinit && compinit -D -u; source <(deadpeer completion zsh); "
            "unsetopt zle_bracketed_paste prompt_sp; PROMPT='READY''> '"),
    "fish": (["fish", "--no-config", "-i"],
             "deadpeer completion fish | source; function fish_prompt; echo -n 'READY''> '; end"),
}


class Shell:
    """An interactive shell on a terminal of its own."""

    def __init__(self, shell, env):
        self.arguments, setup = INTERACTIVE[shell]
        self.master, slave = pty.openpty()
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
        self.process = subprocess.Popen(
            self.arguments, stdin=slave, stdout=slave, stderr=slave, env=env,
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        self.raw = b""
        threading.Thread(target=self._read, daemon=True).start()
        self.press(setup + "\r")
        wait_until(lambda: PROMPT in self.text, 20, "the prompt")

    def _read(self):
        while True:
            try:
                more = os.read(self.master, 65536)
            except OSError:
                return
            if not more:
                return
            self.raw += more

    @property
    def text(self):
        return re.sub(r"\x1b(\[[0-9;?>=]*[A-Za-z]|[()][A-Z0-9]|[=>])|\x1b\][^\x07]*\x07", "",
                      self.raw.decode(errors="replace"))

    def press(self, keys):
        os.write(self.master, keys.encode())

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.master)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_tab(cli, tmp_path, shell):
    """One word that fits is typed out, whole; and a key stays open for its value."""
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    s = Shell(shell, {**os.environ, "PATH": os.path.dirname(BINARY) + ":" + os.environ["PATH"],
                      "DEADPEER_ADMIN": cli.env["DEADPEER_ADMIN"], "HOME": str(tmp_path),
                      "TERM": "xterm", "HISTFILE": ""})
    try:
        s.press("deadpeer fault add alp\t")
        wait_until(lambda: "alpha" in s.text.split(PROMPT)[-1], 20, "a name")
        s.press("power_lo\t")
        wait_until(lambda: "power_loss" in s.text.split(PROMPT)[-1], 20, "a type")
        s.press("dela\t")
        wait_until(lambda: "delay=" in s.text.split(PROMPT)[-1], 20, "a key")
        s.press("1h\r")
        wait_until(lambda: cli.run("fault", "show", "power_loss-1").code == 0, 20, "the fault")
        assert cli("fault", "show", "power_loss-1", "--json").json["values"] == {"delay": "1h"}
    finally:
        s.close()
