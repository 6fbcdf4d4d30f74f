"""deadpeer top on a pseudo-terminal: what a person sees, how it ends, what it leaves behind."""
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading

import pytest

from api import BINARY, dial, echoes, wait_until
from command import EXIT_NOBODY, EXIT_USAGE, Cli, cells

ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"


def own_terminal():
    """stdin is the terminal that keys and resizing send their signals from (credentials(7))."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """A program on a terminal of so many rows and columns, and what is on its screen."""

    def __init__(self, cli, *words, rows=30, columns=140, **env):
        self.master, slave = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(slave)
        self.process = subprocess.Popen([BINARY, *words], stdin=slave, stdout=slave,
                                        stderr=subprocess.PIPE, start_new_session=True,
                                        preexec_fn=own_terminal,
                                        env={**cli.env, "TERM": "xterm", **env})
        self.slave, self.raw = slave, b""
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        while True:
            try:
                more = os.read(self.master, 65536)
            except OSError:
                return
            self.raw += more

    def resize(self, rows, columns):
        self.rows, self.columns = rows, columns
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    @property
    def text(self):
        return self.raw.decode(errors="replace")

    @property
    def screen(self):
        """The lines of the last whole frame, without what colors them."""
        frames = re.findall(r"\x1b\[H(.*?)\x1b\[J", self.text, re.S)
        plain = re.sub(r"\x1b\[[0-9;]*[mK]", "", frames[-1]) if frames else ""
        assert "\x1b" not in plain
        return plain.split("\r\n") if plain else []

    def shows(self, pattern):
        return wait_until(lambda: re.search(pattern, "\n".join(self.screen), re.M),
                          what=f"{pattern} on the screen")

    def frames(self):
        return self.text.count("\x1b[H")

    def press(self, keys):
        os.write(self.master, keys.encode())

    def end(self):
        """Its exit status; the terminal must be as it was."""
        status = self.process.wait(20)
        wait_until(lambda: LEAVE in self.text, what="the screen given back")
        assert termios.tcgetattr(self.slave) == self.before
        assert self.text.rstrip().endswith("\x1b[?25h" + LEAVE)
        err = self.process.stderr.read().decode()
        assert err == "", err
        os.close(self.slave)
        return status


@pytest.fixture
def cli(deadpeer):
    cli = Cli(deadpeer.api.address)
    cli("create", "redis", "-l", "127.0.0.1:0", "-u", "builtin:echo")
    return cli


@pytest.fixture
def top(cli):
    t = Terminal(cli, "top", "--interval", "100ms")
    yield t
    if t.process.poll() is None:
        t.process.kill()
        t.process.wait()


def test_all_of_it_live(cli, top):
    top.shows(r"^deadpeer 127\.0\.0\.1:\d+  [\d:]{8}  1 proxy, 0 sessions, 0 faults  \(q: quit\)")
    top.shows(r"^redis +127\.0\.0\.1:\d+ +builtin:echo +open +0 ")
    assert ENTER in top.text
    s = dial(cli("show", "redis", "--json").json["listen"])
    assert echoes(s)
    top.shows(r"1 session,")
    top.shows(r"^\d+ +redis +127\.0\.0\.1:%d +open " % s.getsockname()[1])
    cli("fault", "add", "redis", "hang", "duration=1h")
    top.shows(r"^hang-1 +hang +active +(1h|59m)")
    top.shows(r"^ *\d+  [\d:.]+  fault\.fired +.*fault=hang-1")
    cli("heal", "--all")
    top.shows(r"0 faults")
    wait_until(lambda: "hang-1  " not in "\n".join(line for line in top.screen
                                                   if "fault." not in line))
    top.press("q")
    assert top.end() == 0


def test_rates(cli, top):
    s = dial(cli("show", "redis", "--json").json["listen"])

    def moving():
        assert echoes(s, b"x" * 4096)
        return re.search(r"^redis .*?\d(KiB|MiB)/s +[\d.]+(KiB|MiB)/s", "\n".join(top.screen), re.M)
    wait_until(moving, what="a rate")
    top.shows(r"^redis .* 0B/s +0B/s")


@pytest.mark.parametrize("how", ["q", "Q", "\x03", "\x1c", signal.SIGINT, signal.SIGTERM,
                                 signal.SIGHUP, signal.SIGQUIT])
def test_every_way_to_end_it(top, how):
    top.shows("redis")
    if isinstance(how, str):  # ^C and ^\\ are the terminal's own affair
        top.press(how)
    else:
        top.process.send_signal(how)
    assert top.end() == 0


@pytest.mark.parametrize("rows, columns", [(24, 80), (10, 40), (3, 20), (1, 5), (60, 200)])
def test_no_line_is_too_long_and_none_too_many(cli, api, rows, columns):
    for i in range(12):
        cli("create", f"a-rather-long-name-{i}", "-l", "127.0.0.1:0", "-u", "builtin:echo", "-q")
        cli("fault", "add", f"a-rather-long-name-{i}", "noop", "-q")
    api.proxy("データ" * 20)
    t = Terminal(cli, "top", "--interval", "100ms", rows=rows, columns=columns)
    wait_until(lambda: t.frames() > 2)
    assert 1 <= len(t.screen) <= rows
    for line in t.screen:
        assert cells(line) <= columns, line
    if rows == 24:
        t.shows(r"^\.\.\. 6 more")
    t.resize(50, 150)
    t.shows(r"^a-rather-long-name-11 ")
    t.press("q")
    assert t.end() == 0


def test_a_key_looks_at_once(cli):
    t = Terminal(cli, "top", "--interval", "1h")
    t.shows("redis")
    cli("create", "new", "-l", "127.0.0.1:0", "-u", "builtin:echo")
    t.press(" ")
    t.shows("^new ")
    t.press("q")
    assert t.end() == 0


def test_color(cli, top):
    top.shows("redis")
    assert "\x1b[1mPROXY" in top.text
    plain = Terminal(cli, "top", NO_COLOR="1")
    plain.shows("redis")
    assert not re.search(r"\x1b\[[0-9;]*m", plain.text)
    plain.press("q")
    assert plain.end() == 0


def test_a_server_that_goes_away(deadpeer, top):
    top.shows("redis")
    deadpeer.stop()
    top.shows(r"^cannot reach 127\.0\.0\.1:\d+: Connection refused")
    top.shows(r"^redis ")
    top.shows(r"^ *\d+  [\d:.]+  proxy\.up +proxy=redis")
    address = deadpeer.api.address
    deadpeer.arguments[deadpeer.arguments.index("--admin") + 1] = address
    deadpeer.start()  # which counts its events from 1 again
    wait_until(lambda: "proxy=redis" not in (shown := "\n".join(top.screen)) and
               "deadpeer.ready" in shown, what="its events, and none of the other one's")
    top.press("q")
    assert top.end() == 0


def test_ctrl_z_does_not_leave_a_screen_behind(top):
    top.shows("redis")
    top.press("\x1a")  # a key as any other
    frames = top.frames()
    wait_until(lambda: top.frames() > frames + 2)
    top.press("q")
    assert top.end() == 0


def test_a_terminal_that_goes_away(cli):
    t = Terminal(cli, "top")
    t.shows("redis")
    os.close(t.slave)
    os.close(t.master)
    assert t.process.wait(20) in (0, 1)


def test_where_it_cannot_be(cli):
    assert "this is no terminal" in cli.refused("top", code=EXIT_USAGE)
    plain = Terminal(cli, "top", TERM="dumb")
    assert plain.process.wait(20) == EXIT_USAGE
    assert "TERM=dumb" in plain.process.stderr.read().decode() and not plain.raw
    assert "100ms or more" in cli.refused("top", "--interval", "1ms", code=EXIT_USAGE)
    assert "--interval: expected" in cli.refused("top", "--interval", "soon", code=EXIT_USAGE)
    assert "it is for people" in cli.refused("top", "--json", code=EXIT_USAGE)
    master, slave = pty.openpty()
    done = subprocess.run([BINARY, "top", "--admin", "127.0.0.1:1"], stdin=slave, stdout=slave,
                          stderr=subprocess.PIPE, text=True, check=False, timeout=20)
    os.close(slave)
    os.close(master)
    assert done.returncode == EXIT_NOBODY and "cannot reach" in done.stderr
