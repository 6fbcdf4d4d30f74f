"""make install and make uninstall, into a folder; the systemd unit, as systemd reads it."""
import os
import shutil
import subprocess

import pytest

from api import BINARY

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))

ALWAYS = {"bin/deadpeer", "share/man/man1/deadpeer.1", "share/man/man5/deadpeer.ini.5",
          "share/man/man5/deadpeer-scenario.5",
          "share/bash-completion/completions/deadpeer", "share/zsh/site-functions/_deadpeer",
          "share/fish/vendor_completions.d/deadpeer.fish"}
NAMES = {"bin/toxiproxy-server", "bin/toxiproxy-cli"}


def make(target, root, *variables):
    """Of the program under test, which is not built again."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k != "MFLAGS"}
    done = subprocess.run(["make", "-s", "-o", BINARY, target, f"BUILD={os.path.dirname(BINARY)}",
                           f"DESTDIR={root}", *variables], cwd=TOP, env=env, capture_output=True,
                          text=True, check=False, timeout=50)
    assert (done.returncode, done.stderr) == (0, ""), done


def files(folder):
    return {os.path.relpath(os.path.join(path, name), folder)
            for path, _, names in os.walk(folder) for name in names}


@pytest.mark.parametrize("prefix", ["/usr/local", "/opt/dead"])
def test_install_and_uninstall(tmp_path, prefix):
    variables = [] if prefix == "/usr/local" else [f"PREFIX={prefix}"]
    there = f"{tmp_path}{prefix}"
    make("install", tmp_path, *variables)
    assert files(tmp_path) == {f"{prefix[1:]}/{name}" for name in ALWAYS}
    for name, mode in (("bin/deadpeer", 0o755), ("share/man/man1/deadpeer.1", 0o644)):
        assert os.stat(f"{there}/{name}").st_mode & 0o777 == mode
    for shell, name in (("bash", "bash-completion/completions/deadpeer"),
                        ("zsh", "zsh/site-functions/_deadpeer"),
                        ("fish", "fish/vendor_completions.d/deadpeer.fish")):
        said = subprocess.run([f"{there}/bin/deadpeer", "completion", shell], capture_output=True,
                              text=True, check=True, timeout=20).stdout
        with open(f"{there}/share/{name}", encoding="utf-8") as f:
            assert said and f.read() == said
    make("install", tmp_path, "TOXIPROXY_COMPAT=yes", *variables)
    make("install", tmp_path, "TOXIPROXY_COMPAT=yes", *variables)  # once more is no error
    assert files(there) == ALWAYS | NAMES
    for name in NAMES:
        said = subprocess.run([f"{there}/{name}", "--version"], capture_output=True, text=True,
                              check=True, timeout=20).stdout
        assert said.startswith(f"{os.path.basename(name)} version 2.")
    make("uninstall", tmp_path, *variables)
    assert files(tmp_path) == set()
    make("uninstall", tmp_path, *variables)


def test_toxiproxys_own_programs_stay(tmp_path):
    for name in NAMES:
        path = tmp_path / "usr/local" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("its own")
    make("install", tmp_path)
    make("uninstall", tmp_path)
    assert files(tmp_path) == {f"usr/local/{name}" for name in NAMES}
    assert all((tmp_path / "usr/local" / name).read_text() == "its own" for name in NAMES)


def test_the_systemd_unit(tmp_path):
    """In a root of its own, with stubs for what systemd adds to every service."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    units = tmp_path / "etc/systemd/system"
    units.mkdir(parents=True)
    for name in ("sysinit", "basic", "shutdown", "network-online", "multi-user"):
        (units / f"{name}.target").write_text("[Unit]\nDescription=stub\n")
    (units / "system.slice").write_text("[Unit]\nDescription=stub\n")
    for name in ("bin/kill", "usr/local/bin/deadpeer"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    shutil.copy(f"{TOP}/config/systemd/deadpeer.service", units)
    done = subprocess.run(["systemd-analyze", "verify", f"--root={tmp_path}", "--man=no",
                           "deadpeer.service"], capture_output=True, text=True, check=False,
                          timeout=30)
    if "--root" in done.stderr and done.returncode:
        pytest.skip("this systemd-analyze verifies in no root of its own")
    assert (done.returncode, done.stderr) == (0, ""), done
