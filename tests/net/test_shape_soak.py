"""Any three faults that lose nothing, at random from a seed, changed again and again by SIGHUP under traffic
both ways: every byte of every session arrives, once and in order. Who is turned away before there is a
session (refuse, max_connections) comes again.

    DEADPEER_SOAK_SECONDS=600 DEADPEER_SOAK_SEED=7 make test-net NET_ARGS=tests/net/test_shape_soak.py
"""

import os
import random
import re
import signal
import threading
import time

import pytest
from bulk import Drink, Pour
from conftest import Variant, only
from peer import connect, wait_until
from proxy import SANITIZED

SECONDS = float(os.environ.get("DEADPEER_SOAK_SECONDS", 60 if SANITIZED else 20))
SEED = int(os.environ.get("DEADPEER_SOAK_SEED", 0)) or random.SystemRandom().randrange(1, 1 << 32)
CATALOGUE = os.path.join(os.path.dirname(__file__), "../../proxy/faults/catalogue.c")
PAIRS, FAULTS = 3, 3

BOTH = {"direction": ["both", "upstream", "downstream"]}
# What each type of the catalogue can be made to do without losing a byte; None: it cannot, or that is not
# tried here.
LOSSLESS = {
    "power_loss": None,
    "reboot": None,
    "process_crash": None,
    "hang": {"duration": ["20ms", "100ms"], "side": ["server", "client", "both"]},
    "partition": {"duration": ["20ms", "150ms"], "after_bytes": ["0", "1", "50KiB"], **BOTH},
    "reset": None,
    "idle_timeout": None,
    "refuse": {"duration": ["20ms", "300ms"]},
    "syn_drop": {"duration": ["20ms", "300ms"]},
    "half_close": None,
    "latency": {"latency": ["0", "1ms", "20ms"], "jitter": ["0", "5ms", "15ms"],
                "distribution": ["uniform", "normal", "pareto"], "correlation": ["0", "80%"], **BOTH},
    "bandwidth": {"rate": ["300KB/s", "10MB/s", "200MB/s", "5GB/s"], **BOTH},
    "slow_close": {"linger": ["0", "10ms", "300ms"], **BOTH},
    "slicer": {"average_size": ["0", "700", "9000"], "size_variation": ["0", "500", "5000"],
               "pause": ["0", "20us"], **BOTH},
    "limit_data": {"bytes": ["0", "1", "100KiB", "1GiB"], "then": ["hang"], "duration": ["100ms"],
                   **BOTH},
    "timeout": None,
    "reset_peer": {"timeout": ["1h"], "duration": ["20ms", "150ms"], **BOTH},
    "slow_drip": {"size": ["1", "10KiB", "100KiB"], "interval": ["1ms", "10ms"],
                  "duration": ["100ms"], **BOTH},
    "stall": {"bytes": ["10KiB", "1MiB"], "pause": ["1ms", "15ms"], **BOTH},
    "corrupt": {"rate": ["0"], **BOTH},
    "fin_race": {"after": ["1h"]},
    "connect_delay": {"hold": ["1ms", "300ms"]},
    "packet_loss": {"rate": ["1%", "5%"], **BOTH},
    "ack_loss": {"rate": ["5%", "30%"], **BOTH},
    "mtu_blackhole": None,
    "keepalive_blackhole": {**BOTH},
    "flap": {"fault": ["partition", "hang"], "down": ["20ms", "80ms"], "up": ["100ms", "300ms"]},
    "max_connections": {"limit": ["1", "2"]},
    "accept_queue_full": {"duration": ["20ms", "300ms"], "room": ["0", "2"]},
    "noop": {**BOTH},
    "unreachable": None,
}
# What makes it lose nothing.
ALWAYS = ("duration", "after_bytes", "then", "timeout", "rate", "after", "hold")
ANY = {"delay": ["30ms"]}
SOME = {"toxicity": ["50%"], **ANY}
ON_SESSIONS = {"after_bytes": ["1", "50KiB"], "every": ["2"], "first": ["9"], **SOME}
TAKES = {"refuse": ANY, "syn_drop": ANY, "max_connections": ANY, "accept_queue_full": ANY, "flap": SOME,
         "connect_delay": {"every": ["2"], "first": ["9"], **SOME}}
NEEDS_FILTER = ("packet_loss", "ack_loss", "keepalive_blackhole")
PATIENCE = 60  # of a session: three slow faults at once, retransmissions that back off


def catalogue():
    with open(CATALOGUE, encoding="ascii") as f:
        return re.findall(r"X\((\w+)\)", re.search(r"#define FAULTS\(X\)(.*?)\n\n", f.read(),
                                                   re.S)[1])


def test_every_type_is_in_the_table():
    missing = [name for name in catalogue() if name not in LOSSLESS]
    assert not missing, f"{missing}: say in LOSSLESS whether it loses anything"


def random_keys(rng, kind):
    keys = {k: rng.choice(v) for k, v in LOSSLESS[kind].items()
            if k in ALWAYS or rng.random() < 0.8}
    return {"type": kind, "proxy": "*", **keys}


def random_fault(rng, kinds):
    keys = random_keys(rng, rng.choice(kinds))
    keys.update({k: rng.choice(v) for k, v in TAKES.get(keys["type"], ON_SESSIONS).items()
                 if rng.random() < 0.1})
    return keys


class Talker(threading.Thread):
    """One session after the other, bytes both ways to the end."""

    def __init__(self, world, server, seed):
        super().__init__(daemon=True)
        self.world, self.server, self.rng = world, server, random.Random(seed)
        self.address = world.deadpeer.address(f"p{server.port}")
        self.stopping, self.sessions, self.bytes, self.wrong = False, 0, 0, None
        self.turned_away = 0
        self.start()

    def run(self):
        while not self.stopping and not self.wrong:
            try:
                self.session()
            except (OSError, AssertionError) as e:
                self.wrong = f"session {self.sessions + 1}: {e!r}"  # as it is: for session.dump

    def session(self):
        sizes = [self.rng.choice([1, 3_000, 200_000, 3_000_000]) for _ in range(2)]
        try:
            client = connect(self.world.lab.client, self.world.family, self.address, PATIENCE)
        except (ConnectionRefusedError, ConnectionResetError):
            self.turned_away += 1
            time.sleep(0.02)
            return
        # It speaks at once: who is connected to nobody is told only then.
        pours = [Pour(client.sock, sizes[0], self.rng.random(), PATIENCE)]
        drinks = [Drink(client.sock, PATIENCE)]
        far = self.accept(client, pours[0], drinks[0])
        if far:
            self.talk(pours + [Pour(far.sock, sizes[1], self.rng.random(), PATIENCE)],
                      [Drink(far.sock, PATIENCE)] + drinks)
            far.close()
        else:
            self.turned_away += 1
        client.close()

    def accept(self, client, pour, drink):
        """None: the client was reset before it came to a session."""
        def come():
            try:
                return self.server.accept(0.05)
            except TimeoutError:
                return isinstance(pour.error or drink.error, (ConnectionResetError, BrokenPipeError))
        deadline = time.monotonic() + PATIENCE
        while not (far := come()):
            assert time.monotonic() < deadline, f"nobody was accepted: {client.info}"
        return None if far is True else far

    def talk(self, pours, drinks):
        for pour, drink in zip(pours, drinks):
            pour.join(PATIENCE)
            drink.join(PATIENCE)
            assert (pour.error, drink.error) == (None, None), f"{pour.error} {drink.error}"
            assert pour.done == drink.done == pour.total, f"{drink.done} of {pour.total}"
            assert pour.sha.digest() == drink.sha.digest(), "other bytes"
            self.bytes += drink.done
        self.sessions += 1


def change(d, rng, kinds):
    """Of each fault: it stays, goes on with other values, gives way to another, or goes."""
    for n in range(FAULTS):
        name, turn = f"fault f{n}", rng.random()
        now = d.sections.get(name)
        if now and turn < 0.3:
            d.sections[name] = {**now, **random_keys(rng, now["type"])}
        elif turn < 0.7:
            d.sections[name] = random_fault(rng, kinds)
        elif turn < 0.9:
            d.sections.pop(name, None)
    d.reload()


@pytest.mark.heavy
@pytest.mark.timeout(SECONDS + 3 * PATIENCE)
@only([Variant("v4", "splice", "exact"), Variant("v6", "copy", "nobody")])
def test_any_three_lose_nothing(world):
    print(f"DEADPEER_SOAK_SEED={SEED}")
    rng = random.Random(f"{SEED} {world.variant}")
    kinds = [name for name in catalogue() if LOSSLESS[name]
             and (world.variant.privilege == "exact" or name not in NEEDS_FILTER)]
    servers = [world.add_server() for _ in range(PAIRS)]
    d = world.serve({f"proxy p{s.port}": {"listen": world.listen_text(), "upstream": s.text}
                     for s in servers},
                    settings={"log_level": "warn", "buffer": rng.choice(["8KiB", "1MiB"]),
                              "buffer_total": rng.choice(["64KiB", "256MiB"])})
    sockets = d.open_files("socket:")
    talkers = [Talker(world, s, rng.random()) for s in servers]
    end, rounds = time.monotonic() + SECONDS / 2, 0
    while time.monotonic() < end and not any(t.wrong for t in talkers):
        change(d, rng, kinds)
        assert d.process.poll() is None, d.log()
        time.sleep(rng.uniform(0.02, 0.4))  # the pace of the soak
        rounds += 1
    for n in range(FAULTS):
        d.sections.pop(f"fault f{n}", None)
    d.reload()
    for talker in talkers:
        talker.stopping = True
    for talker in talkers:
        talker.join(2 * PATIENCE + 5)
    if any(t.wrong for t in talkers):
        d.signal(signal.SIGUSR1)
        time.sleep(0.2)  # only to tell more of a failure
        print(*d.events("session.dump"), sep="\n")
    assert [t.wrong for t in talkers if t.wrong] == [], f"DEADPEER_SOAK_SEED={SEED}"
    assert not any(t.is_alive() for t in talkers), f"stuck: DEADPEER_SOAK_SEED={SEED}"
    assert rounds > SECONDS / 4 and sum(t.sessions for t in talkers) > 2 * PAIRS
    print(f"{rounds} changes, {sum(t.sessions for t in talkers)} sessions, "
          f"{sum(t.turned_away for t in talkers)} turned away, "
          f"{sum(t.bytes for t in talkers) >> 20} MiB")
    wait_until(lambda: d.open_files("socket:") <= sockets, 10, "every session to be gone")
    d.signal(signal.SIGTERM)
    assert d.wait() == 0 and not d.complaint()
