"""What really went over a cable.

A packet socket (packet(7)) on a machine's interface, bound before the action: from then on the
kernel keeps every packet with its time, and its first bytes only. Times are turned into
CLOCK_MONOTONIC, the clock of the timeline. save() writes a pcap file for people.
"""

import ctypes
import mmap
import socket
import struct
import threading
import time
from dataclasses import dataclass

ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 0x0003, 0x0800, 0x86DD
SO_ATTACH_FILTER = 26
SOL_PACKET, PACKET_RX_RING, PACKET_STATISTICS, PACKET_VERSION = 263, 5, 6, 10
TPACKET_V2, TP_STATUS_USER = 1, 1
SNAPLEN, FRAME, BLOCK = 192, 512, 1 << 16
FLAGS = "FSRPAUEC"
MD5_OPTION = 19  # RFC 2385


@dataclass
class Packet:
    mono_ns: int
    src: str
    sport: int
    dst: str
    dport: int
    flags: str    # of "FSRPA.."
    seq: int
    ack: int
    length: int   # of the payload
    options: set  # kinds

    @property
    def signed(self):
        return MD5_OPTION in self.options

    def __str__(self):
        return (f"{self.mono_ns / 1e9:.6f} {self.src}.{self.sport} > {self.dst}.{self.dport} "
                f"[{self.flags}] seq {self.seq} ack {self.ack} length {self.length}"
                f"{' signed' if self.signed else ''}")


class Capture:
    """The ring (PACKET_RX_RING, TPACKET_V2) is memory of the socket's own: no sysctl limits it, so
    root of a user namespace loses no packet either. A thread empties it now and then."""

    def __init__(self, machine, interface="eth0", frames=1 << 14):
        with machine.inside():
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        program = ctypes.create_string_buffer(struct.pack("=HBBI", 0x06, 0, 0, SNAPLEN))  # ret
        self.sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                             struct.pack("HP", 1, ctypes.addressof(program)))
        self.sock.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V2)
        blocks = frames * FRAME // BLOCK
        self.sock.setsockopt(SOL_PACKET, PACKET_RX_RING,
                             struct.pack("=IIII", BLOCK, blocks, FRAME, frames))
        self.ring, self.frames, self.next = mmap.mmap(self.sock.fileno(), frames * FRAME), frames, 0
        self.sock.bind((interface, ETH_P_ALL))
        self.raw, self.lost = [], 0  # raw: of (wall_ns, bytes)
        self.wall_minus_mono = time.time_ns() - time.monotonic_ns()
        self.lock, self.closed = threading.Lock(), False
        self.thread = threading.Thread(target=self._keep_up, daemon=True)
        self.thread.start()

    def _keep_up(self):
        while not self.closed:
            with self.lock:
                self._drain()
            time.sleep(0.05)

    def _drain(self):
        while True:
            at = self.next * FRAME
            status, _, length, mac, _, seconds, nanoseconds = struct.unpack_from(
                "=IIIHHII", self.ring, at)
            if not status & TP_STATUS_USER:
                break
            self.raw.append((seconds * 10**9 + nanoseconds,
                             self.ring[at + mac:at + mac + length]))
            struct.pack_into("=I", self.ring, at, 0)
            self.next = (self.next + 1) % self.frames
        _, lost = struct.unpack("=II", self.sock.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        self.lost += lost

    def packets(self, src=None, dst=None, sport=None, dport=None, after=0, before=1 << 63):
        """Of TCP, in the order seen; after and before in monotonic ns."""
        with self.lock:
            self._drain()
        assert self.lost == 0, f"the capture lost {self.lost} packets"
        found = []
        for wall_ns, data in self.raw:
            p = _parse(data, wall_ns - self.wall_minus_mono)
            if (p and after <= p.mono_ns < before
                    and (src is None or p.src == src) and (dst is None or p.dst == dst)
                    and (sport is None or p.sport == sport)
                    and (dport is None or p.dport == dport)):
                found.append(p)
        return found

    def save(self, path):
        with self.lock:
            self._drain()
        with open(path, "wb") as f:
            f.write(struct.pack("=IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, SNAPLEN, 1))
            for wall_ns, data in self.raw:
                f.write(struct.pack("=IIII", wall_ns // 10**9, wall_ns % 10**9, len(data),
                                    len(data)) + data)

    def close(self):
        self.closed = True
        self.thread.join()
        self.ring.close()
        self.sock.close()


def _parse(frame, mono_ns):
    """An Ethernet frame's TCP segment, or None."""
    kind, ip = struct.unpack_from("!H", frame, 12)[0], frame[14:]
    if kind == ETH_P_IP and ip[9] == socket.IPPROTO_TCP:
        header = (ip[0] & 15) * 4
        src, dst = (socket.inet_ntop(socket.AF_INET, ip[at:at + 4]) for at in (12, 16))
        total = struct.unpack_from("!H", ip, 2)[0]
    elif kind == ETH_P_IPV6:
        protocol, header = ip[6], 40
        while protocol in (0, 43, 60):  # hop-by-hop, routing, destination options
            protocol, header = ip[header], header + 8 + ip[header + 1] * 8
        if protocol != socket.IPPROTO_TCP:
            return None
        src, dst = (socket.inet_ntop(socket.AF_INET6, ip[at:at + 16]) for at in (8, 24))
        total = 40 + struct.unpack_from("!H", ip, 4)[0]
    else:
        return None
    tcp = ip[header:]
    sport, dport, seq, ack, offset, bits = struct.unpack_from("!HHIIBB", tcp)
    offset = (offset >> 4) * 4
    flags = "".join(c for n, c in enumerate(FLAGS) if bits >> n & 1)
    return Packet(mono_ns, src, sport, dst, dport, flags, seq, ack, total - header - offset,
                  set(_option_kinds(tcp[20:offset])))


def _option_kinds(options):
    at = 0
    while at < len(options) and options[at] != 0:
        yield options[at]
        if options[at] == 1:
            at += 1
        elif at + 1 < len(options) and options[at + 1] >= 2:
            at += options[at + 1]
        else:
            return
