"""deadpeer's own deaths, as toxics."""
import select
import subprocess
import time

import pytest

from api import BINARY, Deadpeer, dial, echoes, wait_until

CLASSIC = {"latency", "bandwidth", "slow_close", "timeout", "reset_peer", "slicer", "limit_data",
           "noop"}


def catalogue():
    """Every type there is, as `serve --help` lists them."""
    text = subprocess.run([BINARY, "serve", "--help"], capture_output=True, text=True,
                          check=True).stdout
    lines = text[text.index("\nFaults:\n"):text.index("\nExamples:")].splitlines()
    return [line.split()[0] for line in lines if line.startswith("  ")]


OWN = sorted(set(catalogue()) - CLASSIC)
assert len(OWN) > 10


@pytest.mark.parametrize("type_", OWN)
@pytest.mark.parametrize("stream", ["downstream", "upstream", None])
def test_every_type_is_a_toxic(api, type_, stream):
    api.proxy()
    answer = api.post("/proxies/p/toxics", {"type": type_, "stream": stream,
                                            "attributes": {}, "toxicity": 1.0})
    if answer.status == 501:  # what needs a capability that is not there says so
        pytest.skip(answer.error)
    if answer.status == 400 and stream == "upstream":
        assert "acts on downstream alone" in answer.error
        return
    assert answer.status == 200
    told = answer.json
    assert told["type"] == type_ and told["name"] == f"{type_}_{stream or 'downstream'}"
    if type_ not in ("idle_timeout", "flap"):  # which have no side
        assert told["stream"] == (stream or told["stream"])
    assert api.get("/proxies/p/toxics").json == [told]
    assert api.post(f"/proxies/p/toxics/{told['name']}", told).json == told, "there and back"
    assert api.delete(f"/proxies/p/toxics/{told['name']}").status == 204


def test_attributes_are_milliseconds_or_text(api):
    api.proxy()
    told = api.toxic(type="reboot", attributes={
        "down": 1500, "service_delay": "250ms", "delay": 3600000, "clients": "10.0.0.0/8",
        "nth": 2, "after_bytes": "1MiB", "other": "close"})
    assert told["attributes"] == {
        "down": 1500, "service_delay": 250, "other": "close", "delay": 3600000,
        "after_bytes": 1 << 20, "clients": "10.0.0.0/8", "nth": 2}
    changed = api.patch("/proxies/p/toxics/reboot_downstream", {"attributes": {"down": 70}}).json
    assert changed["attributes"] == {**told["attributes"], "down": 70}


@pytest.mark.parametrize("type_, attributes, said", [
    ("power_loss", {"nonsense": 1}, 'unknown attribute "nonsense": power_loss takes '),
    ("power_loss", {"duration": -5}, "attribute duration: expected a whole number of milliseconds"),
    ("power_loss", {"duration": 1.5}, "attribute duration: expected a whole number"),
    ("power_loss", {"duration": "5"}, "attribute duration: expected a duration with a unit"),
    ("power_loss", {"duration": 2 ** 62}, "attribute duration: expected a duration"),
    ("power_loss", {"host": "nowhere"}, "attribute host: proxy p is not on host nowhere"),
    ("reboot", {"down": 0}, "attribute down: expected a duration from 1ms to 1d, got 0"),
    ("reboot", {"duration": 5}, "duration: reboot does not take duration"),
    ("refuse", {"nth": 5}, "nth: refuse does not take nth"),
    ("idle_timeout", {"mode": "x"}, "attribute mode: expected drop, rst_next, rst_both or fin"),
    ("hang", {"side": "x"}, "attribute side: expected server, client or both"),
    ("bandwidth", {"rate": 1000.0}, "attribute rate: expected a whole number of KB/s, 0 or more "
     '(no ".", no "e"), got 1000.0'),
    ("latency", {"latency": 5.0}, "attribute latency: expected a whole number of milliseconds, "
     '0 or more (no ".", no "e"), got 5.0'),
    ("slicer", {"delay": 5.0}, "attribute delay: expected a whole number of microseconds, 0 or "
     "more (no"),
    ("slow_close", {"DELAY": -1}, "attribute delay: expected a whole number of milliseconds"),
    ("limit_data", {"bytes": "x"}, "attribute bytes: expected a whole number of bytes, 0 or more, "),
])
def test_bad_attributes(api, type_, attributes, said):
    api.proxy()
    answer = api.post("/proxies/p/toxics", {"type": type_, "attributes": attributes})
    assert answer.status == 400 and said in answer.error
    assert api.get("/proxies/p/toxics").json == []
    api.toxic(type="noop", name="t")
    api.toxic(type=type_, name="good")
    before = api.get("/proxies/p/toxics").json
    answer = api.patch("/proxies/p/toxics/good", {"attributes": attributes})
    assert answer.status == 400 and said in answer.error
    assert api.get("/proxies/p/toxics").json == before


def test_a_flap_has_the_sides_of_what_it_does(api):
    api.proxy()
    assert api.toxic(type="flap", name="cut")["attributes"]["fault"] == "partition"
    told = api.toxic(type="flap", name="t", stream="upstream",
                     attributes={"fault": "power_loss", "down": 50})
    assert told["stream"] == "upstream" and told["attributes"]["down"] == 50
    told = api.patch("/proxies/p/toxics/t", {"attributes": {"fault": "partition"}}).json
    assert told["attributes"]["fault"] == "partition"


def test_attributes_win_over_the_stream(api):
    api.proxy()
    told = api.toxic(type="partition", stream="downstream", attributes={"direction": "both"})
    assert told["attributes"]["direction"] == "both"
    told = api.toxic(type="hang", stream="downstream", attributes={"side": "both"})
    assert told["attributes"] == {"side": "both"}


@pytest.mark.parametrize("type_", ["refuse", "syn_drop", "hang", "accept_queue_full",
                                   "max_connections", "unreachable", "power_loss", "flap"])
def test_what_gates_a_proxy_survives_its_being_disabled(deadpeer, echo, type_):
    api = deadpeer.api
    listen = api.proxy(upstream=echo.address)["listen"]
    files = deadpeer.open_files()
    answer = api.post("/proxies/p/toxics", {"type": type_, "name": "t"})
    if answer.status == 501:
        pytest.skip(answer.error)
    for enabled in (False, True, False, True):
        assert api.patch("/proxies/p", {"enabled": enabled}).json["toxics"] == [answer.json]
        if not enabled:
            with pytest.raises(ConnectionRefusedError):
                dial(listen)
    assert api.patch("/proxies/p", {"enabled": False}).status == 200
    assert api.delete("/proxies/p/toxics/t").status == 204
    api.toxic(type=type_, name="t")
    assert api.patch("/proxies/p", {"enabled": True}).status == 200
    assert api.delete("/proxies/p/toxics/t").status == 204
    with dial(listen) as client:
        assert echoes(client)
    wait_until(lambda: deadpeer.open_files() <= files, what="no descriptor is left behind")


def silent(s, seconds=0.5):
    return not select.select([s], [], [], seconds)[0]


def test_power_loss_and_back(api, echo):
    """An existing client's own call, with another type: a dead host."""
    listen = api.proxy(upstream=echo.address)["listen"]
    client = dial(listen)
    assert echoes(client)
    api.toxic(type="power_loss")
    client.sendall(b"anybody?")
    assert silent(client), "not even a reset"
    api.delete("/proxies/p/toxics/power_loss_downstream")
    client.settimeout(10)
    with pytest.raises(ConnectionResetError):  # the power is back: a boot, which knows nobody
        client.recv(1)
    assert echoes(dial(listen))


def test_partition_heals_and_nothing_is_lost(api, echo):
    client = dial(api.proxy(upstream=echo.address)["listen"])
    assert echoes(client)
    toxic = api.toxic(type="partition")
    assert toxic["attributes"]["direction"] == "both"
    client.sendall(b"hello")
    assert silent(client)
    api.delete("/proxies/p/toxics/partition_downstream")
    assert client.recv(5) == b"hello"


def test_after_bytes(api, echo):
    client = dial(api.proxy(upstream=echo.address, toxics=[
        {"type": "reset", "attributes": {"after_bytes": 1000}}])["listen"])
    assert echoes(client, b"x" * 999)
    with pytest.raises(ConnectionResetError):
        client.sendall(b"y")
        client.recv(1), client.recv(1)


def test_hang_with_a_duration(api, echo):
    client = dial(api.proxy(upstream=echo.address)["listen"])
    assert echoes(client)
    began = time.monotonic()
    api.toxic(type="hang", attributes={"duration": 700})
    assert echoes(client)
    assert time.monotonic() - began > 0.65


def test_faults_of_the_file_are_toxics(tmp_path):
    (tmp_path / "c.ini").write_text("""
[host db]
[proxy a]
listen = 127.0.0.1:0
upstream = builtin:echo
host = db
[proxy b]
listen = 127.0.0.1:0
upstream = builtin:echo
[fault everywhere]
type = reset
proxy = *
delay = 1h
[fault machine]
type = process_crash
host = db
side = client
delay = 1h
""")
    d = Deadpeer(tmp_path, "-c", str(tmp_path / "c.ini")).start()
    api = d.api
    assert [(t["name"], t["stream"]) for t in api.get("/proxies/a/toxics").json] == [
        ("machine", "upstream"), ("everywhere", "downstream")]
    assert [t["name"] for t in api.get("/proxies/b/toxics").json] == ["everywhere"]
    assert api.post("/proxies/b/toxics", {"type": "noop", "name": "everywhere"}).status == 409
    assert api.delete("/proxies/a/toxics/everywhere").status == 204
    assert [t["name"] for t in api.get("/proxies/a/toxics").json] == ["machine"]
    assert [t["name"] for t in api.get("/proxies/b/toxics").json] == ["everywhere"]
    wide = api.post("/proxies/a/toxics", {"type": "hang", "attributes": {
        "host": "db", "delay": "1h"}}).json
    assert wide["attributes"]["host"] == "db"
    assert api.delete("/proxies/b").status == 204
    assert api.post("/reset").status == 204
    assert api.get("/proxies/a/toxics").json == []
    assert d.stop() == 0
