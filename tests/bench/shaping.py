"""How precise the faults are that delay bytes: latency, its distributions, bandwidth.

There is no peer to be held against here but the same path without the fault, measured in the same
run. Times are one way, by the clock that both ends of the load share. A figure is only as good as
the machine is idle: each row tells how much of it others used meanwhile. That does not tell all: a
kernel thread that runs for 2 ms twice a second, or a hypervisor that does, is no load to speak of
and yet a delay that is 2 ms late. So delays are measured twice, and held to the targets both times: at
the priority that a relay has by itself, and before everything else on the machine (SCHED_FIFO);
beside a bare timer, which is as late as the machine is and knows no relay. A target that is missed
at normal priority alone, on a machine where the bare timer is late, too, says that it was not
idle."""

import contextlib
import math
import statistics
from dataclasses import dataclass

import processes

SEED = ("--seed", "1")  # the same draws in every run
NS_PER_MS = 1e6
LOAD_SECONDS = 60
QUICK_COUNT = 100


@dataclass(frozen=True)
class Rig:
    """What runs one load through a deadpeer of its own."""
    loadgen: str
    deadpeer: str
    scratch: str
    quick: bool

    def load(self, kind, fault=None, **options):
        faults = [fault] if fault else []

        def relay(*place):
            return processes.Deadpeer(self.deadpeer, *place, faults, SEED)

        with processes.relayed(self.loadgen, relay, self.scratch) as running:
            return processes.run_load(self.loadgen, processes.cores()[1], kind, running.port,
                                      pid=running.pid, seconds=LOAD_SECONDS, **options)

    def timer_late_ms(self, rate, count):
        """How late a bare timer is on the relay's core."""
        late = processes.run_load(self.loadgen, processes.cores()[0], "timer", rate=rate,
                                  count=QUICK_COUNT if self.quick else count)
        return [ns / NS_PER_MS for ns in late["late_ns"][0]]

    def late_ms(self, fault, connections, rate, count):
        """How late each stamp came: a list for each connection, in the order of sending."""
        if self.quick:
            connections, count = min(connections, 20), QUICK_COUNT
        late = self.load("delay", fault, connections=connections, rate=rate, count=count)
        return [[ns / NS_PER_MS for ns in each] for each in late["late_ns"]]


def flat(lists):
    return [value for each in lists for value in each]


def percentile(values, percent):
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


def row(asked, figure, value, at_most=None, **more):
    return dict(more, asked=asked, figure=figure, value=value, at_most=at_most)


@dataclass(frozen=True)
class Delay:
    """Added delay: what a stamp took, less the median without a fault, less what was asked. The
    undelayed path's own spread about its median is part of that error; it is told, too."""
    name: str
    connections: int
    rate: int           # stamps a second, over all connections
    first: bool = False  # before everything else on this machine
    count: int = 4000
    asked_ms: tuple = (1, 5, 20, 100)
    p50_ms: float = 0.1
    p99_ms: float = 1.0

    def errors(self, rig, median, asked_ms):
        fault = f"latency direction=upstream latency={asked_ms}ms" if asked_ms else None
        late = flat(rig.late_ms(fault, self.connections, self.rate, self.count))
        median = statistics.median(late) if median is None else median
        return [abs(value - median - asked_ms) for value in late], median

    def measure(self, rig):
        try:
            with processes.going_first() if self.first else contextlib.nullcontext():
                return self.rows(rig)
        except PermissionError:
            return [row("", "p50 and p99 of the error, ms", None, cannot="cannot: SCHED_FIFO needs "
                        "CAP_SYS_NICE (root)")]

    def rows(self, rig):
        late = rig.timer_late_ms(self.rate, self.count)
        errors, median = self.errors(rig, None, 0)
        rows = [row("bare timer", "p50, ms", statistics.median(late)),
                row("bare timer", "p99, ms", percentile(late, 99)),
                row("bare timer", "most, ms", max(late)),
                row("no fault", "p50, ms", median),
                row("no fault", "p99 of what differs from that, ms", percentile(errors, 99))]
        for asked_ms in self.asked_ms[:1] if rig.quick else self.asked_ms:
            errors, _ = self.errors(rig, median, asked_ms)
            for percent, most in ((50, self.p50_ms), (99, self.p99_ms)):
                rows.append(row(f"{asked_ms} ms", f"p{percent} of the error, ms",
                                percentile(errors, percent), most))
        return rows


# Fourth moment by the square of the second. Pareto's is that of 1/cbrt(1 - p), cut as
# proxy/base/distribution.c cuts it.
KURTOSIS = {"uniform": 1.8, "normal": 3.0, "pareto": 5.356}
SD_BY_JITTER = {"uniform": 1 / math.sqrt(3), "normal": 1.0, "pareto": 1.0}


@dataclass(frozen=True)
class Distribution:
    """Mean and standard deviation of the delays on the wire. On each connection stamps are further
    apart than the largest deviation, so that none waits for the one before it.

    2 % is asked of 10,000 samples, but a sample has an error of its own: the mean's is
    sd / sqrt(n), the sd's sd * sqrt((kurtosis - 1) / 4n), both larger where successive samples are
    alike (an autoregressive series of order 1). Where three times that is more than 2 %, it is what
    is allowed: a right distribution has to pass, too."""
    name: str
    distribution: str
    correlation: float
    latency_ms: float = 50.0
    jitter_ms: float = 10.0
    connections: int = 500
    rate: int = 2000
    count: int = 10000
    asked: float = 0.02

    def tolerances(self):
        """Of the mean, by the latency; of the sd, by itself."""
        r, n = self.correlation, self.count
        sd = self.jitter_ms * SD_BY_JITTER[self.distribution]
        mean_error = sd / math.sqrt(n) * math.sqrt((1 + r) / (1 - r))
        sd_error = math.sqrt((KURTOSIS[self.distribution] - 1) / (4 * n))
        sd_error *= math.sqrt((1 + r * r) / (1 - r * r))
        return (max(self.asked, 3 * mean_error / self.latency_ms), max(self.asked, 3 * sd_error))

    def of_chance(self, most):
        return "" if most == self.asked else ", 3 x a sample's own"

    def measure(self, rig):
        undelayed = statistics.median(flat(rig.late_ms(None, self.connections, self.rate,
                                                       self.count // 10)))
        fault = (f"latency direction=upstream latency={self.latency_ms:g}ms "
                 f"jitter={self.jitter_ms:g}ms distribution={self.distribution} "
                 f"correlation={self.correlation:g}")
        late = [[value - undelayed for value in each] for each in
                rig.late_ms(fault, self.connections, self.rate, self.count)]
        mean, sd = statistics.fmean(flat(late)), statistics.stdev(flat(late))
        wanted_sd = self.jitter_ms * SD_BY_JITTER[self.distribution]
        most_mean, most_sd = self.tolerances()
        return [row(f"mean {self.latency_ms:g} ms", "error of the mean",
                    abs(mean / self.latency_ms - 1), most_mean, measured=mean),
                row(f"sd {wanted_sd:.3g} ms", "error of the sd" + self.of_chance(most_sd),
                    abs(sd / wanted_sd - 1), most_sd, measured=sd),
                row(f"{self.correlation:g}", "likeness to the one before",
                    likeness(late, mean, sd))]


def likeness(series, mean, sd):
    """The correlation of successive delays of one connection, over all connections."""
    pairs = [(a - mean) * (b - mean) for each in series for a, b in zip(each, each[1:])]
    return statistics.fmean(pairs) / sd ** 2


MB = 10**6
MOST_RATES = (("10 KB/s", 10**4), ("1 MB/s", MB), ("100 MB/s", 100 * MB), ("1 GB/s", 1000 * MB))


@dataclass(frozen=True)
class Bandwidth:
    """Bytes a second over 10 s, counted by a sink that throws them away uncopied. What the path
    carries without a fault bounds what can be asked of it; so does the relay's core, which has to
    look at shaped bytes where splice need not: how busy it was is told."""
    name: str
    rates: tuple = MOST_RATES
    seconds: float = 10
    warm_seconds: float = 0.5
    within: float = 0.01

    def rate(self, rig, asked):
        """Bytes a second, and the share of its core that the relay used."""
        unit_ms = 20 if rig.quick else 1000
        fault = f"bandwidth direction=upstream rate={asked}B/s" if asked else None
        got = rig.load("rate", fault, count=int((self.seconds + self.warm_seconds) * unit_ms),
                       warm=int(self.warm_seconds * unit_ms))
        return got["bytes"] / got["wall_ns"] * 1e9, got["cpu_ns"] / got["wall_ns"]

    def measure(self, rig):
        free, core = self.rate(rig, None)
        rows = [row("no fault", "MB/s", free / MB), row("no fault", "share of the core", core)]
        for name, asked in self.rates[1:2] if rig.quick else self.rates:
            got, core = self.rate(rig, asked)
            cannot = None if free > asked * (1 + self.within) else "the machine cannot"
            rows += [row(name, "error of the rate", abs(got / asked - 1), self.within,
                         measured=got, cannot=cannot),
                     row(name, "share of the core", core)]
        return rows


WORKS = [
    *[Delay(f"delay, {connections} connection{'s'[:connections - 1]}, {priority}", connections, rate,
            first)
      for priority, first in (("normal priority", False), ("SCHED_FIFO", True))
      for connections, rate in ((1, 1000), (500, 2000))],
    *[Distribution(f"distribution {name}, correlation {correlation:g}", name, correlation)
      for name in KURTOSIS for correlation in (0.0, 0.5)],
    Bandwidth("bandwidth"),
]
