"""Toxiproxy 2.12.0's answers, endpoint by endpoint, good and bad input: what its clients rely on.

Where the answer here is another one, the test's name or a comment says so.
"""
import re
import socket

import pytest

from api import dial, echoes, free_port, wait_until

ALL_ROUTES = [
    ("GET", "/proxies"), ("POST", "/proxies"), ("POST", "/populate"), ("POST", "/reset"),
    ("GET", "/proxies/p"), ("PATCH", "/proxies/p"), ("POST", "/proxies/p"),
    ("DELETE", "/proxies/p"), ("GET", "/proxies/p/toxics"), ("POST", "/proxies/p/toxics"),
    ("GET", "/proxies/p/toxics/t"), ("PATCH", "/proxies/p/toxics/t"),
    ("POST", "/proxies/p/toxics/t"), ("DELETE", "/proxies/p/toxics/t"), ("GET", "/version"),
]
EVERY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
PATHS = sorted({path for _, path in ALL_ROUTES})


# --- HTTP in general ---

@pytest.mark.parametrize("path", ["/", "/nothing", "/proxies/", "/proxies/p/", "/proxies/p/toxics/",
                                  "/proxies/p/toxics/t/x", "/Proxies"])
def test_unknown_paths(api, path):
    answer = api.get(path)
    assert (answer.status, answer.body) == (404, b"404 page not found\n")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "x-toxiproxy-request-id" not in answer.headers


def test_known_paths_with_another_method(api):
    for path in PATHS:
        for method in EVERY_METHOD:
            if (method, path) in ALL_ROUTES:
                continue
            answer = api.call(method, path)
            assert (answer.status, answer.body) == (405, b""), (method, path)
            assert "allow" not in answer.headers
            assert "x-toxiproxy-request-id" not in answer.headers


@pytest.mark.parametrize("sent, clean", [("//proxies", "/proxies"), ("/proxies//p", "/proxies/p"),
                                         ("/x/../proxies", "/proxies"), ("/./version", "/version"),
                                         ("/proxies/..", "/")])
def test_paths_that_are_not_clean(api, sent, clean):
    answer = api.get(sent)
    assert (answer.status, answer.headers["location"], answer.body) == (301, clean, b"")


def test_browsers_are_refused_on_every_route(api):
    for method, path in ALL_ROUTES:
        answer = api.call(method, path, User_Agent="Mozilla/5.0 (X11)")
        assert (answer.status, answer.body) == (403, b"User agent not allowed\n")
        assert "x-toxiproxy-request-id" in answer.headers
    assert api.get("/nothing", User_Agent="Mozilla/5.0").status == 404
    assert api.call("PUT", "/version", User_Agent="Mozilla/5.0").status == 405


@pytest.mark.parametrize("agent", ["mozilla/5.0", "Mozilla", "", "toxiproxy-cli/2.12.0"])
def test_other_agents_are_not(api, agent):
    assert api.get("/version", User_Agent=agent).status == 200


def test_request_ids(api):
    ids = {api.get("/version").headers["x-toxiproxy-request-id"] for _ in range(20)}
    assert len(ids) == 20
    assert all(re.fullmatch("[0-9a-v]{20}", i) for i in ids)


def test_query_strings_and_content_types_are_ignored(api):
    api.proxy()
    assert api.get("/proxies/p?x=1&y=/").json["name"] == "p"
    answer = api.post("/proxies/p", '{"enabled":false}', Content_Type="text/html")
    assert answer.json["enabled"] is False
    assert api.delete("/proxies/p", Content_Type="application/json").status == 204


def test_deletes_and_resets_may_have_a_body(api):
    api.proxy()
    assert api.call("DELETE", "/proxies/p", '{"x":1}').status == 204
    assert api.post("/reset", "not json").status == 204
    assert api.post("/reset", Content_Length="0").status == 204


# --- bodies ---

@pytest.mark.parametrize("body, said", [
    ("", "bad request body: EOF"), (" \n", "bad request body: EOF"),
    ('{"name":', "bad request body: unexpected EOF"), ("{", "bad request body: unexpected EOF"),
    ("nonsense", "bad request body: "), ("{]", "bad request body: "),
    ("5", "bad request body: expected an object, got a number"),
    ("[]", "bad request body: expected an object, got an array"),
    ('"x"', "bad request body: expected an object, got a string"),
    ('{"name":5}', "bad request body: name: expected a string, got a number"),
    ('{"name":"x","upstream":{}}', "bad request body: upstream: expected a string, got an object"),
    ('{"name":"x","upstream":"x:1","enabled":"yes"}',
     "bad request body: enabled: expected a bool, got a string"),
    ('{"name":"a\\u0000b"}', "bad request body: "), (b'{"name":"\xff"}', "bad request body: "),
    (b"[" * 100000, "bad request body: "), ("{}", "missing required field: name"),
    ("null", "missing required field: name"), ('{"name":""}', "missing required field: name"),
    ('{"name":null,"upstream":"x:1"}', "missing required field: name"),
    ('{"name":"x"}', "missing required field: upstream"),
    ('{"name":"x","upstream":""}', "missing required field: upstream"),
])
def test_bad_bodies_of_a_create(api, body, said):
    answer = api.post("/proxies", body)
    assert answer.status == 400 and answer.error.startswith(said)
    assert api.get("/proxies").json == {}


def test_decoding_is_that_of_go(api):
    answer = api.post("/proxies", '{"NAME":"first","Name":"p","Upstream":"localhost:1","name":null,'
                      '"listen":null,"enabled":null,"unknown":[1]} trailing bytes')
    assert answer.status == 201
    assert answer.json["name"] == "p" and answer.json["enabled"] is True


# --- proxies ---

def test_create_and_show(api):
    answer = api.post("/proxies", {"name": "p", "listen": "localhost:0",
                                   "upstream": "localhost:6379"})
    assert answer.status == 201
    assert list(answer.json) == ["name", "listen", "upstream", "enabled", "toxics"]
    assert re.fullmatch(r"127\.0\.0\.1:[1-9]\d*", answer.json["listen"])
    assert answer.json == {**answer.json, "name": "p", "upstream": "localhost:6379",
                           "enabled": True, "toxics": []}
    assert api.get("/proxies/p").json == answer.json
    assert api.get("/proxies").json == {"p": answer.json}


def test_all_proxies_are_sorted(api):
    for name in ["b", "a", "Z", "10", "é"]:
        api.proxy(name)
    assert list(api.get("/proxies").json) == ["10", "Z", "a", "b", "é"]


@pytest.mark.parametrize("listen, told", [
    ("", r"\[::\]:\d+"), (":0", r"\[::\]:\d+"), ("0.0.0.0:0", r"\[::\]:\d+"),
    ("[::]:0", r"\[::\]:\d+"), ("localhost:0", r"127\.0\.0\.1:\d+"), ("[::1]:0", r"\[::1\]:\d+"),
    ("127.0.0.1:0", r"127\.0\.0\.1:\d+")])
def test_listen_is_told_resolved(api, listen, told):
    shown = api.proxy(listen=listen)["listen"]
    assert re.fullmatch(told, shown) and not shown.endswith(":0")


def test_created_disabled_it_shows_listen_as_given(api):
    assert api.proxy(listen="localhost:0", enabled=False)["listen"] == "localhost:0"
    enabled = api.patch("/proxies/p", {"enabled": True}).json
    assert enabled["listen"].startswith("127.0.0.1:")


def test_proxy_names_are_free(api):
    for name, path in [("a b", "a%20b"), ("ä€💀", "%C3%A4%E2%82%AC%F0%9F%92%80"),
                       ("<&>", "%3C&%3E"), ("x" * 255, "x" * 255), ("p%41", "p%2541"),
                       ("a/b", "a%2Fb")]:  # Toxiproxy cannot find the last one again
        api.proxy(name)
        assert api.get(f"/proxies/{path}").json["name"] == name
        assert api.delete(f"/proxies/{path}").status == 204


@pytest.mark.parametrize("name", ["x" * 256, "a\nb", "\x7f"])
def test_names_that_are_refused_here(api, name):
    answer = api.post("/proxies", {"name": name, "upstream": "x:1"})
    assert answer.status == 400 and "name: expected a name of 1 to 255" in answer.error


def test_a_name_is_taken_once(api):
    api.proxy()
    answer = api.post("/proxies", {"name": "p", "listen": "nonsense", "upstream": "nonsense"})
    assert (answer.status, answer.error) == (409, "proxy already exists")


@pytest.mark.parametrize("listen, said", [
    ("nonsense", "listen tcp: address nonsense: missing port in address"),
    ("127.0.0.1:99999", "listen tcp: address 99999: invalid port"),
    ("192.0.2.1:0", "listen tcp 192.0.2.1:0: bind: cannot assign requested address"),
    ("no.such.name.invalid:0", "listen tcp: lookup no.such.name.invalid: no such host"),
    ("127.0.0.1:no-service", "listen tcp: address 127.0.0.1:no-service: "),
    ("[::1%lo]:0", "listen tcp: address [::1%lo]:0: expected a scope (%eth0) only with "),
])
def test_addresses_that_cannot_be_had(api, listen, said):
    answer = api.post("/proxies", {"name": "p", "listen": listen, "upstream": "localhost:1"})
    assert answer.status == 500 and answer.error.startswith(said)
    assert api.get("/proxies").json == {}


@pytest.mark.parametrize("asked", ["a free port", "a port"])
def test_an_address_in_use(api, asked):
    taken = api.proxy("first")["listen"]
    if asked == "a port":
        api.delete("/proxies/first")
        api.proxy("first", listen=taken)
    said = f"listen tcp {taken}: bind: address already in use"
    port = taken.rsplit(":", 1)[1]
    answer = api.post("/proxies", {"name": "p", "listen": f":{port}", "upstream": "localhost:1"})
    assert answer.error == f"listen tcp :{port}: bind: address already in use"
    for listen in [taken, taken.replace("127.0.0.1", "localhost")]:
        answer = api.post("/proxies", {"name": "p", "listen": listen, "upstream": "localhost:1"})
        assert (answer.status, answer.error) == (500, said)
    assert api.post("/proxies", {"name": "p", "listen": taken, "upstream": "localhost:1",
                                 "enabled": False}).status == 201
    answer = api.patch("/proxies/p", {"enabled": True})
    assert (answer.status, answer.error) == (500, said)
    assert api.get("/proxies/p").json["enabled"] is False


def test_an_upstream_must_be_an_address_here(api):
    answer = api.post("/proxies", {"name": "p", "upstream": "nonsense"})
    assert answer.status == 400 and "upstream: expected " in answer.error
    api.proxy()
    for upstream in ["", "nonsense", "127.0.0.1:0"]:
        answer = api.patch("/proxies/p", {"upstream": upstream})
        assert answer.status == 400 and "upstream: expected " in answer.error
    assert api.get("/proxies/p").json["upstream"] == "127.0.0.1:1"


def test_unknown_proxies(api):
    api.proxy("P")
    for method, path in ALL_ROUTES:
        if "/p" not in path.removeprefix("/proxies").removeprefix("/populate"):
            continue
        for body in [None, "{}", "not json"]:
            answer = api.call(method, path, body)
            assert (answer.status, answer.error) == (404, "proxy not found"), path


@pytest.mark.parametrize("method", ["PATCH", "POST"])
def test_update(api, method):
    before = api.proxy(listen="localhost:0")
    toxic = api.toxic()
    answer = api.call(method, "/proxies/p", {"upstream": "localhost:2", "name": "other",
                                             "toxics": []})
    assert answer.status == 200
    assert answer.json == {**before, "upstream": "localhost:2", "toxics": [toxic]}
    for nothing in ["{}", "null", {"listen": None, "enabled": None, "upstream": None}, before,
                    {"listen": before["listen"].replace("127.0.0.1", "localhost")},
                    {"listen": "localhost:0"}]:
        answer = api.call(method, "/proxies/p", nothing)
        assert answer.json["listen"] == before["listen"]
    moved = api.call(method, "/proxies/p", {"listen": "[::1]:0"}).json
    assert moved["listen"].startswith("[::1]:") and moved["toxics"] == [toxic]


def test_an_update_that_fails_changes_nothing(api, echo):
    before = api.proxy(upstream=echo.address)
    taken = api.proxy("other")["listen"]
    client = dial(before["listen"])
    assert echoes(client)
    for body, status in [({"listen": taken}, 500), ({"listen": "nonsense"}, 500),
                         ({"upstream": "localhost:3", "listen": "192.0.2.1:0"}, 500),
                         ({"enabled": False, "upstream": "x"}, 400), ({"enabled": 1}, 400)]:
        assert api.patch("/proxies/p", body).status == status
        assert api.get("/proxies/p").json == before
    assert echoes(client)
    assert api.patch("/proxies/p", {"listen": "nonsense"}).error == \
        "address nonsense: missing port in address"


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "localhost:0", ":0", "[::1]:0"])
def test_disable_and_enable_on_the_same_port(api, echo, listen):
    before = api.proxy(listen=listen, upstream=echo.address)
    client = dial(before["listen"])
    assert echoes(client)
    for _ in range(2):
        off = api.post("/proxies/p", {"enabled": False}).json
        assert off == {**before, "enabled": False}
    assert client.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        dial(before["listen"])
    for _ in range(2):
        assert api.post("/proxies/p", {"enabled": True}).json == before
    assert echoes(dial(before["listen"]))


def test_the_same_port_on_another_address(api, echo):
    p = api.proxy(listen=f"127.0.0.1:{free_port()}", upstream=echo.address)
    port = p["listen"].rsplit(":", 1)[1]
    wide = api.patch("/proxies/p", {"listen": f"0.0.0.0:{port}"})
    assert (wide.status, wide.json["listen"]) == (200, f"[::]:{port}")
    assert echoes(dial(f"127.0.0.1:{port}")) and echoes(dial(f"[::1]:{port}"))
    answer = api.post("/populate", [  # its port is wanted, something else cannot be had
        {"name": "p", "listen": f"127.0.0.1:{port}", "upstream": echo.address},
        {"name": "bad", "listen": "192.0.2.1:0", "upstream": "x:1"}])
    assert answer.status == 500
    assert echoes(dial(f"127.0.0.1:{port}")) and echoes(dial(f"[::1]:{port}"))
    assert api.patch("/proxies/p", {"listen": f"127.0.0.1:{port}"}).json == p
    assert echoes(dial(p["listen"]))


def test_an_update_of_the_upstream_ends_the_sessions(api, echo):
    p = api.proxy(upstream="builtin:discard")
    client = dial(p["listen"])
    api.patch("/proxies/p", {"upstream": echo.address})
    assert client.recv(1) == b""
    assert echoes(dial(p["listen"]))


@pytest.mark.parametrize("how", ["delete", "disable"])
def test_what_was_not_read_is_told_by_a_reset(api, how):
    client = dial(api.proxy(upstream="builtin:echo")["listen"])
    assert echoes(client)
    api.toxic(type="hang")
    client.sendall(b"unread")
    if how == "delete":
        api.delete("/proxies/p")
    else:
        api.patch("/proxies/p", {"enabled": False})
    with pytest.raises(ConnectionResetError):
        client.recv(1)


def test_delete(api, echo):
    p = api.proxy(upstream=echo.address)
    client = dial(p["listen"])
    assert echoes(client)
    answer = api.delete("/proxies/p")
    assert (answer.status, answer.body) == (204, b"")
    assert "content-type" not in answer.headers
    assert client.recv(1) == b""
    assert api.delete("/proxies/p").status == 404
    assert api.proxy(listen=p["listen"])["listen"] == p["listen"], "its port is free at once"


# --- toxics ---

NOOP = {"attributes": {}, "name": "noop_downstream", "type": "noop", "stream": "downstream",
        "toxicity": 1}


def test_create_a_toxic(api):
    api.proxy()
    answer = api.post("/proxies/p/toxics", {"type": "noop"})
    assert answer.status == 200, "not 201"
    assert answer.body == b'{"attributes":{},"name":"noop_downstream","type":"noop",' \
                          b'"stream":"downstream","toxicity":1}'
    assert api.get("/proxies/p/toxics").json == [NOOP]
    assert api.get("/proxies/p/toxics/noop_downstream").json == NOOP
    assert api.get("/proxies/p").json["toxics"] == [NOOP]


@pytest.mark.parametrize("given, told", [
    ({"name": ""}, {}), ({"name": None, "stream": None, "toxicity": None, "attributes": None}, {}),
    ({"name": "x/y ä"}, {"name": "x/y ä"}),
    ({"stream": "upstream"}, {"stream": "upstream", "name": "noop_upstream"}),
    ({"stream": "DownStream"}, {"name": "noop_DownStream"}),  # Toxiproxy echoes DownStream, too
    ({"toxicity": 0}, {"toxicity": 0}), ({"toxicity": 0.1}, {"toxicity": 0.1}),
    ({"toxicity": 0.123456789}, {"toxicity": 0.12345679}), ({"toxicity": 1e-10}, {"toxicity": 1e-10}),
    ({"attributes": {"unknown": 5, "latency": "x"}}, {}), ({"unknown": 1}, {}),
])
def test_what_a_toxic_may_say(api, given, told):
    api.proxy()
    assert api.toxic(**given) == {**NOOP, **told}


@pytest.mark.parametrize("body, said", [
    ("", "bad request body: EOF"), ("[]", "bad request body: expected an object, got an array"),
    ({"type": "noop", "attributes": []}, "bad request body: attributes: expected an object"),
    ({"type": "noop", "attributes": 5}, "bad request body: attributes: expected an object"),
    ({"type": "noop", "toxicity": "1"}, "bad request body: toxicity: expected a number"),
    ({"type": "noop", "name": 5}, "bad request body: name: expected a string"),
    ({"type": "noop", "stream": ""}, "stream was invalid, can be either upstream or downstream"),
    ({"type": "nope", "stream": "x"}, "stream was invalid, can be either upstream or downstream"),
    ({"type": "nope"}, "invalid toxic type"), ({"type": ""}, "invalid toxic type"),
    ({}, "invalid toxic type"), ({"type": "NOOP"}, "invalid toxic type"),
    ({"type": "down"}, "invalid toxic type"),
    ({"type": "noop", "toxicity": 2.5}, "bad request body: toxicity: expected a number from 0 to 1"),
    ({"type": "noop", "toxicity": -1}, "bad request body: toxicity: expected a number from 0 to 1"),
    ({"type": "noop", "name": "a\nb"}, "name: expected a name of 1 to 255"),
])
def test_bad_toxics(api, body, said):
    api.proxy()
    answer = api.post("/proxies/p/toxics", body)
    assert answer.status == 400 and answer.error.startswith(said)
    assert api.get("/proxies/p/toxics").json == []


def test_toxic_names_are_unique_over_both_streams(api):
    api.proxy()
    api.proxy("q")
    api.toxic(name="x")
    answer = api.post("/proxies/p/toxics", {"type": "noop", "name": "x", "stream": "upstream",
                                            "attributes": {}})
    assert (answer.status, answer.error) == (409, "toxic already exists")
    api.toxic("q", name="x")


def test_toxics_are_told_upstream_first_in_their_order(api):
    api.proxy()
    for name, stream in [("d1", "downstream"), ("u1", "upstream"), ("d2", "downstream"),
                         ("u2", "upstream")]:
        api.toxic(name=name, stream=stream)
    assert [t["name"] for t in api.get("/proxies/p/toxics").json] == ["u1", "u2", "d1", "d2"]


@pytest.mark.parametrize("method", ["PATCH", "POST"])
def test_update_a_toxic(api, method):
    api.proxy()
    api.toxic(name="t")
    answer = api.call(method, "/proxies/p/toxics/t", {
        "toxicity": 0.5, "name": "other", "type": "hang", "stream": "upstream", "attributes": {}})
    assert (answer.status, answer.json) == (200, {**NOOP, "name": "t", "toxicity": 0.5})
    for nothing in ["{}", "null", {"toxicity": None, "attributes": None}]:
        assert api.call(method, "/proxies/p/toxics/t", nothing).json["toxicity"] == 0.5
    for wrong in ["", "x", {"toxicity": 7}, {"attributes": 5}, {"toxicity": "x"}]:
        assert api.call(method, "/proxies/p/toxics/t", wrong).status == 400
    assert api.get("/proxies/p/toxics/t").json["toxicity"] == 0.5


def test_remove_a_toxic(api):
    api.proxy()
    api.toxic()
    answer = api.delete("/proxies/p/toxics/noop_downstream")
    assert (answer.status, answer.body) == (204, b"")
    for method in ["GET", "PATCH", "POST", "DELETE"]:
        answer = api.call(method, "/proxies/p/toxics/noop_downstream")
        assert (answer.status, answer.error) == (404, "toxic not found")


CLASSIC = {  # in the order in which they are told
    "latency": {"latency": 120, "jitter": 30}, "bandwidth": {"rate": 1000},
    "slow_close": {"delay": 500}, "timeout": {"timeout": 3000}, "reset_peer": {"timeout": 40},
    "slicer": {"average_size": 64, "size_variation": 32, "delay": 250},
    "limit_data": {"bytes": 1 << 20}, "noop": {}}


@pytest.mark.parametrize("type_", CLASSIC)
@pytest.mark.parametrize("stream", ["upstream", "downstream"])
def test_classic_toxics(api, type_, stream):
    api.proxy()
    attributes = CLASSIC[type_]
    answer = api.post("/proxies/p/toxics", {"type": type_, "stream": stream,
                                            "attributes": attributes})
    assert answer.status == 200, answer
    name = f"{type_}_{stream}"
    assert answer.json == {"attributes": attributes, "name": name, "type": type_,
                           "stream": stream, "toxicity": 1}
    assert list(answer.json["attributes"]) == list(attributes)
    for key in attributes:
        changed = api.patch(f"/proxies/p/toxics/{name}", {"attributes": {key: 77}}).json
        attributes = {**attributes, key: 77}
        assert changed["attributes"] == attributes
        for wrong in [-1, 1.5, "77", True, [], 2 ** 63 - 1]:
            answer = api.patch(f"/proxies/p/toxics/{name}", {"attributes": {key: wrong}})
            if wrong == 2 ** 63 - 1 and answer.status == 200:
                continue  # of bytes there may be as many
            assert answer.status == 400 and f"attribute {key}: " in answer.error
        attributes = api.get(f"/proxies/p/toxics/{name}").json["attributes"]
    plain = api.toxic(type=type_, name="plain")["attributes"]
    assert list(plain) == list(CLASSIC[type_])


# --- populate and reset ---

def test_populate(api):
    answer = api.post("/populate", [
        {"name": "b", "listen": "localhost:0", "upstream": "localhost:1"},
        {"name": "a", "listen": "localhost:0", "upstream": "localhost:2", "enabled": False}])
    assert answer.status == 201 and list(answer.json) == ["proxies"]
    assert [p["name"] for p in answer.json["proxies"]] == ["b", "a"]
    assert answer.json["proxies"] == [api.get(f"/proxies/{n}").json for n in "ba"]


@pytest.mark.parametrize("body", ["[]", "null"])
def test_populate_with_nothing(api, body):
    answer = api.post("/populate", body)
    assert (answer.status, answer.json) == (201, {"proxies": None})


@pytest.mark.parametrize("entry, said", [
    ({"name": "", "upstream": "x:1"}, "missing required field: name at proxy 2"),
    ({"name": "x"}, "missing required field: upstream at proxy 2"),
    ({"name": 5}, "bad request body: name: expected a string, got a number at proxy 2"),
    (5, "bad request body: expected an object, got a number at proxy 2"),
])
def test_populate_with_a_bad_entry(api, entry, said):
    answer = api.post("/populate", [{"name": "p", "upstream": "localhost:1"}, entry])
    assert answer.status == 400 and list(answer.json) == ["error", "status", "proxies"]
    assert answer.json == {"error": said, "status": 400, "proxies": None}
    assert api.get("/proxies").json == {}


@pytest.mark.parametrize("body, said", [
    ("", "bad request body: EOF"), ("[{", "bad request body: unexpected EOF"),
    ("{}", "bad request body: expected an array, got an object"),
    ('"x"', "bad request body: expected an array, got a string")])
def test_populate_with_no_array(api, body, said):
    answer = api.post("/populate", body)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == {"error": said, "status": 400, "proxies": None}
    assert not answer.body.endswith(b"\n")


def test_populate_keeps_what_is_equal(api, echo):
    p = api.proxy(listen="localhost:0", upstream=echo.address)
    api.toxic()
    client = dial(p["listen"])
    assert echoes(client)
    for listen in [p["listen"], p["listen"].replace("127.0.0.1", "localhost"), "localhost:0"]:
        answer = api.post("/populate", [{**p, "listen": listen, "toxics": None}])
        assert answer.json["proxies"] == [{**p, "toxics": [NOOP]}]
    assert echoes(client)


def test_populate_everywhere_keeps_its_toxics(api):
    """Toxiproxy takes 0.0.0.0:P for another address each time, and drops the toxics."""
    p = api.proxy(listen="0.0.0.0:0")
    port = p["listen"].rsplit(":", 1)[1]
    api.toxic()
    for listen in [f"0.0.0.0:{port}", f":{port}", f"[::]:{port}"]:
        told = api.post("/populate", [{**p, "listen": listen, "toxics": None}]).json["proxies"][0]
        assert told == {**p, "toxics": [NOOP]}


def test_populate_honours_enabled(api):
    """Toxiproxy keeps the state of a proxy that is there."""
    p = api.proxy()
    entry = {"name": "p", "listen": p["listen"], "upstream": p["upstream"]}
    for enabled in [False, True]:
        told = api.post("/populate", [{**entry, "enabled": enabled}]).json["proxies"][0]
        assert told == {**p, "enabled": enabled}


def test_populate_replaces_what_differs(api, echo):
    p = api.proxy(upstream="builtin:discard")
    api.toxic()
    client = dial(p["listen"])
    told = api.post("/populate", [{**p, "upstream": echo.address, "toxics": None}]).json
    assert told["proxies"] == [{**p, "upstream": echo.address}]
    assert client.recv(1) == b""
    assert echoes(dial(p["listen"]))


def test_populate_is_all_or_nothing(api, echo):
    """Toxiproxy stops in the middle."""
    p = api.proxy(upstream=echo.address)
    client = dial(p["listen"])
    assert echoes(client)
    answer = api.post("/populate", [
        {"name": "new", "upstream": "localhost:1"},
        {"name": "p", "listen": "127.0.0.1:0", "upstream": "localhost:2"},
        {"name": "bad", "listen": "192.0.2.1:0", "upstream": "localhost:3"}])
    assert answer.status == 500
    assert answer.json == {
        "error": "listen tcp 192.0.2.1:0: bind: cannot assign requested address",
        "status": 500, "proxies": None}
    assert api.get("/proxies").json == {"p": p}
    assert echoes(client)


def test_proxies_may_come_with_their_toxics(api):
    """An extension: Toxiproxy ignores them."""
    toxics = [{"type": "refuse"}, {"type": "noop", "stream": "upstream"}]
    p = api.proxy(toxics=toxics)
    assert [t["name"] for t in p["toxics"]] == ["noop_upstream", "refuse_downstream"]
    with pytest.raises(ConnectionRefusedError):
        dial(p["listen"])
    told = api.post("/populate", [{**p, "toxics": []},
                                  {"name": "q", "upstream": "x:1", "toxics": toxics}]).json
    assert [len(q["toxics"]) for q in told["proxies"]] == [0, 2]
    for wrong, status, said in [
            (5, 400, "bad request body: toxics: expected an array, got a number"),
            ([5], 400, "bad request body: expected an object, got a number at toxic 1 of proxy x"),
            ([toxics[0], {"type": "nope"}], 400, "invalid toxic type at toxic 2 of proxy x"),
            ([toxics[1]] * 2, 409, "toxic already exists at toxic 2 of proxy x")]:
        bad = {"name": "x", "upstream": "x:1", "toxics": wrong}
        answer = api.post("/proxies", bad)
        assert (answer.status, answer.error) == (status, said)
        answer = api.post("/populate", [{**p, "toxics": []}, bad])
        assert answer.json["error"].removesuffix(" at proxy 2") == said
    assert sorted(api.get("/proxies").json) == ["p", "q"]


def test_populate_strikes_again_with_what_is_over(api):
    """As the set-up of each test asks for it; a toxic that lasts goes on."""
    p = api.proxy(upstream="builtin:echo")
    everything = [{**p, "toxics": [{"type": "reset"}, {"type": "noop"}]}]
    for _ in range(3):
        with dial(p["listen"]) as client:
            assert echoes(client)
            assert api.post("/populate", everything).status == 201
            with pytest.raises(ConnectionResetError):
                client.recv(1)
    assert api.get("/v1/faults/p%2Fnoop_downstream").json["active_ns"] > \
        api.get("/v1/faults/p%2Freset_downstream").json["active_ns"]
    with dial(p["listen"]) as client:  # nothing else arms it
        api.patch("/proxies/p", {"enabled": True})
        api.toxic(type="noop", name="more")
        assert echoes(client)


def test_reset(api, echo):
    on = api.proxy("on", upstream=echo.address)
    off = api.proxy("off")
    api.toxic("on")
    api.toxic("off", type="hang")
    api.patch("/proxies/off", {"enabled": False})
    client = dial(on["listen"])
    assert echoes(client)
    answer = api.post("/reset")
    assert (answer.status, answer.body) == (204, b"")
    assert api.get("/proxies").json == {"on": on, "off": off}
    assert echoes(client)


def test_a_reset_that_fails_changes_nothing(deadpeer):
    """Toxiproxy resets some of them."""
    api = deadpeer.api
    off = api.proxy("off")["listen"]
    api.patch("/proxies/off", {"enabled": False})
    first = api.proxy("first")
    api.toxic("first")
    files = deadpeer.open_files()
    api.proxy("second", listen=first["listen"], enabled=False)
    answer = api.post("/reset")
    assert answer.status == 500
    assert answer.error == f"listen tcp {first['listen']}: bind: address already in use"
    assert len(api.get("/proxies/first/toxics").json) == 1
    with socket.socket() as s:  # nor is the port taken of one that could have been enabled
        s.bind(("127.0.0.1", int(off.rsplit(":", 1)[1])))
    wait_until(lambda: deadpeer.open_files() <= files, what="no descriptor is left behind")


def test_version(api):
    answer = api.get("/version")
    assert (answer.status, answer.body) == (200, b'{"version": "2.12.0"}\n')
    assert answer.headers["content-type"] == "application/json;charset=utf-8"
    assert re.fullmatch(r"\d+\.\d+\.\d+", answer.headers["x-deadpeer-version"])
