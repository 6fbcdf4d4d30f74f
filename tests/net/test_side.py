"""Whose death it is (side), what the living leg is told (other), and who dies together (host)."""

import pytest
from conftest import WIRE, namespaces, variants
from peer import observe

ONE_OF_EACH = variants(("v4", "v6"), ("splice",), ("exact", "nobody"))

# side=client: what the server's end and the client's own end see, and after the fault was lifted
# the answer to the server's next segment.
CLIENT_DEATHS = {
    #               server   client        a new client    the server's next segment, afterwards
    "power_loss":    ("nothing", "ECONNRESET", "ECONNREFUSED", "ECONNRESET"),
    "reboot":        ("nothing", "ECONNRESET", "ECONNREFUSED", "ECONNRESET"),
    "process_crash": ("EOF", "ECONNRESET", "ECONNREFUSED", None),
    "hang":          ("nothing", "nothing", "accepted", "echo"),
    "reset":         ("ECONNRESET", "ECONNRESET", "accepted", None),
    "half_close":    ("EOF", "nothing", "accepted", None),
}


@WIRE
@pytest.mark.parametrize("death", CLIENT_DEATHS)
def test_client_dies_in_the_servers_eyes(world, death):
    server_sees, client_sees, newcomer_sees, next_segment = CLIENT_DEATHS[death]
    d = world.serve()
    client, far = world.session()
    keys = {"reboot": {"down": "1s", "service_delay": "0s"}}.get(death, {})
    fired = d.strike(death, side="client", **keys)
    newcomer = world.start_connect()
    observe(client, far, newcomer, seconds=0.6)
    saw = [" ".join(p.words) or "nothing" for p in (far, client, newcomer)]
    assert saw == [server_sees, client_sees, newcomer_sees]
    assert fired["sessions"] == 1
    if death in ("power_loss", "reboot"):
        assert fired["grade"] == d.privilege.grade
    if death == "hang":
        client.send(b"stuck")
        observe(far, seconds=0.3)
        assert far.received == b""
        d.lift()
        assert far.recv(5) == b"stuck"
    elif death == "reboot":
        d.wait_event("fault.lifted", fault="f")
    elif death in ("power_loss", "process_crash"):
        d.lift()
    if next_segment == "echo":
        client.exchange(far)
    elif next_segment:
        assert far.state == "ESTABLISHED"
        far.send(b"?")
        assert far.end() == next_segment


@WIRE
def test_keepalive_of_a_server_finds_a_dead_client(world):
    d = world.serve()
    _, far = world.session()
    far.keepalive(idle=1, interval=1, count=2)
    fired = d.strike("power_loss", side="client")
    observe(far, seconds=5, until_settled=True)
    assert far.words == ("ETIMEDOUT",)
    assert 2.2 < (far.history[0][1] - fired["mono_ns"]) / 1e9 < 3.5


@ONE_OF_EACH
@pytest.mark.parametrize("death", ["power_loss", "hang", "reset"])
def test_both_sides_die(world, death):
    d = world.serve()
    client, far = world.session()
    d.strike(death, side="both")
    observe(client, far, seconds=0.6)
    want = ("ECONNRESET",) if death == "reset" else ()
    assert (client.words, far.words) == (want, want)


@ONE_OF_EACH
@pytest.mark.parametrize("side", ["server", "client"])
@pytest.mark.parametrize("death", ["power_loss", "process_crash", "hang", "reset"])
@pytest.mark.parametrize("other, told", [("abort", ("ECONNRESET",)), ("close", ("EOF",)),
                                         ("hold", ())])
def test_other_decides_what_the_living_leg_is_told(world, side, death, other, told):
    d = world.serve()
    client, far = world.session()
    living = far if side == "server" else client
    d.strike(death, side=side, other=other)
    observe(living, seconds=0.5)
    assert living.words == told


@namespaces
@WIRE
def test_a_host_dies_as_one(world):
    """Two of its proxies at the same instant, a third proxy elsewhere lives."""
    second, third = world.add_server(), world.add_server()
    d = world.serve(
        {"host db": {"title": "a machine of two services"},
         "proxy two": {"listen": world.listen_text(), "upstream": second.text, "host": "db"},
         "proxy elsewhere": {"listen": world.listen_text(), "upstream": third.text}},
        proxy={"host": "db"})
    capture = world.capture()
    a, _ = world.session()
    b, _ = world.session("two", second)
    c, c_far = world.session("elsewhere", third)
    fired = d.strike("power_loss", host="db")
    assert fired["sessions"] == 2
    a.send(b"?"), b.send(b"?")
    newcomers = [world.start_connect("proxy"), world.start_connect("two")]
    observe(a, b, *newcomers, seconds=0.7)
    assert [p.words for p in (a, b, *newcomers)] == [()] * 4
    c.exchange(c_far)
    ports = [d.address(name)[1] for name in ("proxy", "two")]
    said = [p for port in ports
            for p in capture.packets(src=world.host_addr, sport=port, after=fired["mono_ns"])
            if fired["grade"] == "exact" or not p.signed]
    assert not said
    d.lift()
    assert [p.end() for p in (a, b)] == ["ECONNRESET"] * 2
    c.exchange(c_far)
