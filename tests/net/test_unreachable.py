"""A router or a firewall says that the server cannot be reached: ICMP in answer to segments."""

import errno
import socket
import subprocess
import tempfile

import pytest
from bulk import Drink, Pour, same
from conftest import Variant, namespaces, only, variants
from peer import FAMILY, connect, observe, start_connect, wait_until

# The rungs that silence the sockets (raw: CAP_NET_RAW alone), the two relays by turns.
RUNGS = only(Variant(f, ("splice", "copy")[(n + m) % 2], p)
             for n, f in enumerate(("v4", "v6"))
             for m, p in enumerate(("exact", "equivalent", "partial", "raw")))
BOTH = variants(relays=("splice",), privileges=("exact", "raw"))
FAMILIES = variants(relays=("splice",), privileges=("raw",))

# What connect(2) says, and the type and code of the message (tcp_v4_err(), tcp_v6_err()).
CODES = {
    "v4": {"host": ("EHOSTUNREACH", 3, 1), "net": ("ENETUNREACH", 3, 0),
           "port": ("ECONNREFUSED", 3, 3), "admin": ("EHOSTUNREACH", 3, 13)},
    "v6": {"host": ("EHOSTUNREACH", 1, 3), "net": ("ENETUNREACH", 1, 0),
           "port": ("ECONNREFUSED", 1, 4), "admin": ("EACCES", 1, 1)},
}
RECVERR = {"v4": (socket.IPPROTO_IP, 11), "v6": (socket.IPPROTO_IPV6, 25)}

pytestmark = namespaces


def connect_error(world, proxy="proxy"):
    """Of a blocking connect(2)."""
    try:
        world.connect(proxy)
    except OSError as e:
        return errno.errorcode.get(e.errno, str(e))
    return "accepted"


def tshark(capture, family, *fields):
    """A row for each ICMP error on the cable."""
    with tempfile.NamedTemporaryFile(suffix=".pcap") as f:
        capture.save(f.name)
        errors = {"v4": "icmp", "v6": "icmpv6.type < 128"}[family]
        done = subprocess.run(
            ["tshark", "-n", "-r", f.name, "-Y", errors, "-T", "fields", "-E", "occurrence=a",
             "-o", "tcp.relative_sequence_numbers:FALSE", *(w for field in fields for w in ("-e", field))],
            capture_output=True, text=True, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


def raw_sockets(world):
    with world.lab.host.inside():
        count = 0
        for name in ("raw", "raw6"):
            with open(f"/proc/thread-self/net/{name}") as f:
                count += len(f.readlines()) - 1
    return count


@RUNGS
def test_connect_fails_at_once_and_says_why(world):
    d = world.serve()
    for code, (word, _, _) in CODES[world.variant.family].items():
        fired = d.strike("unreachable", code=code)
        assert fired["grade"] == d.privilege.grade
        assert raw_sockets(world) == 2
        peer = world.start_connect()
        began = fired["mono_ns"]
        observe(peer, seconds=5, until_settled=True)
        assert peer.words == (word,), f"{code}: {peer.words}"
        assert (peer.history[0][1] - began) / 1e9 < 2.5, "not with the first SYNs"
        assert connect_error(world) == word, "a connect(2) that blocks"
        d.lift()
        assert connect_error(world) == "accepted"
        assert raw_sockets(world) == 0


@FAMILIES
def test_what_is_on_the_cable(world):
    """Type, code, a right checksum, the address that was asked (not the one that the host prefers:
    its first over IPv4, its last over IPv6), and the segment that it is about."""
    family = world.variant.family
    world.lab.host.ip("addr add 10.9.1.88/24 dev eth0", "addr add fd09:1::88/64 dev eth0 nodad")
    asked = {"v4": "10.9.1.88", "v6": world.host_addr}[family]
    d = world.serve(proxy={"listen": f"[{asked}]:0" if family == "v6" else f"{asked}:0"})
    port = d.address()[1]
    wanted, seen = [], []
    for code, (word, kind, number) in CODES[family].items():
        capture = world.capture()
        d.strike("unreachable", code=code)
        peer = world.start_connect()
        own = peer.sock.getsockname()[1]
        observe(peer, seconds=5, until_settled=True)
        assert peer.words == (word,)
        d.lift()
        assert not capture.packets(src=asked), "TCP answered, too"
        syn = capture.packets(src=world.client_addr, dport=port)[0]
        ip, icmp = {"v4": ("ip", "icmp"), "v6": ("ipv6", "icmpv6")}[family]
        rows = tshark(capture, family, f"{icmp}.type", f"{icmp}.code", f"{icmp}.checksum.status",
                      f"{ip}.src", f"{ip}.dst", "tcp.srcport", "tcp.dstport", "tcp.seq")
        seen.append(rows[0])
        wanted.append([str(kind), str(number), "1",
                       f"{asked},{world.client_addr}", f"{world.client_addr},{asked}",
                       str(own), str(port), str(syn.seq)])
    assert seen == wanted


@BOTH
def test_a_session_that_sends_ends_with_the_error_in_place_of_ETIMEDOUT(world):
    """Keepalive probes quote what is not in flight: the kernel believes no error of those."""
    faults = {"host": "EHOSTUNREACH", "net": "ENETUNREACH", "port": "ECONNREFUSED",
              "cut": "ETIMEDOUT"}
    world.serve({f"proxy {name}": world.proxy_section() for name in faults})
    d = world.deadpeer
    senders = {name: world.session(name, name=name)[0].user_timeout(1) for name in faults}
    probing = world.session("host", name="probing")[0].keepalive(idle=1, interval=1, count=2)
    eager = world.session("host", name="eager")[0]
    eager.sock.setsockopt(*RECVERR[world.variant.family], 1)
    d.change({f"fault {name}": {"type": "unreachable", "code": name, "proxy": name}
              for name in faults if name != "cut"}
             | {"fault cut": {"type": "partition", "proxy": "cut"}})
    peers = [*senders.values(), eager]
    for peer in peers:
        peer.send(b"?")
    observe(*peers, probing, seconds=8, until_settled=True)
    assert {name: p.words[-1:] for name, p in senders.items()} == {
        name: (word,) for name, word in faults.items()}
    assert eager.words[:1] == ("EHOSTUNREACH",), "IP_RECVERR: at once"
    assert eager.history[0][1] < min(p.history[0][1] for p in senders.values())
    assert probing.words == ("ETIMEDOUT",)


@RUNGS
def test_lifted_in_time_nothing_is_lost(world, size=24 << 20):
    d = world.serve()
    client, far = world.session(talk=False)
    idle, idle_far = world.session()
    up, down = Pour(client.sock, size, "up"), Pour(far.sock, size, "down")
    up_end, down_end = Drink(far.sock), Drink(client.sock)
    wait_until(lambda: min(up_end.done, down_end.done) > 1 << 20, 20)
    sockets = d.open_files("socket:")
    d.strike("unreachable")
    assert d.open_files("socket:") == sockets + 2
    with pytest.raises(OSError):
        world.connect()
    assert max(up_end.done, down_end.done) < size, "it was over before it was struck"
    assert idle.state == "ESTABLISHED"
    d.lift()
    assert d.open_files("socket:") == sockets
    same(up, up_end)
    same(down, down_end)
    idle.exchange(idle_far)
    world.session()


@BOTH
def test_a_range_of_clients_alone(world):
    family = world.variant.family
    other = world.lab.add_address(world.lab.client, family)
    capture = world.capture()
    d = world.serve()
    spared = world.start_connect(source=world.client_addr)
    spared_far = world.keep(world.server.accept())
    d.strike("unreachable", clients=other)
    struck = world.start_connect(source=other)
    spared_anew = world.start_connect(source=world.client_addr)
    observe(struck, spared_anew, seconds=5, until_settled=True)
    assert (struck.words, spared_anew.words) == (("EHOSTUNREACH",), ("accepted",))
    spared.exchange(spared_far)
    spared_anew.exchange(world.keep(world.server.accept()))
    ip = {"v4": "ip", "v6": "ipv6"}[family]
    assert {row[0].split(",")[0] for row in tshark(capture, family, f"{ip}.dst")} == {other}


@BOTH
def test_one_session_alone(world):
    family = world.variant.family
    capture = world.capture()
    d = world.serve(faults={"f": {"type": "unreachable", "nth": 2}})
    first, first_far = world.session()
    second = world.connect()
    second_port = second.sock.getsockname()[1]
    d.wait_event("fault.fired", fault="f", session=2)
    second.user_timeout(1).send(b"?")
    assert second.end(8) == "EHOSTUNREACH"
    first.exchange(first_far)
    world.keep(world.server.accept())  # of the second
    world.session()
    ports = {row[0] for row in tshark(capture, family, "tcp.srcport")}
    assert ports == {str(second_port)}


@FAMILIES
def test_a_reset_is_not_answered(world):
    """Nobody is left who could be told."""
    capture = world.capture()
    d = world.serve()
    client, _ = world.session()
    port = client.sock.getsockname()[1]
    d.strike("unreachable")
    client.send(b"?")
    answers = lambda: tshark(capture, world.variant.family, "tcp.srcport", "tcp.flags")
    wait_until(answers, 5, "an answer to the data")
    client.abort()
    wait_until(lambda: any("R" in p.flags for p in capture.packets(sport=port)), 5, "the reset")
    assert connect_error(world) == "EHOSTUNREACH"  # whatever was to be said has been
    flags = [int(text, 16) for source, text in answers() if source == str(port)]
    assert flags and not any(f & 4 for f in flags), "an answer to RST"


@FAMILIES
def test_another_end_that_is_told(world):
    d = world.serve()
    client, far = world.session()
    d.strike("unreachable", other="abort")
    assert far.end() == "ECONNRESET"
    observe(client, seconds=0.3)
    assert client.words == ()
    d.lift()
    client.send(b"?")
    assert client.end() == "ECONNRESET"


@variants(("v4",), ("splice",), ("exact", "raw"))
def test_an_address_of_both_families(world):
    d = world.serve(proxy={"listen": ":0"})
    port = d.address()[1]
    host = world.lab.host.addr
    sessions = [connect(world.lab.client, FAMILY[f], (host[f], port)) for f in ("v4", "v6")]
    for peer in sessions:
        world.keep(peer)
        peer.exchange(world.keep(world.server.accept()))
    d.strike("unreachable", code="admin")
    assert raw_sockets(world) == 4
    for family, peer in zip(("v4", "v6"), sessions):
        new = world.keep(start_connect(world.lab.client, FAMILY[family], (host[family], port)))
        observe(new, seconds=5, until_settled=True)
        assert new.words == (CODES[family]["admin"][0],)
        peer.user_timeout(1).send(b"?")
        assert peer.end(8) == CODES[family]["admin"][0]


@FAMILIES
def test_it_amplifies_nothing(world, attempts=1500):
    """At most so many answers a second, however many ask."""
    capture = world.capture()
    d = world.serve()
    address = d.address()
    d.strike("unreachable")
    with world.lab.client.inside():
        socks = [socket.socket(world.family) for _ in range(attempts)]
    for sock in socks:
        sock.setblocking(False)
        sock.connect_ex(address)
        sock.close()
    assert len(capture.packets(dport=address[1])) >= attempts
    assert connect_error(world) == "EHOSTUNREACH", "the first SYN or a later one is answered"
    kind = {"v4": "icmp.type", "v6": "icmpv6.type"}[world.variant.family]
    times = sorted(float(row[0]) for row in tshark(capture, world.variant.family,
                                                   "frame.time_epoch", kind))
    assert len(times) >= 100
    for n, at in enumerate(times):
        within = sum(at <= t < at + 0.1 for t in times[n:])
        assert within <= 200, f"{within} answers in a tenth of a second"


SMALL = 1300


@variants(relays=("splice",), privileges=("exact",))
def test_packets_that_are_too_large(world, size=8 << 20):
    """Dropped, and the sender is told the path's MTU, as by a router (RFC 1191, RFC 8201)."""
    family = world.variant.family
    level, option = {"v4": (socket.IPPROTO_IP, 14), "v6": (socket.IPPROTO_IPV6, 24)}[family]
    capture = world.capture()
    # A sender may have learnt before anybody looks at the counter.
    d = world.serve(settings={"observe_interval": "10s"})
    client, far = world.session()
    fired = d.strike("unreachable", code="frag_needed", mtu=SMALL)
    assert (fired["sessions"], fired["grade"]) == (1, "exact")
    client.exchange(far)
    new, new_far = world.session()
    assert tshark(capture, family, "frame.number") == [], "small ones pass"
    up, up_end = Pour(client.sock, size, "up"), Drink(far.sock)
    down, down_end = Pour(far.sock, size, "down"), Drink(client.sock)
    same(up, up_end)
    same(down, down_end)
    assert client.sock.getsockopt(level, option) == SMALL, "IP_MTU"
    new.exchange(new_far, b"x" * 20000)
    kind, number, field = {"v4": ("3", "4", "icmp.mtu"), "v6": ("2", "0", "icmpv6.mtu")}[family]
    icmp = {"v4": "icmp", "v6": "icmpv6"}[family]
    rows = tshark(capture, family, f"{icmp}.type", f"{icmp}.code", field)
    assert rows and {tuple(row) for row in rows} == {(kind, number, str(SMALL))}
    ip = {"v4": 40, "v6": 60}[family]
    begin = d.events("segments.dropped", leg="client")[0]["mono_ns"]
    assert any(p.length + ip <= SMALL for p in capture.packets(src=world.client_addr, after=begin))
    d.lift()
    assert raw_sockets(world) == 0
    new.exchange(new_far, b"x" * 20000)


@variants(relays=("copy",), privileges=("exact",))
def test_who_does_not_listen_stays_in_the_black_hole(world):
    """Its kernel takes nobody's word for the path's MTU: a locked route, IPV6_PMTUDISC_INTERFACE."""
    world.lab.client.ip("route replace 10.9.1.0/24 dev eth0 src 10.9.1.1 mtu lock 1500")
    d = world.serve()
    client, far = world.session()
    if world.variant.family == "v6":
        client.sock.setsockopt(socket.IPPROTO_IPV6, 23, 4)
    client.user_timeout(1)
    d.strike("unreachable", code="frag_needed", mtu=SMALL)
    client.exchange(far)
    client.send(b"x" * 1400)
    assert client.end(8) == "ETIMEDOUT"


@FAMILIES
def test_a_smaller_path_needs_the_filter(world):
    d = world.serve()
    d.change({"fault f": {"type": "unreachable", "proxy": "*", "code": "frag_needed"}},
             "config.rejected")
    assert [e["reason"] for e in d.events("fault.refused")] == [
        "unreachable: code=frag_needed needs CAP_NET_ADMIN (socket filter): see deadpeer doctor"]


def section_line(d, name):
    with open(d.path("conf"), encoding="ascii") as conf:
        return conf.read().splitlines().index(f"[{name}]") + 1


@variants(("v4", "v6"), ("splice",), ("nobody",))
def test_without_the_right_it_is_refused(world):
    why = "unreachable: needs CAP_NET_RAW to send ICMP: see deadpeer doctor"
    d = world.serve(faults={"f": {"type": "unreachable"}}, start=False)
    d.start(ready=False)
    assert d.wait() != 0
    place = f"{d.path('conf')}:{section_line(d, 'fault f')}: [fault f] {why}"
    assert place in d.log()
    d.sections.pop("fault f")
    d.start()
    client, far = world.session()
    rejected = d.change({"fault g": {"type": "unreachable", "proxy": "*"}}, "config.rejected")
    assert any(why in e.get("reason", "") for e in d.events("fault.refused", fault="g"))
    assert rejected["error"] == f"{d.path('conf')}:{section_line(d, 'fault g')}: [fault g] {why}"
    client.exchange(far)
    world.session()


@variants(("v4",), ("splice",), ("exact",))
def test_a_unix_socket_cannot(world):
    d = world.serve(proxy={"listen": "unix:" + tempfile.mktemp(prefix="deadpeer-")},
                    faults={"f": {"type": "unreachable"}}, start=False)
    d.start(ready=False)
    assert d.wait() != 0
    assert "unix" in d.log().lower()
