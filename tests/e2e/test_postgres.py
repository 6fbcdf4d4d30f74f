"""PostgreSQL with psql and pgbench.

The client's settings are libpq's: connect_timeout, keepalives_idle, keepalives_interval,
keepalives_count, tcp_user_timeout (which libpq does not set when keepalives=0). The server's are
tcp_keepalives_idle and so on, set in the one session that needs them.
"""
import subprocess
import time

import pytest

from programs import established, need
from relay import since, wait_until

KEEPALIVE = {"keepalives_idle": 1, "keepalives_interval": 1, "keepalives_count": 2}


@pytest.fixture
def table(postgres):
    postgres.sql("drop table if exists kept; create table kept (n int)")
    return postgres


@pytest.fixture
def session(table, between, start):
    """A function that opens a psql through deadpeer with a transaction that has inserted a row and
    holds the table's lock; (deadpeer, psql)."""
    d = between(table)

    def run(**settings):
        info = table.conninfo(d.port(), application_name="e2e", **settings)
        psql = start([need("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", info], stdin=subprocess.PIPE)
        psql.say("begin; lock table kept; insert into kept values (1); select 'open';")
        psql.wait_output("open")
        return d, psql
    return run


def gone(postgres):
    """Waits for the server to have rolled the transaction back: no session, no lock, no row."""
    wait_until(lambda: postgres.backends("e2e") == 0, 10, "the server to end the session")
    return postgres.sql("set lock_timeout = '1s'; select count(*) from kept") == "0"


def test_power_loss_rolls_back_and_keepalive_finds_it(session, table):
    d, psql = session(**KEEPALIVE)
    psql.say("select pg_sleep(0), 'idle now';")
    psql.wait_output("idle now")
    fired = d.arm("power_loss")
    assert gone(table)
    assert since(fired) < 3, "the server leg is aborted when the power fails, not when psql finds out"
    psql.say("commit;")
    # The commit is unacknowledged data, which keepalive does not watch: what decides is tested below.
    assert psql.running()


def test_power_loss_while_waiting_is_found_by_keepalive(session):
    d, psql = session(**KEEPALIVE)
    psql.say("select 'asked'; select pg_sleep(300);")
    psql.wait_output("asked")
    fired = d.arm("power_loss")
    status, seconds = psql.end(fired, 15)
    assert status == 3 or status == 2
    assert "Connection timed out" in psql.errors()
    assert 1.5 < seconds < 6, "1 s idle and 2 probes 1 s apart"


def test_power_loss_while_sending_is_found_by_user_timeout(session, table):
    d, psql = session(tcp_user_timeout=2000)
    fired = d.arm("power_loss")
    psql.say("insert into kept values (2); commit;")
    status, seconds = psql.end(fired, 15)
    assert status in (2, 3)
    assert "Connection timed out" in psql.errors()
    assert 1.5 < seconds < 6, "tcp_user_timeout 2 s"
    assert gone(table)


def test_connecting_to_a_dead_host_takes_connect_timeout(postgres, between, start):
    d = between(postgres)
    fired = d.arm("power_loss")
    psql = start([need("psql"), "-XAtqc", "select 1", postgres.conninfo(d.port(), connect_timeout=2)])
    status, seconds = psql.end(fired, 15)
    assert status == 2 and "timeout expired" in psql.errors()
    assert 1.5 < seconds < 6


def test_second_host_takes_over(postgres, between, start):
    d = between(postgres, standby=postgres)
    d.arm("power_loss", proxy="proxy")
    info = postgres.conninfo(f"{d.port()},{d.port('standby')}", host="127.0.0.1,127.0.0.1",
                             connect_timeout=2)
    psql = start([need("psql"), "-XAtqc", "select 'from the standby'", info])
    assert psql.end(d.events("fault.fired")[0], 15)[0] == 0
    assert psql.output() == "from the standby\n"


def connect_once(postgres, d):
    """What a new psql says."""
    run = subprocess.run([need("psql"), "-XAtqc", "select 'in'", postgres.conninfo(d.port())],
                         capture_output=True, text=True, check=False, timeout=10)
    return run.stdout + run.stderr


def test_reboot_answers_the_next_query_with_rst(session, table):
    d, psql = session(keepalives=0)
    fired = d.arm("reboot", down="1s", service_delay="4s")
    psql.say("commit;")
    status, seconds = psql.end(fired, 10)
    assert status in (2, 3)
    assert "Connection reset by peer" in psql.errors() or "closed the connection" in psql.errors()
    assert 0.9 < seconds < 4, "silence for 1 s, then RST in answer to a retransmission"
    assert "Connection refused" in connect_once(table, d), "kernel up, service not yet"
    assert gone(table)
    d.wait("proxy.gate", old="refuse", new="open", nth=2)  # the first is that of the start
    assert connect_once(table, d) == "in\n"


def test_process_crash_is_eof_and_refused(session, table):
    d, psql = session()
    fired = d.arm("process_crash", restart_after="2s")
    assert gone(table)
    psql.say("commit;")
    status, seconds = psql.end(fired, 5)
    assert status in (2, 3) and seconds < 2
    assert "server closed the connection unexpectedly" in psql.errors()
    assert "Connection refused" in connect_once(table, d)
    d.wait("proxy.gate", old="refuse", new="open", nth=2)
    assert connect_once(table, d) == "in\n"


def test_hang_takes_connections_and_answers_nothing(session, table, start):
    d, psql = session(**KEEPALIVE)
    psql.say("select 'asked'; select pg_sleep(0.5), 'answer';")
    psql.wait_output("asked")
    fired = d.arm("hang")
    another = start([need("psql"), "-XAtqc", "select 1", table.conninfo(d.port(), connect_timeout=5)])
    status, seconds = another.end(fired, 15)
    assert status == 2 and "timeout expired" in another.errors(), "handshake done, no answer"
    assert 4.5 < seconds < 9
    assert psql.running(), f"keepalive took 3 s, every probe was answered: {psql.errors()}"
    d.lift()
    psql.say("commit;")
    psql.process.stdin.close()
    assert psql.end(fired, 10)[0] == 0
    assert "answer" in psql.output()
    assert table.sql("select count(*) from kept") == "1"


def test_partition_heals_and_the_transaction_commits(session, table):
    d, psql = session()
    fired = d.arm("partition", duration="2s")
    psql.say("insert into kept values (2); commit; select 'done';")
    psql.wait_output("done", 15)
    assert since(fired) > 1.9
    assert table.sql("select count(*) from kept") == "2"
    assert d.sessions() == 1


def test_idle_session_is_forgotten_and_one_with_keepalive_is_not(postgres, between, start):
    d = between(postgres)
    d.prepare("idle_timeout", after="3s", mode="rst_next")
    # The forgotten one's backend stays, half-open: by its name it does not count elsewhere.
    forgotten, kept = (start([need("psql"), "-XAtq", postgres.conninfo(
        d.port(), application_name="idle", **settings)], stdin=subprocess.PIPE)
        for settings in ({"keepalives": 0}, KEEPALIVE))
    for psql in kept, forgotten:  # the one that is kept is idle for longer
        psql.say("select 'idle from now on';")
        psql.wait_output("idle from now on")
    fired = d.wait("fault.fired")
    forgotten.say("select 'too late';")
    status, seconds = forgotten.end(fired, 5)
    assert status == 2 and seconds < 2, "RST in answer to the query"
    assert "Connection reset by peer" in forgotten.errors() or \
        "closed the connection" in forgotten.errors()
    kept.say("select 'still here';")
    kept.wait_output("still here")
    assert len(d.events("fault.fired")) == 1


RESET = ("Connection reset by peer", "closed the connection")


# 350 s and 240 s, in 3.5 s and 3.4 s: keepalive counts in whole seconds.
@pytest.mark.parametrize("preset, scale, words, least", [
    ("aws-nlb", 100, RESET, 0),  # RST in answer to the query
    ("azure-lb", 70, ("Connection timed out",), 1.5),  # silence: it takes tcp_user_timeout
])
def test_keepalives_idle_below_a_middleboxs_timer_lives_and_above_it_fails(
        postgres, between, start, preset, scale, words, least):
    d = between(postgres)
    d.prepare("idle_timeout", preset=preset, time_scale=scale)
    above, below = (start([need("psql"), "-XAtq", postgres.conninfo(
        d.port(), application_name="idle", keepalives_idle=idle, keepalives_interval=1,
        keepalives_count=2, tcp_user_timeout=2000)], stdin=subprocess.PIPE) for idle in (7200, 1))
    for psql in below, above:  # the one that lives is idle for longer
        psql.say("select 'idle from now on';")
        psql.wait_output("idle from now on")
    d.wait("fault.fired")
    assert above.running() and established(d.port()) == 2, "nobody was told"
    asked = time.monotonic_ns()
    above.say("select 'too late';")
    status, seconds = above.end({"mono_ns": asked}, 10)
    assert status == 2 and least < seconds < least + 6
    assert any(word in above.errors() for word in words), above.errors()
    below.say("select 'still here';")
    below.wait_output("still here")
    assert len(d.events("fault.fired")) == 1


def test_dead_client_releases_its_lock_by_the_servers_keepalive(session, table):
    d, psql = session(keepalives=0)
    psql.say("set tcp_keepalives_idle = 1; set tcp_keepalives_interval = 1; "
             "set tcp_keepalives_count = 2; select 'set';")
    psql.wait_output("set\n")
    fired = d.arm("power_loss", side="client")
    assert table.backends("e2e") == 1, "the server has not been told"
    assert gone(table)
    assert 1.5 < since(fired) < 8, "1 s idle and 2 probes 1 s apart"


def pgbench(postgres, port, *options, **settings):
    return [need("pgbench"), "-n", *options, postgres.conninfo(port, **settings)]


def consistent(postgres):
    """TPC-B's rule: what all accounts, tellers and branches gained is what the history says."""
    return postgres.sql("with h as (select coalesce(sum(delta), 0) as delta from pgbench_history) "
                        "select (select sum(abalance) from pgbench_accounts) = delta "
                        "and (select sum(tbalance) from pgbench_tellers) = delta "
                        "and (select sum(bbalance) from pgbench_branches) = delta from h") == "t"


@pytest.fixture
def bank(postgres):
    subprocess.run(pgbench(postgres, postgres.port, "-i", "-q"), check=True, capture_output=True,
                   timeout=60)
    return postgres


def test_pgbench_dies_by_user_timeout_and_the_books_balance(bank, between, start):
    d = between(bank)
    bench = start(pgbench(bank, d.port(), "-c", "4", "-T", "60", application_name="bench",
                          tcp_user_timeout=2000, **KEEPALIVE))
    wait_until(lambda: int(bank.sql("select count(*) from pgbench_history")) > 50, 20, "transactions")
    fired = d.arm("power_loss")
    assert fired["sessions"] >= 4
    status, seconds = bench.end(fired, 20)
    assert status == 2 and "aborted" in bench.errors()
    assert 1.5 < seconds < 8
    wait_until(lambda: bank.backends("bench") == 0, 5, "the server to end the sessions")
    assert consistent(bank)


def test_pgbench_rides_through_a_partition(bank, between, start):
    d = between(bank)
    bench = start(pgbench(bank, d.port(), "-c", "4", "-t", "200"))
    wait_until(lambda: int(bank.sql("select count(*) from pgbench_history")) > 20, 20, "transactions")
    fired = d.arm("partition", duration="2s")
    assert bench.end(fired, 40)[0] == 0, bench.errors()
    assert bank.sql("select count(*) from pgbench_history") == "800", "each exactly once"
    assert consistent(bank)
    assert d.sessions() <= 5
