import os

import pytest

from api import Deadpeer, Echo, Upstream


@pytest.fixture
def deadpeer(tmp_path):
    d = Deadpeer(tmp_path, "--drain-timeout", "1s").start()
    yield d
    assert d.stop() == 0


@pytest.fixture
def api(deadpeer):
    return deadpeer.api


@pytest.fixture
def echo():
    server = Echo()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def no_token():
    os.environ.pop("DEADPEER_ADMIN_TOKEN", None)


@pytest.fixture
def upstream():
    server = Upstream()
    yield server
    server.close()
