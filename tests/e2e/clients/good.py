"""A client that is right: good.py HOST:PORT [KEY=VALUE]...

pause=0.1      seconds from an answer to the next question, which is always a new one
deadline=1     an answer that takes longer: the connection is left
keepalive=1    seconds until the first probe and between three; a user timeout that is not in their
               way; 0: none
life=1e9       a connection is made anew after so long

It comes back with growing pauses and jitter, and ends on SIGTERM at once.
"""
import itertools
import os
import random
import signal
import socket
import sys
import time

MOST = 1.0


def set_keepalive(s, seconds=1):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in ((socket.TCP_KEEPIDLE, seconds), (socket.TCP_KEEPINTVL, seconds),
                          (socket.TCP_KEEPCNT, 3), (socket.TCP_USER_TIMEOUT, 4000 * seconds)):
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
    given = dict(word.split("=") for word in sys.argv[2:])
    pause, deadline, keepalive, life = (
        float(given.get(key, usual)) for key, usual in
        (("pause", 0.1), ("deadline", 1), ("keepalive", 1), ("life", 1e9)))
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    number, wait = itertools.count(), 0.05
    while True:
        try:
            with socket.create_connection((host, int(port)), timeout=deadline) as s:
                if keepalive:
                    set_keepalive(s, int(keepalive))
                until = time.monotonic() + life
                while time.monotonic() < until:
                    ask(s, b"question %d of %d\n" % (next(number), os.getpid()), deadline)
                    wait = 0.05
                    rest(s, pause)
        except OSError:
            time.sleep(random.uniform(0.5, 1) * wait)
            wait = min(2 * wait, MOST)


if __name__ == "__main__":
    main()
