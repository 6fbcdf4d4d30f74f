"""Three machines made of network namespaces:

    client 10.9.1.1 ---- 10.9.1.2 host 10.9.2.2 ---- 10.9.2.3 server
           fd09:1::1     fd09:1::2      fd09:2::2     fd09:2::3

deadpeer runs on `host`. A namespace here has no name and no process: it lives as long as this
process holds its descriptor, so that nothing stays behind however a test ends. A socket keeps the
namespace it was made in, so one test thread can hold sockets of all three machines.

Made as root, or inside `unshare -Ur` (user_namespaces(7)) as root of a user namespace. Where
neither is possible, all three machines are this one, on loopback: what needs a namespace of its
own is then skipped by name.
"""

import ctypes
import os
import subprocess
from contextlib import contextmanager

CLONE_NEWNET = 0x40000000
MODE = os.environ.get("DEADPEER_NET", "root")  # root, userns or loopback: tests/net/run decides
LOOPBACK = MODE == "loopback"

_libc = ctypes.CDLL(None, use_errno=True)


def _check(rc):
    if rc != 0:
        err = ctypes.get_errno()
        raise OSError(err, os.strerror(err))


def _current_netns():
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


class Machine:
    """One namespace, and the addresses of its (first) interface by family."""

    def __init__(self, name):
        self.name = name
        self.addr = {}
        self.far_addr = {}  # host only: the addresses on the server's side
        home = _current_netns()
        try:
            _check(_libc.unshare(CLONE_NEWNET))
            self.fd = _current_netns()
        finally:
            _check(_libc.setns(home, CLONE_NEWNET))
            os.close(home)

    @contextmanager
    def inside(self):
        """This thread, and the processes and sockets it makes meanwhile, are on that machine."""
        home = _current_netns()
        _check(_libc.setns(self.fd, CLONE_NEWNET))
        try:
            yield
        finally:
            _check(_libc.setns(home, CLONE_NEWNET))
            os.close(home)

    def ip(self, *lines):
        with self.inside():
            done = subprocess.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n", text=True,
                                  capture_output=True)
        assert done.returncode == 0, f"ip: {done.stderr} in {lines}"

    def sysctl(self, **values):
        """Keys of net.ipv4, as tcp_retries2=3."""
        with self.inside():
            for key, value in values.items():
                with open(f"/proc/sys/net/ipv4/{key}", "w") as f:
                    f.write(str(value))

    def close(self):
        os.close(self.fd)


class LoopbackMachine:
    """This machine itself, wearing another of its own addresses."""

    def __init__(self, name, last_octet):
        self.name = name
        self.addr = {"v4": f"127.0.0.{last_octet}", "v6": "::1"}
        self.far_addr = self.addr

    @contextmanager
    def inside(self):
        yield

    def close(self):
        pass


class Lab:
    def __init__(self):
        if LOOPBACK:
            self.client, self.host, self.server = (
                LoopbackMachine(name, n) for n, name in enumerate(("client", "host", "server"), 1))
            return
        self.client, self.host, self.server = map(Machine, ("client", "host", "server"))
        _join(self.client, 1, "eth0", self.host, 2, "eth0", net=1)
        _join(self.host, 2, "eth1", self.server, 3, "eth0", net=2)
        self.host.far_addr = {"v4": "10.9.2.2", "v6": "fd09:2::2"}
        self.host.addr = {"v4": "10.9.1.2", "v6": "fd09:1::2"}
        for machine in self.client, self.host, self.server:
            machine.ip("link set lo up")

    def add_client(self, number):
        """Another client's machine, on a cable of its own; the host's end of it is in
        far_addr."""
        client, net = Machine(f"client{number}"), 10 + number
        _join(client, 1, "eth0", self.host, 2, f"eth{net}", net=net)
        self.host.addr = {"v4": "10.9.1.2", "v6": "fd09:1::2"}
        client.far_addr = {"v4": f"10.9.{net}.2", "v6": f"fd09:{net}::2"}
        client.ip("link set lo up")
        return client

    def add_address(self, machine, family_name):
        """A second address of the client's or the server's machine."""
        net, number, host_if = (1, 1, "eth0") if machine is self.client else (2, 3, "eth1")
        address = {"v4": f"10.9.{net}.77", "v6": f"fd09:{net}::77"}[family_name]
        length = {"v4": "24", "v6": "64"}[family_name]
        machine.ip(f"addr add {address}/{length} dev eth0"
                   + (" nodad" if family_name == "v6" else ""))
        self.host.ip(f"neigh replace {address} lladdr {_mac(net, number)} dev {host_if} "
                     "nud permanent")
        return address

    def close(self):
        for machine in self.client, self.host, self.server:
            machine.close()


def _mac(net, number):
    return f"02:09:00:00:{net:02}:{number:02}"


def _join(a, a_number, a_if, b, b_number, b_if, net):
    """A cable. Neighbours are entered by hand: resolution (and IPv6's duplicate address detection)
    would otherwise delay a first packet, and be traffic in a capture."""
    a.ip(f"link add {a_if} address {_mac(net, a_number)} type veth peer name {b_if} "
         f"address {_mac(net, b_number)} netns /proc/{os.getpid()}/fd/{b.fd}")
    for me, dev, mine, other in (a, a_if, a_number, b_number), (b, b_if, b_number, a_number):
        me.addr = {"v4": f"10.9.{net}.{mine}", "v6": f"fd09:{net}::{mine}"}
        me.ip(f"link set {dev} addrgenmode none",
              f"link set {dev} up",
              f"addr add {me.addr['v4']}/24 dev {dev}",
              f"addr add {me.addr['v6']}/64 dev {dev} nodad",
              f"neigh replace 10.9.{net}.{other} lladdr {_mac(net, other)} dev {dev} nud permanent",
              f"neigh replace fd09:{net}::{other} lladdr {_mac(net, other)} dev {dev} "
              "nud permanent")
