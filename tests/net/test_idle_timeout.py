"""The middlebox that forgets: what each end sees when a session was idle for too long, by mode."""

import pytest
from conftest import ONCE, WIRE, Variant, only, variants
from peer import observe

AFTER = {"type": "idle_timeout", "after": "600ms"}


def unanswered(*peers):
    """Each of them speaks; nobody acknowledges, nobody refuses."""
    for peer in peers:
        peer.sock.setblocking(False)
        peer.sock.send(b"?")
    observe(*peers, seconds=1)
    return all(peer.state == "ESTABLISHED" and peer.info.unacked > 0 and peer.words == ()
               for peer in peers)


def forgotten(world, mode):
    d = world.serve(faults={"f": {**AFTER, "mode": mode}})
    client, far = world.session()
    fired = d.wait_event("fault.fired", fault="f")
    last = max(e["mono_ns"] for e in d.events("session.connected"))
    assert 0.6 <= (fired["mono_ns"] - last) / 1e9 < 0.9
    return d, client, far


@WIRE
def test_drop_lets_later_segments_vanish(world):
    d, client, far = forgotten(world, "drop")
    assert unanswered(client, far)
    d.wait_event("segments.dropped", session=1, leg="client")
    d.lift()  # the middlebox is gone: what was not acknowledged gets through
    far.recv(1)
    client.recv(1)


@WIRE
def test_rst_next_answers_who_speaks_and_leaves_the_other_half_open(world):
    _, client, far = forgotten(world, "rst_next")
    observe(client, far, seconds=0.5)
    assert client.words == far.words == (), "nothing is said when it happens"
    client.send(b"?")
    assert client.end(2) == "ECONNRESET"
    observe(far, seconds=0.5)
    assert far.words == () and far.state == "ESTABLISHED", "half-open"
    far.send(b"?")
    assert far.end(2) == "ECONNRESET"


@WIRE
@pytest.mark.parametrize("mode, word", [("rst_both", "ECONNRESET"), ("fin", "EOF")])
def test_both_ends_are_told_at_once(world, mode, word):
    _, client, far = forgotten(world, mode)
    assert (client.end(1), far.end(1)) == (word, word)


@variants(relays=("splice",), privileges=("exact", "nobody"))
@pytest.mark.parametrize("counts", ["yes", "no"])
def test_keepalive_probes_restart_the_clock_where_they_count(world, counts):
    """Probes come each second, the middlebox forgets after one and a half."""
    d = world.serve(faults={"f": {"type": "idle_timeout", "after": "1500ms", "mode": "rst_both",
                                  "keepalive_counts": counts}})
    client, far = world.session()
    client.keepalive(idle=1, interval=1, count=9)
    observe(client, far, seconds=4)
    if counts == "yes":
        client.exchange(far)
        assert d.events("fault.fired") == []
    else:
        assert client.words == far.words == ("ECONNRESET",)


# Presets, sooner: a middlebox's own seconds and mode, divided by time_scale.


SOME = only([Variant("v4", "splice", "exact"), Variant("v6", "copy", "nobody"),
             Variant("v4", "copy", "equivalent")])


def scaled(world, preset, seconds, scale, **keys):
    """A session that the middlebox has just forgotten, with a capture before each end."""
    near, beyond = world.capture(), world.capture(world.lab.server)
    d = world.serve(faults={"f": {"type": "idle_timeout", "time_scale": scale, "preset": preset, **keys}})
    client, far = world.session()
    fired = d.wait_event("fault.fired", fault="f")
    last = max(e["mono_ns"] for e in d.events("session.connected"))
    assert seconds / scale <= (fired["mono_ns"] - last) / 1e9 < seconds / scale + 1
    note = d.wait_event("fault.armed", fault="f")["note"]
    assert note.startswith(f"after={seconds}s at time_scale={scale} is ")
    assert note in d.log(), "the log says it, too"
    say = [lambda: spoken(near, world.host_addr, fired), lambda: spoken(beyond, world.host_far_addr, fired)]
    return client, far, *say


def spoken(capture, address, fired):
    """Flags of what that address said, and a kernel takes, since the middlebox forgot."""
    begin = fired["mono_ns"] - fired["settled_within_ns"] - 50_000_000
    return [p.flags for p in capture.packets(src=address, after=begin) if not p.signed]


@SOME
def test_aws_nlb_resets_the_next_sender_and_leaves_the_other_half_open(world):
    client, far, to_client, to_server = scaled(world, "aws-nlb", 350, 500)
    observe(client, far, seconds=0.4)
    assert client.words == far.words == () and to_client() == to_server() == []
    client.send(b"?")
    assert client.end(2) == "ECONNRESET" and to_client() == ["R"]
    observe(far, seconds=0.4)
    assert far.words == () and far.state == "ESTABLISHED" and to_server() == [], "half-open"
    far.send(b"?")
    assert far.end(2) == "ECONNRESET" and to_server() == ["R"]


@SOME
def test_azure_lb_is_silent(world):
    client, far, to_client, to_server = scaled(world, "azure-lb", 240, 400)
    assert unanswered(client, far)
    assert to_client() == to_server() == []


@SOME
@pytest.mark.parametrize("preset, seconds, scale, word, flag", [
    ("azure-lb-reset", 240, 400, "ECONNRESET", "R"), ("aws-alb", 60, 100, "EOF", "F")])
def test_presets_that_tell_both_ends(world, preset, seconds, scale, word, flag):
    client, far, to_client, to_server = scaled(world, preset, seconds, scale)
    assert (client.end(1), far.end(1)) == (word, word)
    assert [flag in flags for flags in to_client()[:1] + to_server()[:1]] == [True, True]


@ONCE
def test_keys_that_are_given_win_over_the_preset(world):
    client, far, *_ = scaled(world, "azure-lb", 60, 100, after="60s", mode="fin")
    assert (client.end(1), far.end(1)) == ("EOF", "EOF")


@ONCE
def test_keepalive_keeps_an_nlb_flow_and_not_an_alb_one(world):
    """Probes come each second: a balancer of segments passes them on, a proxy answers them itself."""
    world.serve(faults={
        "nlb": {"type": "idle_timeout", "preset": "aws-nlb", "time_scale": 100, "proxy": "nlb"},
        "alb": {"type": "idle_timeout", "preset": "aws-alb", "time_scale": 17, "proxy": "alb"}},
        sections={"proxy nlb": world.proxy_section(), "proxy alb": world.proxy_section()})
    kept, ended = world.session("nlb"), world.session("alb")
    for client in kept[0], ended[0]:
        client.keepalive(idle=1, interval=1, count=9)
    observe(*kept, *ended, seconds=5)
    kept[0].exchange(kept[1])
    assert ended[0].words == ended[1].words == ("EOF",)


@ONCE
def test_what_is_too_soon_is_refused(world):
    """A reload with it changes nothing."""
    d = world.serve()
    d.change({"fault f": {"type": "idle_timeout", "proxy": "*", "preset": "node", "time_scale": 501}},
             expect="config.rejected")
    error = d.events("config.rejected")[-1]["error"]
    assert "[fault f] time_scale: expected at most 500" in error
