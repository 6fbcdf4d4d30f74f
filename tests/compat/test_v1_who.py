"""Every mutation is on the timeline with who did what: each operation of the description that is
no GET, done once so that it works and once so that it does not."""
import re

import openapi
import pytest

from api import Deadpeer, dial, echoes
from v1 import V1

FILE = """
[host db]
address = 127.0.0.2
[host app]
address = 127.0.0.3
[proxy a]
listen = 127.0.0.1:0
upstream = builtin:echo
host = db
[proxy b]
listen = 127.0.0.1:0
upstream = builtin:echo
host = app
"""

NEW = {"name": "n", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"}
TOXIC = {"type": "latency", "name": "t"}

# (method, path): (what must be there, the path, the body, what is told, what goes wrong: path, body)
DONE = {
    ("POST", "/v1/reload"): ([], "", None, {"what": "reload"}, None),
    ("POST", "/v1/hosts"): ([], "", {"name": "h"}, {"what": "host.create", "host": "h"},
                            ("", {"name": "db"})),
    ("POST", "/v1/hosts/{host}/power_off"): (
        [], "/v1/hosts/db/power_off", None, {"what": "host.power_off", "host": "db",
                                             "fault": "power-db"},
        ("/v1/hosts/x/power_off", None)),
    ("POST", "/v1/hosts/{host}/power_on"): (
        [("POST", "/v1/hosts/db/power_off", None)], "/v1/hosts/db/power_on", None,
        {"what": "host.power_on", "host": "db"}, ("/v1/hosts/app/power_on", None)),
    ("POST", "/v1/partitions"): ([], "", {"a": ["db"], "b": ["app"]}, {"what": "partition"},
                                 ("", {"a": ["db"], "b": ["x"]})),
    ("POST", "/v1/proxies"): ([], "", NEW, {"what": "proxy.create", "proxy": "n"},
                              ("", {**NEW, "name": "a"})),
    ("PATCH", "/v1/proxies/{proxy}"): ([], "/v1/proxies/a", {"backlog": 7},
                                       {"what": "proxy.update", "proxy": "a"},
                                       ("/v1/proxies/a", {"backlog": 0})),
    ("DELETE", "/v1/proxies/{proxy}"): ([], "/v1/proxies/a", None,
                                        {"what": "proxy.delete", "proxy": "a"},
                                        ("/v1/proxies/x", None)),
    ("POST", "/v1/faults"): ([], "", {"type": "hang", "proxy": "a", "name": "f"},
                             {"what": "fault.add", "fault": "f"}, ("", {"type": "hang"})),
    ("PATCH", "/v1/faults/{fault}"): (
        [("POST", "/v1/faults", {"type": "hang", "proxy": "a", "name": "f"})], "/v1/faults/f",
        {"duration": "1h"}, {"what": "fault.update", "fault": "f"},
        ("/v1/faults/f", {"duration": -1})),
    ("DELETE", "/v1/faults/{fault}"): (
        [("POST", "/v1/faults", {"type": "hang", "proxy": "a", "name": "f"})], "/v1/faults/f", None,
        {"what": "fault.remove", "fault": "f"}, ("/v1/faults/g", None)),
    ("POST", "/v1/heal"): ([], "", None, {"what": "heal"}, ("", {"proxy": "x"})),
    ("DELETE", "/v1/sessions/{session}"): (
        [], "/v1/sessions/{id}", None, {"what": "session.kill", "proxy": "a"},
        ("/v1/sessions/77", None)),
    ("POST", "/proxies"): ([], "", NEW, {"what": "proxy.create", "proxy": "n"},
                           ("", {**NEW, "name": "a"})),
    ("POST", "/proxies/{proxy}"): ([], "/proxies/a", {"upstream": "127.0.0.1:2"},
                                   {"what": "proxy.update", "proxy": "a"},
                                   ("/proxies/a", {"enabled": 5})),
    ("PATCH", "/proxies/{proxy}"): ([], "/proxies/a", {"upstream": "127.0.0.1:2"},
                                    {"what": "proxy.update", "proxy": "a"},
                                    ("/proxies/a", {"enabled": 5})),
    ("DELETE", "/proxies/{proxy}"): ([], "/proxies/a", None,
                                     {"what": "proxy.delete", "proxy": "a"}, ("/proxies/x", None)),
    ("POST", "/proxies/{proxy}/toxics"): ([], "/proxies/a/toxics", TOXIC,
                                          {"what": "toxic.add", "proxy": "a", "fault": "a/t"},
                                          ("/proxies/a/toxics", {"type": "x"})),
    ("POST", "/proxies/{proxy}/toxics/{toxic}"): (
        [("POST", "/proxies/a/toxics", TOXIC)], "/proxies/a/toxics/t", {"toxicity": 0.5},
        {"what": "toxic.update", "proxy": "a", "fault": "a/t"},
        ("/proxies/a/toxics/t", {"toxicity": 5})),
    ("PATCH", "/proxies/{proxy}/toxics/{toxic}"): (
        [("POST", "/proxies/a/toxics", TOXIC)], "/proxies/a/toxics/t", {"toxicity": 0.5},
        {"what": "toxic.update", "proxy": "a", "fault": "a/t"},
        ("/proxies/a/toxics/t", {"toxicity": 5})),
    ("DELETE", "/proxies/{proxy}/toxics/{toxic}"): (
        [("POST", "/proxies/a/toxics", TOXIC)], "/proxies/a/toxics/t", None,
        {"what": "toxic.remove", "proxy": "a", "fault": "a/t"}, ("/proxies/a/toxics/u", None)),
    ("POST", "/populate"): ([], "", [NEW], {"what": "populate"}, ("", [{"name": "x"}])),
    ("POST", "/reset"): ([], "", None, {"what": "reset"}, None),
}


@pytest.fixture
def deadpeer(tmp_path):
    (tmp_path / "f.ini").write_text(FILE)
    d = Deadpeer(tmp_path, "-c", f"{tmp_path}/f.ini").start()
    yield d
    assert d.stop() == 0


def test_none_is_forgotten(api):
    mutations = {(method, path) for method, path, _ in
                 openapi.operations(V1(api).document()) if method != "GET"}
    assert mutations == set(DONE)


def changes(v1):
    return v1.events(0, "api.changed")


@pytest.mark.parametrize("method, path", DONE)
def test_who_did_what(deadpeer, api, method, path):
    v1 = V1(api)
    first, place, body, told, wrong = DONE[method, path]
    with dial(v1.get("/proxies/a")["listen"]) as s:
        assert echoes(s)
        session, = v1.sessions(1)
        for call in first:
            assert api.call(*call).status < 300
        before = len(changes(v1))
        answer = api.call(method, (place or path).replace("{id}", str(session["id"])), body)
        assert 200 <= answer.status < 300, answer
        one, = changes(v1)[before:]
        assert told.items() <= one.items(), one
        assert re.fullmatch(r"127\.0\.0\.1:\d+", one["who"])
        if wrong:
            answer = api.call(method, wrong[0] or path, wrong[1])
            assert 400 <= answer.status < 500, answer
            assert len(changes(v1)) == before + 1, "nothing was changed"
