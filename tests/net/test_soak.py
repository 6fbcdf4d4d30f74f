"""Everything at once, at random from a seed: faults of all types come and go, three at a time, under
traffic whose every byte is checked. Whatever they do together, no byte is wrong, nothing crashes, wedges
or leaks, and when the last fault has gone both proxies serve again.

    DEADPEER_SOAK_SECONDS=600 DEADPEER_SOAK_SEED=7 make test-net NET_ARGS=tests/net/test_soak.py
"""

import os
import random
import signal
import threading
import time

import pytest
from conftest import Variant, only, variants
from peer import connect, wait_until

SECONDS = float(os.environ.get("DEADPEER_SOAK_SECONDS", 12))
SEED = os.environ.get("DEADPEER_SOAK_SEED", "")
CLIENTS = 6

DIRECTIONS = ["both", "upstream", "downstream"]

TYPES = {
    "power_loss": {"side": ["server", "client", "both"], "other": ["abort", "close", "hold"]},
    "reboot": {"down": ["50ms", "300ms"], "service_delay": ["0", "100ms"]},
    "process_crash": {"restart_after": ["0", "100ms"], "side": ["server", "client"],
                      "other": ["abort", "close", "hold"]},
    "hang": {"side": ["server", "client", "both"], "other": ["default", "abort", "close"]},
    "partition": {"direction": ["both", "upstream", "downstream"]},
    "reset": {"side": ["server", "client", "both"], "other": ["default", "close", "hold"]},
    "idle_timeout": {"after": ["20ms", "200ms"], "mode": ["drop", "rst_next", "rst_both", "fin"]},
    "refuse": {},
    "syn_drop": {},
    "accept_queue_full": {"room": ["0", "2"]},
    "connect_delay": {"hold": ["0", "1ms", "200ms"]},
    "max_connections": {"limit": ["1", "3"], "mode": ["rst", "silent"]},
    "flap": {"fault": ["partition", "power_loss", "reboot", "process_crash", "hang", "reset", "refuse",
                       "syn_drop"], "down": ["10ms", "80ms"], "up": ["20ms", "100ms"]},
    "packet_loss": {"rate": ["5%", "30%"], "direction": DIRECTIONS},
    "ack_loss": {"direction": DIRECTIONS},
    "half_close": {"side": ["server", "client", "both"]},
    "latency": {"latency": ["1ms", "100ms"], "jitter": ["10ms"], "direction": DIRECTIONS},
    "bandwidth": {"rate": ["0", "1MB/s"], "direction": DIRECTIONS},
    "slow_close": {"linger": ["200ms"], "direction": DIRECTIONS},
    "slicer": {"average_size": ["100", "9000"], "pause": ["10us"], "direction": DIRECTIONS},
    "limit_data": {"bytes": ["1", "100KiB"], "then": ["fin", "rst", "silent", "hang"],
                   "direction": DIRECTIONS},
    "reset_peer": {"timeout": ["0", "100ms"], "direction": DIRECTIONS},
    "slow_drip": {"size": ["1", "10KiB"], "interval": ["1ms"], "direction": DIRECTIONS},
    "stall": {"bytes": ["10KiB"], "pause": ["10ms"], "direction": DIRECTIONS},
    "fin_race": {"after": ["0", "20ms"], "other": ["abort", "close", "hold"]},
}
ON_SESSIONS = {
    "toxicity": ["30%", "70%"], "after_bytes": ["1", "100KiB", "1MiB"], "nth": ["3"],
    "every": ["3"], "first": ["5"], "clients": ["0.0.0.0/0", "::/0"],
}
NO_DURATION = ("reboot", "process_crash")
# The others take all of ON_SESSIONS.
TAKES = {"refuse": (), "syn_drop": (), "accept_queue_full": (), "max_connections": (),
         "connect_delay": ("toxicity", "nth", "every", "first", "clients"), "flap": ()}
NEEDS_FILTER = ("packet_loss", "ack_loss")


def random_fault(rng, kinds):
    kind = rng.choice(kinds)
    keys = {"type": kind, "proxy": rng.choice(["*", "one", "two"])}
    keys.update({k: rng.choice(v) for k, v in TYPES[kind].items() if rng.random() < 0.7})
    if kind not in NO_DURATION and rng.random() < 0.5:
        keys["duration"] = rng.choice(["20ms", "150ms", "1s"])
    if rng.random() < 0.3:
        keys["delay"] = rng.choice(["10ms", "100ms"])
    keys.update({k: rng.choice(v) for k, v in ON_SESSIONS.items()
                 if rng.random() < 0.15 and k in TAKES.get(kind, ON_SESSIONS)})
    return keys


class Chatter(threading.Thread):
    """Says what it can to an echo, and checks what comes back, over one connection after another."""

    def __init__(self, world, address, seed):
        super().__init__(daemon=True)
        self.world, self.address, self.rng = world, address, random.Random(seed)
        self.stopping, self.exchanges, self.connections, self.wrong = False, 0, 0, None

    def run(self):
        while not self.stopping and not self.wrong:
            try:
                peer = connect(self.world.lab.client, self.world.family, self.address, 0.5)
            except OSError:
                time.sleep(0.02)
                continue
            self.connections += 1
            try:
                self.talk(peer.sock)
            except OSError:
                pass
            finally:
                self.part(peer)

    def part(self, peer):
        """Says FIN, says it and goes on reading, or is gone."""
        way = self.rng.random()
        if way < 0.2:
            peer.abort()
            return
        if way < 0.5:
            try:
                peer.sock.shutdown(1)
                while peer.sock.recv(1 << 17):
                    pass
            except OSError:
                pass
        peer.close()

    def talk(self, sock):
        sock.settimeout(0.7)
        for _ in range(self.rng.randrange(1, 40)):
            said = self.rng.randbytes(self.rng.choice([1, 500, 20_000, 200_000]))
            sock.sendall(said)
            heard = b""
            while len(heard) < len(said):
                part = sock.recv(1 << 17)
                if not part:
                    return
                heard += part
                if not said.startswith(heard):
                    self.wrong = f"{len(heard)} bytes, not those that were sent"
                    return
            self.exchanges += 1


def soak(world, seconds):
    rng = random.Random(f"{world.variant}{SEED}")
    kinds = [k for k in TYPES if world.variant.privilege == "exact" or k not in NEEDS_FILTER]
    sections = {"proxy one": {"listen": world.listen_text(), "upstream": "builtin:echo"},
                "proxy two": {"listen": world.listen_text(), "upstream": "builtin:echo"}}
    d = world.serve(sections, settings={"log_level": "warn"})
    idle_files, idle_pipes = d.open_files("socket:"), d.open_files("pipe:")  # libevent has one
    chatters = [Chatter(world, d.address(("one", "two")[n % 2]), n) for n in range(CLIENTS)]
    for chatter in chatters:
        chatter.start()

    end, rounds = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        faults = {f"fault f{n}": random_fault(rng, kinds) if rng.random() < 0.6 else None for n in range(3)}
        for name, keys in faults.items():
            d.sections.pop(name, None)
            if keys:
                d.sections[name] = keys
        d.reload()
        assert d.process.poll() is None, d.log()
        time.sleep(rng.uniform(0.02, 0.3))  # the pace of the soak
        rounds += 1

    for n in range(3):
        d.sections.pop(f"fault f{n}", None)
    d.reload()
    before = [chatter.exchanges for chatter in chatters]
    wait_until(lambda: all(c.exchanges > b or c.wrong for c, b in zip(chatters, before)), 10,
               "everybody to be served again")
    for chatter in chatters:
        chatter.stopping = True
    for chatter in chatters:
        chatter.join(10)
    assert [c.wrong for c in chatters if c.wrong] == []
    assert rounds > 20 and sum(c.connections for c in chatters) > 20
    # Who was told nothing (other=hold), or whose client's RST was lost in a silence, has nobody left to
    # end it. The built-in echo listens from the first connection on: its socket stays.
    d.strike("reset", name="f0")
    try:
        wait_until(lambda: d.open_files("socket:") <= idle_files + 1, 10, "every session to be gone")
    except AssertionError:
        d.signal(signal.SIGUSR1)
        d.wait_event("session.dump")
        print(*d.events("session.dump"), sep="\n")
        raise
    assert d.open_files("pipe:") <= idle_pipes + 2 * 32, "no more pipes than the pool keeps"
    d.signal(signal.SIGTERM)
    assert d.wait() == 0 and not d.complaint()


@pytest.mark.heavy
@pytest.mark.timeout(SECONDS + 60)
@only([Variant("v4", "splice", "exact"), Variant("v6", "copy", "nobody")])
def test_all_faults_at_random(world):
    soak(world, SECONDS)


@pytest.mark.long
@variants(privileges=("exact", "nobody"))
def test_all_faults_at_random_for_a_minute(world):
    soak(world, 60)
