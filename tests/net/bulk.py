"""Many bytes at once, both ways, and whether they are the same bytes at the other end."""

import hashlib
import random
import threading

CHUNK = 1 << 18


class Pour(threading.Thread):
    """Writes `total` bytes that no two seeds share, in pieces of random sizes, then shuts down."""

    def __init__(self, sock, total, seed, timeout=60, shut=True):
        super().__init__(daemon=True)
        self.sock, self.total, self.seed, self.shut = sock, total, seed, shut
        self.sha, self.done, self.error = hashlib.sha256(), 0, None
        sock.settimeout(timeout)
        self.start()

    def run(self):
        rng = random.Random(self.seed)
        noise = memoryview(rng.randbytes(CHUNK * 2))
        try:
            while self.done < self.total:
                at = rng.randrange(CHUNK)
                piece = noise[at:at + min(rng.randint(1, CHUNK), self.total - self.done)]
                self.sock.sendall(piece)
                self.sha.update(piece)
                self.done += len(piece)
            if self.shut:
                self.sock.shutdown(1)
        except OSError as e:
            self.error = e


class Drink(threading.Thread):
    """Reads to the end of file, or `total` bytes."""

    def __init__(self, sock, timeout=60, total=None):
        super().__init__(daemon=True)
        self.sock, self.total = sock, total
        self.sha, self.done, self.error, self.eof = hashlib.sha256(), 0, None, False
        sock.settimeout(timeout)
        self.start()

    def run(self):
        buffer = bytearray(CHUNK)
        view = memoryview(buffer)
        try:
            while self.total is None or self.done < self.total:
                n = self.sock.recv_into(buffer)
                if n == 0:
                    self.eof = True
                    return
                self.sha.update(view[:n])
                self.done += n
        except OSError as e:
            self.error = e


def same(pour, drink, timeout=60):
    """Fails unless every byte came through, once and in order."""
    pour.join(timeout)
    drink.join(timeout)
    assert (pour.error, drink.error) == (None, None)
    assert (pour.done, drink.done) == (pour.total, pour.total)
    assert pour.sha.digest() == drink.sha.digest()
