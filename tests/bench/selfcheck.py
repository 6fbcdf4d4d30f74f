"""The load generator against relays that harm bytes on purpose: each harm must be found. Without
this, a load generator that checks nothing would pass every run."""

import socket
import threading

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


def relay_once(listener, upstream, way, harm):
    client, _ = listener.accept()
    with client, socket.create_connection(("127.0.0.1", upstream), SECONDS) as server:
        client.settimeout(2 * SECONDS)
        try:
            way(client, server, harm)
        except OSError:
            pass  # the load has seen enough and is gone


def run_harmed(loadgen, core, server, kind, harm):
    """None if the load was content, else what it complained of."""
    way, count, size = (harm_bulk, BULK, BLOCK) if kind == "bulk" else (harm_echo, 1, EXCHANGE)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(SECONDS)
        relay = threading.Thread(target=relay_once, args=(listener, server.port, way, harm))
        relay.start()
        try:
            processes.run_load(loadgen, core, kind, listener.getsockname()[1], seconds=SECONDS,
                               count=count, size=size)
            return None
        except processes.Failed as complaint:
            return str(complaint)
        finally:
            relay.join()


def check(loadgen, core):
    """Raises Failed if a harm goes unseen, or bytes without harm are called wrong."""
    server = processes.Server(loadgen, core)
    try:
        for kind, harms in (("bulk", HARMS_TO_BULK), ("exchange", HARMS_TO_ECHO)):
            complaint = run_harmed(loadgen, core, server, kind, lambda d: d)
            if complaint:
                raise processes.Failed(f"self-check, no harm done: {complaint}")
            for name, harm in harms.items():
                if not run_harmed(loadgen, core, server, kind, harm):
                    raise processes.Failed(f"self-check: {kind}, {name}: not seen")
    finally:
        server.stop()
    return len(HARMS_TO_BULK) + len(HARMS_TO_ECHO)
