"""redis-server and redis-cli.

redis-cli's own settings: TCP keepalive 15 s + 3 x 5 s (REDIS_CLI_KEEPALIVE_INTERVAL, not to be changed) and
--pipe-timeout.
"""
import subprocess

import pytest

from programs import established, need
from relay import since, wait_until

PUSHES = 20000


@pytest.fixture
def waiting(redis, between, start):
    """(deadpeer, a redis-cli that waits in BLPOP behind it)."""
    redis.ask("FLUSHALL")
    d = between(redis)
    client = start([need("redis-cli"), "-p", str(d.port()), "BLPOP", "queue", "0"])
    wait_until(redis.waiting, 10, "BLPOP")
    return d, client


def ping(d):
    """What a new redis-cli is told."""
    run = subprocess.run([need("redis-cli"), "-p", str(d.port()), "PING"], capture_output=True,
                         text=True, check=False, timeout=10)
    return run.stdout + run.stderr


def pushes():
    """RPUSH list 0 .. PUSHES-1 as --pipe wants it: what was stored, and in which order, is seen later."""
    words = (["RPUSH", "list", str(n)] for n in range(PUSHES))
    return "".join(f"*{len(w)}\r\n" + "".join(f"${len(x)}\r\n{x}\r\n" for x in w) for w in words)


@pytest.fixture
def pipe(redis, between, start, tmp_path):
    """(deadpeer, a function that starts redis-cli --pipe with the pushes)."""
    redis.ask("FLUSHALL")
    (tmp_path / "pushes").write_text(pushes(), newline="")
    d = between(redis)

    def run(*options):
        with open(tmp_path / "pushes", encoding="ascii") as stdin:
            return start([need("redis-cli"), "-p", str(d.port()), "--pipe", *options], stdin=stdin)
    return d, run


def stored(redis):
    return [int(n) for n in redis.ask("LRANGE", "list", "0", "-1").split()]


def test_power_loss_is_found_by_keepalive(redis, waiting):
    d, client = waiting
    fired = d.arm("power_loss")
    wait_until(lambda: not redis.waiting(), 5, "the server to lose its client")
    assert since(fired) < 3
    status, seconds = client.end(fired, 45)
    assert status == 1 and "timeout" in client.errors()
    assert 27 < seconds < 34, "15 s idle and 3 probes 5 s apart"


def test_reboot_is_found_by_the_next_probe(redis, waiting):
    d, client = waiting
    fired = d.arm("reboot", down="1s", service_delay="1s")
    wait_until(lambda: not redis.waiting(), 5, "the server to lose its client")
    status, seconds = client.end(fired, 30)
    assert status == 1 and "Connection reset by peer" in client.errors()
    assert 13 < seconds < 19, "RST in answer to the keepalive probe after 15 s, not before"
    assert ping(d) == "PONG\n"


def test_process_crash_is_found_at_once(redis, waiting):
    d, client = waiting
    fired = d.arm("process_crash", restart_after="2s")
    status, seconds = client.end(fired, 5)
    assert status == 1 and "Server closed the connection" in client.errors()
    assert seconds < 1.5
    assert "Connection refused" in ping(d)
    d.wait("fault.lifted")
    assert ping(d) == "PONG\n"


def test_hang_is_not_found_and_loses_nothing(redis, waiting):
    d, client = waiting
    d.arm("hang")
    redis.ask("RPUSH", "queue", "job")
    wait_until(lambda: not redis.waiting(), 5, "the server to answer")
    assert client.running() and client.output() == ""
    lifted = d.lift()
    assert client.end(lifted, 5)[0] == 0
    assert client.output().split() == ["queue", "job"]
    assert d.sessions() == 1


def test_partition_under_blpop_heals(redis, waiting):
    d, client = waiting
    d.arm("partition")
    redis.ask("RPUSH", "queue", "job")
    wait_until(lambda: not redis.waiting(), 5, "the server to answer")
    assert client.running() and client.output() == ""
    lifted = d.lift()
    assert client.end(lifted, 10)[0] == 0
    assert client.output().split() == ["queue", "job"]
    assert d.sessions() == 1


def test_power_loss_in_a_pipeline(redis, pipe):
    d, run = pipe
    d.prepare("power_loss", after_bytes="10KB")
    client = run("--pipe-timeout", "2")
    fired = d.wait("fault.fired")
    status, seconds = client.end(fired, 20)
    assert status == 1 and "No replies for 2 seconds" in client.errors() + client.output()
    assert 1 < seconds < 8
    kept = stored(redis)
    assert kept == list(range(len(kept))), "what was stored is the beginning of what was sent"
    assert 0 < len(kept) < PUSHES


def test_partition_in_a_pipeline_loses_nothing(redis, pipe):
    d, run = pipe
    d.prepare("partition", after_bytes="100KB", duration="2s")
    client = run()
    fired = d.wait("fault.fired")
    status, seconds = client.end(fired, 30)
    assert status == 0, client.errors()
    assert f"errors: 0, replies: {PUSHES}" in client.output()
    assert 2 < seconds
    assert stored(redis) == list(range(PUSHES)), "each exactly once and in order"
    assert d.sessions() == 1


def test_reset_and_process_crash_in_a_pipeline(redis, pipe):
    d, run = pipe
    d.prepare("process_crash", after_bytes="10KB")
    client = run()
    fired = d.wait("fault.fired")
    status, seconds = client.end(fired, 10)
    assert status != 0 and seconds < 5
    kept = stored(redis)
    assert kept == list(range(len(kept))) and len(kept) < PUSHES


def test_a_job_for_a_client_that_a_balancer_forgot_is_lost(redis, between, start):
    """350 s in 3.5 s. Who waits in BLPOP sends nothing, and redis-cli's keepalive comes too late:
    the server hands the job to a connection that is no more."""
    redis.ask("FLUSHALL")
    d = between(redis)
    d.prepare("idle_timeout", preset="aws-nlb", time_scale=100)
    client = start([need("redis-cli"), "-p", str(d.port()), "BLPOP", "queue", "0"])
    wait_until(redis.waiting, 10, "BLPOP")
    fired = d.wait("fault.fired")
    assert redis.waiting() and established(d.port()) == 1, "nobody was told"
    assert redis.ask("RPUSH", "queue", "job") == "1"
    wait_until(lambda: not redis.waiting(), 5, "the server to hand out the job")
    assert redis.ask("LLEN", "queue") == "0" and client.running() and client.output() == ""
    status, seconds = client.end(fired, 25)
    assert status == 1 and "Connection reset by peer" in client.errors()
    assert 10 < seconds < 20, "RST in answer to the keepalive probe after 15 s, 3.5 of which were over"


def test_a_client_that_asks_after_a_balancer_forgot_it_is_reset_once(redis, between, start):
    """redis-cli kept open on a pipe: the command after the long pause fails, the next connects anew."""
    d = between(redis)
    d.prepare("idle_timeout", preset="aws-nlb", time_scale=100)
    client = start([need("redis-cli"), "-p", str(d.port())], stdin=subprocess.PIPE)
    client.say("SET before pause")
    client.wait_output("OK")
    d.wait("fault.fired")
    assert established(d.port()) == 1, "nobody was told"
    client.say("GET before")
    wait_until(lambda: "Connection reset by peer" in client.errors(), 5, "the command to fail")
    client.say("GET before")
    client.wait_output("pause")
    assert d.sessions() == 2 and "nil" not in client.output()
