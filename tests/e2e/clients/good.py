"""A client that is right: good.py HOST:PORT [PAUSE [DEADLINE]], in seconds; 0.1 and 1 by default.

It asks something new after every pause, leaves a connection whose answer does not come in time or
that ends, comes back with growing pauses and jitter, and ends on SIGTERM at once.
"""
import itertools
import os
import random
import signal
import socket
import sys
import time

MOST = 1.0


def set_keepalive(s):
    """A probe after a second, three before it gives up; a user timeout that is not in their way."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1),
                          (socket.TCP_KEEPCNT, 3), (socket.TCP_USER_TIMEOUT, 4000)):
        s.setsockopt(socket.IPPROTO_TCP, option, value)


def ask(s, line, deadline):
    """The whole answer, or OSError."""
    until, left = time.monotonic() + deadline, len(line)
    s.sendall(line)
    while left:
        s.settimeout(max(0.001, until - time.monotonic()))
        got = len(s.recv(left))
        if not got:
            raise OSError("the connection has ended")
        left -= got
    s.settimeout(deadline)


def rest(s, pause):
    """It must not say anything meanwhile, nor end."""
    s.settimeout(pause)
    try:
        s.recv(1)
        raise OSError("the connection has ended")
    except TimeoutError:
        s.settimeout(None)


def main():
    host, port = sys.argv[1].rsplit(":", 1)
    pause, deadline = [float(word) for word in (sys.argv[2:] + ["0.1", "1"][len(sys.argv) - 2:])]
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    number, wait = itertools.count(), 0.05
    while True:
        try:
            with socket.create_connection((host, int(port)), timeout=deadline) as s:
                set_keepalive(s)
                while True:
                    ask(s, b"question %d of %d\n" % (next(number), os.getpid()), deadline)
                    wait = 0.05
                    rest(s, pause)
        except OSError:
            time.sleep(random.uniform(0.5, 1) * wait)
            wait = min(2 * wait, MOST)


main()
