"""Verdicts made up by hand, each as config/schema/verdict-1.json has it, for the reports' tests.

    python3 tests/compat/verdicts.py NAME        prints one
"""
import hashlib
import json
import random
import sys

S = 1_000_000_000
MS = 1_000_000

CONFIG = """[proxy redis]
listen = 127.0.0.1:0
upstream = 127.0.0.1:6379

[scenario keepalive]
title = Does the client notice that its server lost power?

[at 5s]
arm = power_loss proxy=redis duration=30s name=cut

[expect]
detect_within = 30s
no_zombies = yes
"""


def run(name, title, duration_ns, **changed):
    return {"tool": "0.1.0", "kernel": "Linux 6.18.44 x86_64", "seed": "13835058055282163712",
            "started": "2026-11-22T12:00:00.123456Z", "duration_ns": duration_ns,
            "scenario": {"file": f"config/scenarios/{name}.ini", "name": name, "title": title,
                         "sha256": hashlib.sha256(CONFIG.encode()).hexdigest()},
            "command": ["python3", "worker.py", "--retry"], "exit_status": {"code": 0},
            "replay": f"deadpeer run config/scenarios/{name}.ini --seed 13835058055282163712 "
                      "-- python3 worker.py --retry",
            "config": CONFIG, "seen_by": "segments", **changed}


def relay(**changed):
    return {"name": "relay", "admin": "unix:/run/deadpeer/admin", "version": "0.1.0",
            "wire": "exact", "skew_ns": 0, "rtt_ns": 210_000, "events_lost": 0, **changed}


def step(number, began_ns, result="pass", message=None, **changed):
    return {"name": f"step {number}", "line": 8, "iteration": 1, "planned_ns": began_ns,
            "began_ns": began_ns, "ended_ns": began_ns + 3 * MS, "result": result,
            "message": message, **changed}


def fault(name="cut", active_ns=5 * S, lifted_ns=35 * S, sessions=1, **changed):
    return {"name": name, "type": "power_loss", "side": "server", "step": "step 1", "iteration": 1,
            "grade": "exact", "relay": "relay", "active_ns": active_ns, "lifted_ns": lifted_ns,
            "sessions": sessions, "segments": 7 * sessions, "refused": None, **changed}


def mark(at_ns, kind, leg="client", **more):
    return {"at_ns": at_ns, "kind": kind, "leg": leg, **more}


def session(number, opened_ns, closed_ns=None, marks=(), **changed):
    client = changed.pop("client", f"127.0.0.1:{40000 + number}")
    return {"id": number, "relay": "relay", "proxy": "redis", "client": client,
            "process": "worker[4242]", "opened_ns": opened_ns, "connected_ns": opened_ns + MS,
            "traffic_ns": opened_ns + 3 * MS, "closed_ns": closed_ns,
            "reason": "client" if closed_ns else None,
            "bytes": {"upstream": 1200, "downstream": 56000}, "struck": False,
            "marks": [mark(opened_ns - MS, "syn"), mark(opened_ns, "open"),
                      mark(opened_ns + MS, "connected", "server"),
                      mark(opened_ns + 2 * MS, "data"), mark(opened_ns + 3 * MS, "data", "server"),
                      *marks], "marks_left_out": 0, **changed}


def predicted(low_ns=30 * S, high_ns=31 * S, **changed):
    return {"outcome": "noticed", "low_ns": low_ns, "high_ns": high_ns, "by": "keepalive",
            "error": "ETIMEDOUT", "advice": None, "settings": "keepalive 15/5/3, user timeout 0", **changed}


def death(number, after_ns=28_200 * MS, at_ns=5 * S, until_ns=35 * S, **changed):
    detected = after_ns and {"after_ns": after_ns, "how": "rst", "seen_by": "segment"}
    return {"session": number, "relay": "relay", "proxy": "redis",
            "client": f"127.0.0.1:{40000 + number}", "process": "worker[4242]", "fault": "cut",
            "type": "power_loss", "step": "step 1", "iteration": 1, "at_ns": at_ns,
            "until_ns": until_ns, "watcher": "client", "shape": "idle", "traffic_before": True,
            "detected": detected, "retransmissions": [],
            "probes": [15 * S, 20 * S, 25 * S] if after_ns else [], "predicted": None,
            "against": "unknown", "reconnect": None, "recovered_ns": None,
            "lost": {"upstream": 0, "downstream": 0}, "repeated_bytes": 0,
            "zombie": not after_ns, **changed}


def reconnect(gaps_ns, connected_ns, **changed):
    return {"attempts": len(gaps_ns) + 1, "first_delay_ns": 51 * MS, "gaps_ns": gaps_ns,
            "growth": 1.98, "jitter": 0.021, "parallel": 1, "connected_ns": connected_ns, **changed}


def attempt(at_ns, outcome, number, **changed):
    return {"at_ns": at_ns, "proxy": "redis", "client": f"127.0.0.1:{40000 + number}",
            "process": "worker[4242]", "outcome": outcome,
            "session": number if outcome == "accepted" else None, "until_ns": at_ns + 2 * MS,
            **changed}


def expectation(key, value, result, expected, actual, margin=None, **changed):
    message = f"{key}: expected {expected}, was {actual}" + (f" ({margin})" if margin else "")
    return {"key": key, "name": None, "value": value,
            "file": "config/scenarios/keepalive.ini", "line": 12, "step": None, "proxy": None,
            "client": None, "result": result, "cases": 1, "expected": expected, "actual": actual,
            "margin": margin, "message": message, "session": None, "duration_ns": None, **changed}


def recovery(**changed):
    return {"fault": "cut", "proxy": "redis", "lifted_ns": 35 * S, "sessions_before": 1,
            "first_after_ns": 1_250 * MS, "full_after_ns": 1_250 * MS, "storm": 2, **changed}


def verdict(result, code, summary, **parts):
    whole = {"schema": "urn:deadpeer:verdict:1", "result": result, "exit_code": code,
             "summary": summary, "run": None, "relays": [relay()], "steps": [], "faults": [],
             "deaths": [], "recoveries": [], "sessions": [], "sessions_left_out": 0,
             "attempts": [], "attempts_left_out": 0, "expectations": []}
    whole.update(parts)
    return whole


# --- the verdicts ---

def good():
    """One client, keepalive right: noticed as predicted, back with a growing backoff."""
    struck, back = 5 * S, 36_200 * MS
    marks = [mark(2 * S, "data"), mark(2 * S + MS, "data", "server"), mark(struck, "silence"),
             *[mark(struck + n * S, "probe") for n in (15, 20, 25)],
             mark(struck + 30_400 * MS, "rst", text="by its kernel"),
             mark(35 * S, "lifted"), mark(35_400 * MS, "closed", "server")]
    gaps = [100 * MS, 210 * MS, 390 * MS]
    times = [35_450 * MS]
    for gap in gaps:
        times.append(times[-1] + gap)
    return verdict(
        "pass", 0, "All 4 expectations hold: the death was noticed after 30.4 s.",
        run=run("keepalive", "Does the client notice that its server lost power?", 42 * S),
        steps=[step(1, struck), step(2, 36 * S)], faults=[fault()],
        deaths=[death(1, 30_400 * MS, predicted=predicted(), against="within",
                      reconnect=reconnect(gaps, back), recovered_ns=1_250 * MS)],
        recoveries=[recovery()],
        sessions=[session(1, 120 * MS, 35_400 * MS, marks, struck=True), session(2, back)],
        attempts=[*[attempt(at, "refused", 2 + n) for n, at in enumerate(times[:-1])],
                  attempt(times[-1], "accepted", 2)],
        expectations=[
            expectation("detect_within", "32s", "pass", "32 s at most", "30.4 s", "1.6 s left",
                        duration_ns=30_400 * MS, session=1),
            expectation("reconnect_within", "5s", "pass", "5 s at most", "1.2 s", "3.8 s left",
                        name="comes back", line=13, duration_ns=1_200 * MS, session=1),
            expectation("backoff", "exponential", "pass", "each gap 1.3 times the last",
                        "1.98 times", "0.68", line=14),
            expectation("no_zombies", "yes", "pass", "none", "none", line=15)])


def storm():
    """Forty clients: some never notice, the others come back all at once."""
    draw = random.Random(5)
    struck, lifted, end = 10 * S, 40 * S, 75 * S
    advice = ("Idle connections are never noticed: turn keepalive on, or ping, and set "
              "TCP_USER_TIMEOUT.")
    sessions, deaths, attempts = [], [], []
    for n in range(1, 41):
        opened = draw.randrange(50 * MS, 3 * S)
        busy, zombie = n % 4 == 0, n % 5 == 1
        client = {"client": f"10.0.{n % 3}.{n}:{50000 + n}", "process": None}
        marks = [mark(t, "data", "server" if t % 2 else "client")
                 for t in range(opened + 500 * MS, struck, 500 * MS + draw.randrange(9) * MS)]
        marks.append(mark(struck, "silence"))
        after = None if zombie else draw.randrange(15 * S, 22 * S)
        resent = [int(0.2 * 2 ** k * S) for k in range(7)] if busy else []
        marks += [mark(struck + at, "retransmission") for at in resent
                  if zombie or at < after]
        if after:
            marks.append(mark(struck + after, "fin" if n % 2 else "rst"))
        marks.append(mark(lifted, "lifted"))
        back = lifted + draw.randrange(20 * MS, 900 * MS)
        sessions.append(session(n, opened, None if zombie else lifted, marks, struck=True, **client))
        tries = 0
        if after:
            at = struck + after
            while at < back:
                attempts.append(attempt(at, "unanswered" if n % 3 else "refused", 100 + n, **client))
                tries += 1
                at += draw.randrange(200 * MS, 260 * MS)
            attempts.append(attempt(back, "accepted", 100 + n, **client))
            marks_back = [mark(back + 4 * MS + k * 400 * MS, "data") for k in range(20)]
            sessions.append(session(100 + n, back, None, marks_back, **client))
        deaths.append(death(
            n, after, struck, lifted, **client, shape="busy" if busy else "idle",
            retransmissions=resent, probes=[],
            detected=after and {"after_ns": after, "how": "fin" if n % 2 else "rst",
                                "seen_by": "segment"},
            predicted=predicted(924_600 * MS, 940 * S, by="tcp_retries2", advice=None) if busy
            else predicted(None, None, outcome="never", by="nothing", error=None, advice=advice,
                           settings="keepalive off, user timeout 0"),
            against="sooner" if after else "within",
            reconnect=reconnect([230 * MS] * tries, back, growth=1.01, jitter=0.08, parallel=2)
            if after else None,
            recovered_ns=back - lifted if after else None,
            lost={"upstream": 512 if busy else 0, "downstream": 0}))
    attempts.sort(key=lambda a: a["at_ns"])
    sessions.sort(key=lambda s: s["opened_ns"])
    return verdict(
        "fail", 1, "3 of 6 expectations do not hold; the worst: 8 of 40 clients never let go of a "
        "dead connection.",
        run=run("mass-reconnect", "Forty workers lose their server at once", end,
                exit_status={"signal": 15}),
        relays=[relay(), relay(name="second", admin="http://10.0.0.2:8474", skew_ns=-3_200_000,
                               rtt_ns=900_000)],
        steps=[step(1, struck), step(2, 45 * S, "fail", "run: /bin/check-queue exited with 1")],
        faults=[fault("cut", struck, lifted, 40), fault("late", 55 * S, 60 * S, 0, type="partition")],
        deaths=deaths, sessions=sessions, attempts=attempts,
        recoveries=[recovery(lifted_ns=lifted, sessions_before=40, full_after_ns=None, storm=131.0)],
        expectations=[
            expectation("detect_within", "30s", "fail", "30 s at most", "never (until the end)",
                        cases=40, session=1, line=14,
                        message="Session 1 (10.0.1.1:50001) was not noticed in the 65 s that were "
                        "watched, 30 s was the limit; its settings predict never. " + advice),
            expectation("max_storm", "50", "fail", "50 attempts a second at most", "131",
                        "81 too many", cases=1, line=15),
            expectation("no_zombies", "yes", "fail", "none", "8 of 40", line=16, cases=40),
            expectation("jitter_at_least", "5%", "pass", "5 % at least", "8 %", "3 %", line=17,
                        name="spread", step="step 1", proxy="redis"),
            expectation("no_duplicates", "yes", "pass", "0 bytes", "0 bytes", line=18),
            expectation("no_loss", "yes", "vacuous", "0 bytes", "no busy session was known",
                        line=19, cases=0, client="10.0.9.0/24",
                        message="no_loss: no session of 10.0.9.0/24 was struck, so nothing was "
                        "shown")])


def vacuous():
    """The fault struck nobody."""
    return verdict(
        "vacuous", 3, "Nothing was shown: the fault struck no session.",
        run=run("idle", None, 12 * S, command=None, exit_status=None, seen_by="sessions"),
        steps=[step(1, 5 * S), step(2, 6 * S, "skipped", "the command had ended")],
        faults=[fault(sessions=0, lifted_ns=None, segments=0)],
        expectations=[expectation("detect_within", "30s", "vacuous", "30 s at most", "no death",
                                  cases=0, message="detect_within: no session was struck, so "
                                  "nothing was shown; was the client started?")])


def refused():
    """No power to be silent: nothing could be injected."""
    why = "power_loss needs a rung of the wire and there is none here; grant CAP_NET_ADMIN"
    return verdict(
        "error", 4, "The fault could not be injected: " + why,
        run=run("keepalive", "Does the client notice that its server lost power?", 5 * S),
        steps=[step(1, 5 * S, "error", why)],
        faults=[fault(sessions=0, segments=0, active_ns=None, lifted_ns=None, grade=None,
                      refused=why)],
        sessions=[session(1, 100 * MS)],
        expectations=[expectation("detect_within", "30s", "skipped", "30 s at most", "not played",
                                  cases=0)])


def huge():
    """Two hundred sessions and three deaths for each of them, from a millisecond to an hour."""
    draw = random.Random(7)
    sessions, deaths, attempts = [], [], []
    faults = [fault(f"cut#{n}" if n > 1 else "cut", n * 900 * S, n * 900 * S + 120 * S, 200,
                    iteration=n) for n in (1, 2, 3)]
    for n in range(1, 201):
        opened = n * 3 * S
        client = {"client": f"[2001:db8::{n:x}]:{30000 + n}", "process": f"pool-worker[{5000 + n}]"}
        marks = []
        for f in faults:
            at = f["active_ns"]
            after = draw.choice([3 * MS, 900 * MS, 30 * S, 110 * S, 1200 * S])
            marks += [mark(at, "silence"), mark(at + after // 2, "probe", count=3),
                      mark(f["lifted_ns"], "lifted")]
            deaths.append(death(n, after, at, f["lifted_ns"], fault=f["name"], **client,
                                iteration=f["iteration"],
                                predicted=predicted(after * 9 // 10, after * 11 // 10),
                                against=draw.choice(["within", "within", "later"])))
            attempts += [attempt(at + after + k * 20 * S, "unanswered", n, **client)
                         for k in range(draw.randrange(4))]
        sessions.append(session(n, opened, None, marks, struck=True, **client))
    attempts.sort(key=lambda a: a["at_ns"])
    return verdict(
        "fail", 1, "1 of 60 expectations does not hold.",
        run=run("flapping", "A flapping link for an hour", 3600 * S),
        steps=[step(1, n * 900 * S, iteration=n) for n in (1, 2, 3)], faults=faults, deaths=deaths,
        sessions=sessions, sessions_left_out=4000, attempts=attempts, attempts_left_out=17,
        expectations=[expectation("detect_within", f"{n}s", "fail" if n == 1 else "pass",
                                  f"{n} s at most", "0.9 s", f"{n} s", line=20 + n)
                      for n in range(1, 61)])


HOSTILE = ("</title></svg><script>alert(1)</script><img src=x onerror=alert(2)>\"'&amp;`|\\#\t\n"
           "@someone www.evil.example https://evil.example ![x](http://e) ```\n~~~\nnot ok 9\n"
           "ok 1 # SKIP ;end\x1b[31mred\x07\x9b2J\u202egnp.exe\u2028\ufeff\ufffe\U0001f600 ]]> --> %s%n {}")


def hostile():
    """Every text from outside is an attack."""
    def poison(value, key=""):
        kept = {"schema", "result", "watcher", "shape", "how", "seen_by", "kind", "leg", "outcome",
                "against"}
        if isinstance(value, dict):
            return {k: poison(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [poison(v, key) for v in value]
        if isinstance(value, str) and key not in kept:
            return HOSTILE
        return value

    whole = poison(good())
    for d in whole["deaths"]:
        d["predicted"]["advice"] = HOSTILE
    for m in whole["sessions"][0]["marks"]:
        m["text"] = HOSTILE
    whole["result"], whole["exit_code"] = "fail", 1
    whole["expectations"][0]["result"] = "fail"
    whole["expectations"][1]["result"] = "skipped"
    whole["faults"][0]["refused"] = HOSTILE
    return whole


VERDICTS = {"good": good, "storm": storm, "vacuous": vacuous, "refused": refused, "huge": huge,
            "hostile": hostile}

if __name__ == "__main__":
    json.dump(VERDICTS[sys.argv[1]](), sys.stdout, indent=1)
