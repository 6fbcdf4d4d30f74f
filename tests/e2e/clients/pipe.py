"""pipe.py PORT HOST:PORT: a proxy that is right. It notices the death of either leg, and the end of
one is the end of the other."""
import selectors
import socket
import sys
import threading

from good import set_keepalive


def serve(client, target):
    try:
        with client, socket.create_connection(target, timeout=2) as server:
            both = selectors.DefaultSelector()
            for leg, other in ((client, server), (server, client)):
                leg.settimeout(None)
                set_keepalive(leg)
                both.register(leg, selectors.EVENT_READ, other)
            while True:
                for key, _ in both.select():
                    data = key.fileobj.recv(65536)
                    if not data:
                        return
                    key.data.sendall(data)
    except OSError:
        pass


def main():
    host, port = sys.argv[2].rsplit(":", 1)
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    while True:
        client = listener.accept()[0]
        threading.Thread(target=serve, args=(client, (host, int(port))), daemon=True).start()


main()
