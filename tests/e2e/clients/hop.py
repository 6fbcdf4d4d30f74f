"""hop.py FIRST SECOND: asks the first, then goes to the second one with a limit of a second for the
connection. Exit status 0 when that did not answer, as it should be here."""
import socket
import sys

from good import ask


def connect(address):
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=1)


with connect(sys.argv[1]) as first:
    ask(first, b"who else?\n", 5)
    try:
        connect(sys.argv[2]).close()
    except TimeoutError:
        sys.exit(0)
sys.exit(1)
