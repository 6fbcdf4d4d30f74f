"""The load generator against relays that harm bytes on purpose: each harm must be found. Without
this, a load generator that checks nothing would pass every run."""

import contextlib
import json
import select
import signal
import socket
import subprocess
import threading
import time

import processes

BULK = 1 << 20
BLOCK = 4096
HELLO = 32
MIDDLE = HELLO + BULK // 2
EXCHANGE = 64
SECONDS = 5

HARMS_TO_BULK = {
    "one byte lost": lambda d: d[:MIDDLE] + d[MIDDLE + 1:],
    "a block lost": lambda d: d[:MIDDLE] + d[MIDDLE + BLOCK:],
    "a block twice": lambda d: d[:MIDDLE] + d[MIDDLE - BLOCK:],
    "two blocks swapped": lambda d: (d[:MIDDLE - BLOCK] + d[MIDDLE:MIDDLE + BLOCK] +
                                     d[MIDDLE - BLOCK:MIDDLE] + d[MIDDLE + BLOCK:]),
    "one bit altered": lambda d: d[:MIDDLE] + bytes([d[MIDDLE] ^ 1]) + d[MIDDLE + 1:],
    "the last byte lost": lambda d: d[:-1],
    "a byte too many": lambda d: d + b"x",
    "all lost": lambda d: b"",
}

HARMS_TO_ECHO = {
    "one bit altered": lambda d: bytes([d[0] ^ 1]) + d[1:],
    "the last byte lost": lambda d: d[:-1],
    "a byte too many": lambda d: d + b"x",
}


HARMS_TO_STAMPS = {
    "the first stamp lost": lambda d: d[8:],
    "a stamp too many": lambda d: d + d[-8:],
    "all lost": lambda d: b"",
}

HARMS = {"bulk": HARMS_TO_BULK, "exchange": HARMS_TO_ECHO, "delay": HARMS_TO_STAMPS}

STAMP = 8
STAMPS = 20
LAG_SECONDS = 0.2
RATE = 10**6  # of a relay that takes its time, bytes a second


def read_until(sock, length):
    """length bytes, or what came before the end (length None: all there is)."""
    data = b""
    while length is None or len(data) < length:
        more = sock.recv(1 << 20)
        if not more:
            break
        data += more
    return data


def harm_bulk(client, server, harm):
    server.sendall(harm(read_until(client, None)))
    server.shutdown(socket.SHUT_WR)
    client.sendall(read_until(server, None))


def harm_echo(client, server, harm):
    server.sendall(read_until(client, HELLO + EXCHANGE))
    client.sendall(harm(read_until(server, EXCHANGE)))
    client.shutdown(socket.SHUT_WR)
    read_until(client, None)


def harm_stamps(client, server, harm):
    """The hello and the greeting pass; harm gets all the stamps at once."""
    server.sendall(read_until(client, HELLO))
    client.sendall(read_until(server, STAMP))
    server.sendall(harm(read_until(client, None)))
    server.shutdown(socket.SHUT_WR)
    client.sendall(read_until(server, None))


def relay_slowly(client, server, _):
    """At most RATE, until the load is gone; what the sink reports goes back."""
    while more := client.recv(RATE // 100):
        server.sendall(more)
        time.sleep(len(more) / RATE)
        if select.select([server], [], [], 0)[0]:
            client.sendall(server.recv(4096))


def relay_once(listener, upstream, way, harm):
    client, _ = listener.accept()
    with client, socket.create_connection(("127.0.0.1", upstream), SECONDS) as server:
        client.settimeout(2 * SECONDS)
        try:
            way(client, server, harm)
        except OSError:
            pass  # the load has seen enough and is gone


@contextlib.contextmanager
def harmful(server, way, harm):
    """The port of a relay of one connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(SECONDS)
        relay = threading.Thread(target=relay_once, args=(listener, server.port, way, harm))
        relay.start()
        try:
            yield listener.getsockname()[1]
        finally:
            relay.join()


LOADS = {
    "bulk": (harm_bulk, {"count": BULK, "size": BLOCK}),
    "exchange": (harm_echo, {"count": 1, "size": EXCHANGE}),
    "delay": (harm_stamps, {"count": STAMPS}),
    "rate": (relay_slowly, {"count": 300, "warm": 100}),
}


def run_harmed(loadgen, core, server, kind, harm):
    """What the load measured, and None if it was content, else what it complained of."""
    way, options = LOADS[kind]
    with harmful(server, way, harm) as port:
        try:
            return processes.run_load(loadgen, core, kind, port, seconds=SECONDS, **options), None
        except processes.Failed as complaint:
            return None, str(complaint)


def lagging(stamps):
    time.sleep(LAG_SECONDS)
    return stamps


def check_times(loadgen, core, server):
    """What is late is called late, what passes slowly slow: bounds that hold on any machine."""
    late = run_harmed(loadgen, core, server, "delay", lagging)[0]
    if not late or min(late["late_ns"][0]) < LAG_SECONDS * 1e9:
        raise processes.Failed(f"self-check: stamps that were {LAG_SECONDS} s late: {late}")
    rate = run_harmed(loadgen, core, server, "rate", None)[0]
    if not rate or not 0 < rate["bytes"] / rate["wall_ns"] * 1e9 < 1.5 * RATE:
        raise processes.Failed(f"self-check: at most {RATE} B/s passed: {rate}")


def check_timer(loadgen, core):
    """A timer of 40 a second that is stopped again and again was late."""
    timer = processes.start([loadgen, "timer", "--count", "40", "--rate", "40"], core,
                            stdout=subprocess.PIPE)
    while timer.poll() is None:
        for what in (signal.SIGSTOP, signal.SIGCONT):
            timer.send_signal(what)
            time.sleep(LAG_SECONDS)
    late = json.loads(timer.communicate()[0])["late_ns"][0]
    if min(late) < 0 or max(late) < LAG_SECONDS * 1e9 / 2:
        raise processes.Failed(f"self-check: a timer that was stopped for {LAG_SECONDS} s: {late}")


def check(loadgen, core):
    """Raises Failed if a harm goes unseen, or bytes without harm are called wrong."""
    server = processes.Server(loadgen, core)
    try:
        for kind, harms in HARMS.items():
            _, complaint = run_harmed(loadgen, core, server, kind, lambda d: d)
            if complaint:
                raise processes.Failed(f"self-check, no harm done: {complaint}")
            for name, harm in harms.items():
                if not run_harmed(loadgen, core, server, kind, harm)[1]:
                    raise processes.Failed(f"self-check: {kind}, {name}: not seen")
        check_times(loadgen, core, server)
        check_timer(loadgen, core)
    finally:
        server.stop()
    return sum(map(len, HARMS.values()))
