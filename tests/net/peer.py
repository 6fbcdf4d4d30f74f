"""The ends of a connection that are not deadpeer: plain kernel sockets, and what they saw.

observe() watches any number of them in one loop and writes down, for each, the history of what
its kernel said (EOF, ECONNRESET, ETIMEDOUT ...) with the monotonic time of each word.
"""

import errno
import select
import socket
import struct
import time
from dataclasses import dataclass, field

STATES = {1: "ESTABLISHED", 2: "SYN_SENT", 3: "SYN_RECV", 4: "FIN_WAIT1", 5: "FIN_WAIT2",
          6: "TIME_WAIT", 7: "CLOSE", 8: "CLOSE_WAIT", 9: "LAST_ACK", 10: "LISTEN", 11: "CLOSING"}
FAMILY = {"v4": socket.AF_INET, "v6": socket.AF_INET6}
IP_MINTTL, IPV6_MINHOPCOUNT = 21, 73
TCP_USER_TIMEOUT = 18


@dataclass
class Info:
    """The part of struct tcp_info (linux/tcp.h) that tests ask for."""
    state: str
    retransmits: int
    probes: int
    unacked: int
    last_ack_recv_ms: int
    bytes_acked: int
    segs_in: int
    snd_wnd: int

    @classmethod
    def of(cls, sock):
        b = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 232).ljust(232, b"\0")
        u32 = lambda at: struct.unpack_from("=I", b, at)[0]
        return cls(STATES[b[0]], b[2], b[3], u32(24), u32(56),
                   struct.unpack_from("=Q", b, 120)[0], u32(140), u32(228))


@dataclass(eq=False)
class Peer:
    """One real socket. `sends` makes it write a byte every so many seconds while it is observed;
    `speaks_at` makes it write one byte once, that many seconds into the observation."""
    sock: socket.socket
    name: str = "peer"
    sends: float = 0
    speaks_at: float = 0
    history: list = field(default_factory=list)  # of (what, mono_ns)
    received: bytearray = field(default_factory=bytearray)
    sent: int = 0
    connecting: bool = False

    def keepalive(self, idle=1, interval=1, count=2):
        for level, option, value in ((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
                                     (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, idle),
                                     (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, interval),
                                     (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, count)):
            self.sock.setsockopt(level, option, value)
        return self

    def user_timeout(self, seconds):
        self.sock.setsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, int(seconds * 1000))
        return self

    def deaf(self, on=True):
        """Its kernel drops every segment that arrives (RFC 5082's check), so it acknowledges
        nothing: what is sent to it stays in flight."""
        deafen(self.sock, on)
        return self

    @property
    def state(self):
        return Info.of(self.sock).state

    @property
    def info(self):
        return Info.of(self.sock)

    @property
    def words(self):
        return tuple(what for what, _ in self.history)

    @property
    def over(self):
        """Nothing more can come of it."""
        return bool(self.history) and self.history[-1][0] not in ("accepted", "EOF")

    @property
    def settled(self):
        """Nothing more is expected of it: a peer that only listens has heard EOF."""
        return bool(self.history) and not (self.words[-1] == "EOF" and self.sends)

    def say(self, what):
        self.history.append((what, time.monotonic_ns()))

    def send(self, data, timeout=5):
        """Blocking, whole."""
        self.sock.settimeout(timeout)
        self.sock.sendall(data)
        self.sent += len(data)

    def recv(self, count, timeout=5):
        """Blocking, exactly count bytes (fewer only at EOF)."""
        self.sock.settimeout(timeout)
        got = bytearray()
        while len(got) < count:
            piece = self.sock.recv(count - len(got))
            if not piece:
                break
            got += piece
        return bytes(got)

    def end(self, timeout=5):
        """How the connection ends, as one word: "EOF", an errno's name, or "nothing" in time.
        Data that comes before goes to `received`."""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            self.sock.settimeout(left)
            try:
                data = self.sock.recv(65536)
            except TimeoutError as e:  # also the kernel's own ETIMEDOUT
                return "ETIMEDOUT" if e.errno == errno.ETIMEDOUT else "nothing"
            except OSError as e:
                return errno.errorcode[e.errno]
            if not data:
                return "EOF"
            self.received += data
        return "nothing"

    def exchange(self, other, data=b"are you there?", timeout=5):
        """Bytes one way, and back."""
        self.send(data, timeout)
        assert other.recv(len(data), timeout) == data
        other.send(data[::-1], timeout)
        assert self.recv(len(data), timeout) == data[::-1]

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def abort(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    # What observe() calls.

    def _interest(self):
        if self.connecting:
            return select.POLLOUT
        return 0 if "EOF" in self.words else select.POLLIN

    def _ready(self, bits):
        err = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if err:
            self.connecting = False
            self._fail(err)
        elif self.connecting and bits & select.POLLOUT:
            self.connecting = False
            self.say("accepted")
        elif bits & (select.POLLIN | select.POLLHUP):
            self._read()

    def _fail(self, err):
        # tcp_reset() says EPIPE when a FIN had come before, whether or not it had been read.
        if err == errno.EPIPE and "EOF" not in self.words:
            self.say("EOF")
        if err != errno.EAGAIN:
            self.say(errno.errorcode[err])

    def _read(self):
        try:
            data = self.sock.recv(65536)
        except OSError as e:
            self._fail(e.errno)
            return
        if data:
            self.received += data
        elif "EOF" not in self.words:
            self.say("EOF")
        else:
            self.say("HUP")

    def _write(self):
        try:
            self.sent += self.sock.send(b"x")
        except OSError as e:
            self._fail(e.errno)


def deafen(sock, on=True):
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_MINHOPCOUNT, 255 if on else 0)
    else:
        sock.setsockopt(socket.IPPROTO_IP, IP_MINTTL, 255 if on else 0)


def _write_due(peer, now, begin, next_write):
    if peer.connecting or peer.over:
        return
    if peer.speaks_at and now >= begin + peer.speaks_at:
        peer.speaks_at = 0
        peer._write()
    elif peer.sends and now >= next_write.get(peer, begin):
        next_write[peer] = now + peer.sends
        peer._write()


def observe(*peers, seconds, until_settled=False):
    """Watches for so long, or (until_settled) until each of them has a word to say."""
    begin = time.monotonic()
    next_write = {}
    for peer in peers:
        peer.sock.setblocking(False)
    while (now := time.monotonic()) < begin + seconds:
        live = [p for p in peers if not p.over]
        if until_settled and all(p.settled for p in peers):
            return
        poll, by_fd = select.poll(), {}
        for peer in live:
            by_fd[peer.sock.fileno()] = peer
            poll.register(peer.sock, peer._interest())
        for fd, bits in poll.poll(10):  # first: a peer hears before it speaks
            by_fd[fd]._ready(bits)
        for peer in live:
            _write_due(peer, now, begin, next_write)


def wait_until(predicate, timeout=5, what=""):
    """The predicate's first true value; fails when there is none in time."""
    deadline = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {timeout} s: {what or predicate}"
        time.sleep(0.005)


def start_connect(machine, family, address, name="connecting", source_deaf=False, source=None,
                  late_ack=False):
    """A connect(2) in progress; observe() tells how it ends."""
    with machine.inside():
        sock = socket.socket(family)
    if late_ack:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 1)
    if source:
        sock.bind((source, 0))
    if source_deaf:
        deafen(sock)
    peer = Peer(sock, name, connecting=True)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setblocking(False)
    err = sock.connect_ex(address)
    if err not in (0, errno.EINPROGRESS):
        peer.connecting = False
        peer.say(errno.errorcode[err])
    return peer


def connect(machine, family, address, timeout=5, name="peer"):
    with machine.inside():
        sock = socket.socket(family)
    sock.settimeout(timeout)
    sock.connect(address)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Peer(sock, name)


class Server:
    """A listening socket on a machine; accept() hands out its ends one by one."""

    def __init__(self, machine, family_name, backlog=512, port=0, host=None):
        with machine.inside():
            self.sock = socket.socket(socket.AF_INET6 if family_name == "v6" else socket.AF_INET)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind((host or machine.addr[family_name], port))
        self.sock.listen(backlog)
        self.host, self.port = self.sock.getsockname()[:2]

    @property
    def text(self):
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def accept(self, timeout=5):
        self.sock.settimeout(timeout)
        sock = self.sock.accept()[0]
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Peer(sock, "server")

    def close(self):
        self.sock.close()
