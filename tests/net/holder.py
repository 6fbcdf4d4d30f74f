"""A server for more sessions than the test's own process has descriptors for: listens on two
ports of ADDRESS, prints them, and echoes. python3 holder.py ADDRESS"""

import resource
import select
import socket
import sys


def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    epoll, socks = select.epoll(), {}
    listeners = [socket.create_server((sys.argv[1], 0), backlog=4096) for _ in range(2)]
    for listener in listeners:
        epoll.register(listener, select.EPOLLIN)
        socks[listener.fileno()] = listener
    print(*(listener.getsockname()[1] for listener in listeners), flush=True)
    while True:
        for fd, _ in epoll.poll():
            sock = socks[fd]
            if sock in listeners:
                conn, _ = sock.accept()
                epoll.register(conn, select.EPOLLIN)
                socks[conn.fileno()] = conn
                continue
            try:
                data = sock.recv(4096)
            except OSError:
                data = b""
            if data:
                sock.send(data)
            else:
                del socks[fd]
                sock.close()


main()
