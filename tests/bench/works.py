"""What is measured, and what deadpeer may cost of what haproxy costs."""

import resource
from dataclasses import dataclass, field

GB = 10**9
MIB = 1 << 20
PLAIN = ("deadpeer", "haproxy", "haproxy splice", "haproxy splice 1 MiB",
         "haproxy forced splice 1 MiB")
# The same bytes through faults that do not slow them down much: what looking at them costs.
SHAPED = ("deadpeer", "deadpeer bandwidth", "deadpeer latency 10 ms", "deadpeer both", "haproxy",
          "haproxy bwlim")
WRITE = 256 * 1024  # bulk: what the source gives to one write(2)


@dataclass(frozen=True)
class Work:
    name: str
    kind: str               # loadgen's word for it
    unit: str
    scale: float            # measured in nanoseconds or bytes for each unit, times this
    count: int              # of a full round
    quick: int              # of a quick one
    targets: dict           # against "best" or "default" haproxy: at most this ratio
    options: dict = field(default_factory=dict)
    measure: str = "cpu_ns"
    relays: tuple = PLAIN

    def relays_of(self, names):
        return [name for name in self.relays if name in names]

    def arguments(self, quick):
        """loadgen's options, without port and pid."""
        amount = self.quick if quick else self.count
        options = dict(self.options, count=amount)
        if self.kind == "idle":
            options = {"connections": amount, "size": 64}
        elif self.kind != "connect":
            options["warm"] = amount // 10
        return options

    def cost(self, result):
        return result[self.measure] / result["units"] * self.scale


# Two descriptors for each session are the relay's; at most what the limit of a process leaves.
SESSIONS = min(9000, (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 1000) // 2)
NS_PER_GB = GB / 1e9
NS_PER_1000 = 1000 / 1e9

WORKS = [
    Work("bulk, 1 connection", "bulk", "CPU s/GB", NS_PER_GB, 600 * MIB, 16 * MIB,
         {"best": 1.0, "default": 0.5}, {"connections": 1, "size": WRITE}),
    Work("bulk, 16 connections", "bulk", "CPU s/GB", NS_PER_GB, 600 * MIB, 16 * MIB,
         {"best": 1.0, "default": 0.5}, {"connections": 16, "size": WRITE}),
    Work("64 B request/response, 64 connections", "exchange", "CPU s/1000", NS_PER_1000,
         48000, 640, {"best": 1.0}, {"connections": 64, "size": 64}),
    Work("4 KiB request/response, 64 connections", "exchange", "CPU s/1000", NS_PER_1000,
         48000, 640, {"best": 1.0}, {"connections": 64, "size": 4096}),
    Work("connect, exchange, close", "connect", "CPU s/1000", NS_PER_1000,
         4000, 200, {"best": 1.0}, {"connections": 16, "size": 64}),
    Work(f"idle session, of {SESSIONS}", "idle", "KiB", 1 / 1024, SESSIONS, 200,
         {"best": 0.35}, measure="memory_bytes"),
    Work("bulk shaped, 1 connection", "bulk", "CPU s/GB", NS_PER_GB, 600 * MIB, 16 * MIB,
         {}, {"connections": 1, "size": WRITE}, relays=SHAPED),
]
