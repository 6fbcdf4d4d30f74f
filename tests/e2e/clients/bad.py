"""Clients that are wrong on purpose. bad.py WHAT HOST:PORT [N]

never   sends one line, then waits for an answer without keepalive or a deadline
storm   N processes with a connection each, which is made again at once, without a pause
step    N that come back in step: after 100 ms, 200 ms, 400 ms ... 1.6 s, no jitter
jitter  the same with jitter, each from a seed of its own
twice   sends a request with a deadline of a second; without an answer the same one once more
"""
import os
import random
import signal
import socket
import sys
import time

LINE = b"are you there?\n"
source = None


def connect(address):
    s = socket.create_connection(address, timeout=5, source_address=source)
    s.sendall(LINE)
    s.recv(100)
    return s


def stay(address):
    """Until the connection ends."""
    with connect(address) as s:
        s.settimeout(None)
        while s.recv(100):
            pass


def never(address):
    with connect(address) as s:
        s.settimeout(None)
        s.recv(100)
        time.sleep(3600)


def come_back(address, pauses):
    while True:
        try:
            stay(address)
            pauses.reset()
        except OSError:
            pass
        pauses.wait()


class Pauses:
    def __init__(self, first, most, seed):
        self.first, self.most, self.random = first, most, random.Random(seed) if seed else None
        self.reset()

    def reset(self):
        self.next = self.first

    def wait(self):
        time.sleep(self.random.uniform(0.5, 1.0) * self.next if self.random else self.next)
        self.next = min(2 * self.next, self.most)


def twice(address):
    request = b"put 1 into account 4711\n"
    s = connect(address)
    while True:
        s.settimeout(1)
        try:
            s.sendall(request)
            if not s.recv(100):
                raise OSError("end")
        except OSError:
            s.close()
            try:
                s = connect(address)
            except OSError:
                pass
            continue
        request = b"put %d into account 4711\n" % random.randrange(10**9)
        time.sleep(0.05)


def go_first():
    """Who comes back in step is woken in step, however busy the machine is: what it waits for a
    processor would be jitter. Where that is not allowed, it is not."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        pass


def many(address, count, pauses):
    """A process and an address of 127.0.0.0/8 for each, that the verdict may tell them apart: whose
    an attempt was that was refused at once only its address says."""
    global source
    for i in range(count):
        if os.fork() == 0:
            source = (f"127.0.1.{i + 1}", 0)
            come_back(address, pauses(i + 1))
    signal.pause()


def main():
    what, (host, port) = sys.argv[1], sys.argv[2].rsplit(":", 1)
    address, count = (host, int(port)), int(sys.argv[3]) if len(sys.argv) > 3 else 1
    if what == "storm":
        many(address, count, lambda i: Pauses(0, 0, None))
    elif what == "step":
        go_first()
        many(address, count, lambda i: Pauses(0.1, 1.6, None))
    elif what == "jitter":
        many(address, count, lambda i: Pauses(0.1, 1.6, i))
    else:
        {"never": never, "twice": twice}[what](address)


main()
