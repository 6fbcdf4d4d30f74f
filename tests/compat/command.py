"""The command line as a user has it: the built program, run against a deadpeer that runs."""
import json
import os
import subprocess
import unicodedata
from dataclasses import dataclass

from api import BINARY

EXIT_DONE, EXIT_NO, EXIT_USAGE, EXIT_NOBODY = range(4)


def cells(text):
    """How many a terminal takes for it."""
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF")
               for c in text)


@dataclass
class Said:
    code: int
    out: str
    err: str

    @property
    def lines(self):
        return self.out.splitlines()

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def table(self):
        """Rows as dicts by the heads of a table whose columns are two blanks or more apart."""
        head = self.lines[0]
        heads = [h for h in head.split("  ") if h]
        starts = []
        at = 0
        for name in (h.strip() for h in heads):
            at = head.index(name, at)
            starts.append((at, name))
            at += len(name)
        ends = [s for s, _ in starts[1:]] + [None]
        return [{name: line[start:end].strip() for (start, name), end in zip(starts, ends)}
                for line in self.lines[1:] if line[:1].strip()]


class Cli:
    def __init__(self, admin=None, **env):
        self.env = {k: v for k, v in os.environ.items()
                    if k not in ("DEADPEER_ADMIN", "TOXIPROXY_URL", "DEADPEER_ADMIN_TOKEN")}
        if admin:
            self.env["DEADPEER_ADMIN"] = admin
        self.env.update(env)

    def run(self, *arguments, stdout=subprocess.PIPE, **kw):
        done = subprocess.run([BINARY, *map(str, arguments)], stdout=stdout,
                              stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
                              timeout=30, env=self.env, check=False, **kw)
        assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
        return Said(done.returncode, done.stdout or "", done.stderr)

    def start(self, *arguments, **kw):
        return subprocess.Popen([BINARY, *map(str, arguments)], env=self.env, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, **kw)

    def __call__(self, *arguments):
        """One that is to succeed, and has nothing to complain about."""
        said = self.run(*arguments)
        assert said.code == EXIT_DONE and said.err == "", said
        return said

    def refused(self, *arguments, code=EXIT_NO):
        """One that is to fail: what it says about that, all of it on stderr."""
        said = self.run(*arguments)
        assert said.code == code and said.out == "", said
        assert said.err.startswith("deadpeer"), said
        return said.err
