"""Real programs through deadpeer, on loopback. A server is started once for the tests of its file."""
import os
import subprocess

import pytest

import programs
from relay import Deadpeer
from survive import CLIENTS


def pytest_configure(config):
    for mark in ("heavy: needs the machine for itself", "long: make test-long"):
        config.addinivalue_line("markers", mark)


def fixture_of(kind):
    @pytest.fixture(scope="module", name=kind.__name__.lower())
    def started():
        one = kind()
        yield one
        one.close()
    return started


redis = fixture_of(programs.Redis)
postgres = fixture_of(programs.Postgres)
nginx = fixture_of(programs.Nginx)
sshd = fixture_of(programs.Sshd)


@pytest.fixture(scope="module")
def subscriber(tmp_path_factory):
    """The client in clients/subscriber.c."""
    program = str(tmp_path_factory.mktemp("subscriber") / "subscriber")
    subprocess.run([programs.need("gcc"), "-O1", "-o", program, os.path.join(CLIENTS, "subscriber.c"),
                    "-lhiredis"], check=True, timeout=60)
    return program


@pytest.fixture
def start():
    """start(command, ...) runs a client, which is killed when the test ends."""
    clients = []

    def run(command, **more):
        clients.append(programs.Client(command, **more))
        return clients[-1]
    yield run
    for client in clients:
        client.close()


@pytest.fixture
def between(tmp_path):
    """between(server) is a running deadpeer in front of it; more servers by name."""
    running = []

    def run(server, **more):
        upstreams = {"proxy": server.address, **{k: v.address for k, v in more.items()}}
        running.append(Deadpeer(tmp_path, upstreams).start())
        return running[-1]
    yield run
    for d in running:
        wrong = d.stop()
        assert not wrong, f"deadpeer(1) tells these events otherwise: {', '.join(wrong)}"
