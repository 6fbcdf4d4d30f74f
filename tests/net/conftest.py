"""Fixtures: a lab of its own for each test, in each variant that the test asks for.

A variant is family (v4, v6) x relay (splice, copy) x privilege (exact: root; equivalent: root with
the better rungs taken away; nobody: no capability at all).
"""

import os
import tempfile
from dataclasses import dataclass

import pytest

import lab
from capture import Capture
from peer import FAMILY, Server, connect, observe, start_connect
from proxy import Deadpeer, ini

CI_AS_ROOT = os.environ.get("CI", "") not in ("", "false") and lab.MODE == "root"


@dataclass(frozen=True)
class Variant:
    family: str
    relay: str
    privilege: str

    def __str__(self):
        return f"{self.family}-{self.relay}-{self.privilege}"

    @property
    def splice(self):
        return {"splice": "on", "copy": "off"}[self.relay]


def variants(families=("v4", "v6"), relays=("splice", "copy"),
             privileges=("exact", "equivalent", "nobody")):
    """All combinations, as a mark."""
    return only(Variant(f, r, p) for f in families for r in relays for p in privileges)


def only(every):
    return pytest.mark.parametrize("variant", list(every), ids=str)


EVERYWHERE = variants()
# Where the relay is the subject: no privilege matters.
RELAY = variants(privileges=("nobody",))
# Where the wire is the subject: both families and all rungs, the two relays by turns.
WIRE = only(Variant(f, ("splice", "copy")[(n + m) % 2], p)
             for n, f in enumerate(("v4", "v6"))
             for m, p in enumerate(("exact", "equivalent", "nobody")))
# Where neither is.
ONCE = variants(("v4",), ("splice",), ("nobody",))


class World:
    """A lab, a server in it, deadpeer between, and everything that must be closed in the end."""

    def __init__(self, variant):
        self.variant = variant
        self.family = FAMILY[variant.family]
        self.lab = lab.Lab()
        self.closing = [self.lab]
        self.captures = []
        self.deadpeers = []
        self.server = self.add_server()
        self.deadpeer = None

    def keep(self, thing):
        self.closing.append(thing)
        return thing

    def add_server(self, **kw):
        return self.keep(Server(self.lab.server, self.variant.family, **kw))

    def add_server_address(self):
        return self.lab.add_address(self.lab.server, self.variant.family)

    def capture(self, machine=None, **kw):
        capture = self.keep(Capture(machine or self.lab.client, **kw))
        self.captures.append(capture)
        return capture

    @property
    def host_addr(self):
        """deadpeer's address as the clients know it."""
        return self.lab.host.addr[self.variant.family]

    @property
    def host_far_addr(self):
        """... and as the servers know it."""
        return self.lab.host.far_addr[self.variant.family]

    @property
    def client_addr(self):
        return self.lab.client.addr[self.variant.family]

    def listen_text(self, port=0):
        return f"[{self.host_addr}]:{port}" if ":" in self.host_addr else f"{self.host_addr}:{port}"

    def proxy_section(self, **keys):
        return {"listen": self.listen_text(), "upstream": self.server.text, **keys}

    def serve(self, sections=None, proxy=None, faults=None, start=True, privilege=None, **kw):
        """One proxy named "proxy" in front of self.server, and what else is in sections."""
        every = {"proxy proxy": self.proxy_section(**(proxy or {}))}
        every.update(sections or {})
        for name, keys in (faults or {}).items():
            every[f"fault {name}"] = keys if "host" in keys else {"proxy": "*", **keys}
        d = Deadpeer(self.lab.host, every, privilege or self.variant.privilege,
                     self.variant.splice, **kw)
        self.deadpeers.append(d)
        self.deadpeer = self.deadpeer or d
        return d.start() if start else d

    def connect(self, proxy="proxy", timeout=5, **kw):
        return self.keep(connect(self.lab.client, self.family,
                                 self.deadpeer.address(proxy), timeout, **kw))

    def start_connect(self, proxy="proxy", **kw):
        return self.keep(start_connect(self.lab.client, self.family,
                                       self.deadpeer.address(proxy), **kw))

    def connect_and_hear(self, proxy="proxy", timeout=5):
        """How a new client's connection ends; the reset may come before connect(2) returns."""
        client = self.start_connect(proxy)
        observe(client, seconds=timeout, until_settled=True)
        return client.end(timeout) if client.words == ("accepted",) else client.words[-1]

    def session(self, proxy="proxy", server=None, name="peer", talk=True):
        """A client's end and the server's end of a session that has carried bytes both ways."""
        client = self.connect(proxy, name=name)
        far = self.keep((server or self.server).accept())
        if talk:
            client.exchange(far)
        return client, far

    def close(self):
        for thing in reversed(self.closing):
            thing.close()
        died = [d for d in self.deadpeers if d.stop()]
        for d in self.deadpeers:
            d.remove()
        assert not died, "deadpeer was ended by a signal of its own, or a sanitizer complained"

    def tell(self):
        """For the report of a test that failed."""
        for d in self.deadpeers:
            yield "deadpeer's configuration", ini(d.sections)
            yield "deadpeer's log", "\n".join(d.log().splitlines()[-60:])
        for n, capture in enumerate(self.captures):
            path = os.path.join(tempfile.gettempdir(), f"deadpeer-{os.getpid()}-{n}.pcap")
            capture.save(path)
            yield "capture", path


@pytest.fixture
def world(variant):
    if variant.privilege != "nobody" and not _has_net_admin():
        pytest.skip(f"{variant.privilege}: CAP_NET_ADMIN is not to be had here")
    if variant.family == "v6" and not os.path.exists("/proc/net/if_inet6"):
        pytest.skip("v6: this kernel has no IPv6")
    w = World(variant)
    yield w
    w.close()


def _has_net_admin():
    with open("/proc/self/status") as f:
        effective = next(line for line in f if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], 16) >> 12 & 1)


namespaces = pytest.mark.skipif(lab.LOOPBACK, reason="no network namespace is to be had here")


def pytest_configure(config):
    for mark in ("heavy: needs the machine for itself; run one at a time",
                 "long: make test-long"):
        config.addinivalue_line("markers", mark)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed and report.when == "call" and "world" in getattr(item, "funcargs", {}):
        report.sections += item.funcargs["world"].tell()


def pytest_sessionfinish(session, exitstatus):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if CI_AS_ROOT and reporter and reporter.stats.get("skipped") and exitstatus == 0:
        reporter.write_line("CI, as root: nothing may be skipped")
        session.exitstatus = 1
