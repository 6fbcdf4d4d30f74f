"""A name server for the lab: whatever /etc/resolv.conf names, it is this one, on the host."""

import socket
import struct
import threading

TYPES = {1: socket.AF_INET, 28: socket.AF_INET6}  # A, AAAA
NXDOMAIN, NOERROR = 3, 0


def configured_server():
    with open("/etc/resolv.conf") as f:
        words = [line.split() for line in f]
    return next((w[1] for w in words if len(w) > 1 and w[0] == "nameserver"), "127.0.0.1")


class Names(threading.Thread):
    """`table` may be changed at any time: name -> list of addresses. Unknown: NXDOMAIN. A name
    that maps to None is never answered."""

    def __init__(self, host, table, ttl=1):
        super().__init__(daemon=True)
        self.table, self.ttl, self.asked, self.closed = table, ttl, [], False
        address = configured_server()
        v6 = ":" in address
        if not address.startswith("127."):
            host.ip(f"addr add {address}/{128 if v6 else 32} dev lo" + (" nodad" if v6 else ""))
        with host.inside():
            self.sock = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((address, 53))
        self.sock.settimeout(0.1)
        self.start()

    def run(self):
        while not self.closed:
            try:
                query, asker = self.sock.recvfrom(512)
            except TimeoutError:
                continue
            answer = self._answer(query)
            if answer:
                self.sock.sendto(answer, asker)

    def _answer(self, query):
        at, labels = 12, []
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
            at += 1 + query[at]
        name, question = ".".join(labels), query[12:at + 5]
        kind = struct.unpack_from("!H", query, at + 1)[0]
        self.asked.append(name)
        if name in self.table and self.table[name] is None:
            return None
        family = TYPES.get(kind)
        found = [a for a in self.table.get(name, ())
                 if family and (":" in a) == (family == socket.AF_INET6)]
        code = NOERROR if name in self.table else NXDOMAIN
        head = query[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(found), 0, 0)
        records = b""
        for address in found:
            data = socket.inet_pton(family, address)
            records += struct.pack("!HHHIH", 0xC00C, kind, 1, self.ttl, len(data)) + data
        return head + question + records

    def close(self):
        self.closed = True
        self.join()
        self.sock.close()
