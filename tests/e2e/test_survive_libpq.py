"""The verdict on real clients: libpq idle, in a query and in COPY."""
import os
import sys

import pytest

from programs import need
from survive import CLIENTS, FAIL, PASS, play, shortened, through

RIGHT = "keepalives_idle=1 keepalives_interval=1 keepalives_count=3 tcp_user_timeout=4000"
WRONG = "keepalives=0"
IDLE = "-c 'select 1' -f -"
QUERY = "-c 'select 1' -c 'select pg_sleep(300)'"
COPY = "-c 'create temp table t (x text)' -c 'copy t from stdin'"
FEED = f'"{sys.executable}" "{os.path.join(CLIENTS, "feed.py")}" |'


@pytest.mark.parametrize("settings, status", [(RIGHT, PASS), (WRONG, FAIL)], ids=["right", "wrong"])
@pytest.mark.parametrize("shape, feed, words", [
    ("idle", "sleep 300 |", IDLE), ("waiting", "", QUERY), ("busy", FEED, COPY)],
    ids=["idle", "query", "copy"])
def test_libpq(tmp_path, postgres, shape, feed, words, settings, status):
    scenario = shortened("power-loss-sending", settle="11s", detect_within="10s", faster_than="200%")
    # Not at a multiple of the pause between probes: which one comes first then, nobody can tell.
    scenario = scenario.replace("[at 3s]", "[at 2500ms]")
    info = postgres.conninfo("$DEADPEER_SERVICE_PORT") + " " + settings
    client = ["/bin/sh", "-c", f'{feed} {need("psql")} -XAtq "{info}" {words} >/dev/null']
    v = play(tmp_path, scenario, client, through(postgres))
    assert v.status == status, str(v)
    death = v.deaths("power-loss")[0]
    assert death["shape"] == shape, str(v)
    if status == PASS:
        # Nobody hears the end of one that sends: where the machine is busy it may be seen late.
        assert death["against"] == "within" or shape == "busy" and death["against"] == "later", str(v)
        by = death["predicted"]["by"]
        assert (by == "user_timeout") if shape == "busy" else ("keepalive" in by), str(v)
    else:
        assert death["detected"] is None, str(v)
    assert bool(death["retransmissions"]) == (shape == "busy"), str(v)
