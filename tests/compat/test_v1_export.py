"""GET /v1/config?format=ini: what holds, as a file that says the same."""
import json
import random
import subprocess

import pytest

from api import BINARY, Deadpeer
from v1 import V1

ALPHABET = "ab_.-9 \t,;#=[]/*%\"'éλ日"


def export(v1, status=200):
    answer = v1.api.get("/v1/config?format=ini")
    assert answer.status == status, answer
    return answer.body


def check(body):
    checked = subprocess.run([BINARY, "check", "-"], input=body, capture_output=True)
    assert checked.returncode == 0, checked.stderr.decode() + body.decode()


def free_name(r):
    name = "".join(r.choice(ALPHABET) for _ in range(r.choice([1, 3, 8, 70, 120])))
    return name.replace("\t", "_")[:120]


def value(r, p):
    """Any that the key may have, as a text."""
    if p["kind"] == "choice":
        return r.choice(p["choices"])
    low, high = p.get("min", 0), p.get("max", 0) or 10**6
    if p["kind"] == "duration":
        return f"{r.randint(low, min(high, low + 10**12))}ns"
    if p["kind"] == "size":
        return f"{r.randint(low, high)}B"
    if p["kind"] == "rate":
        return f"{r.randint(max(low, 1), high)}B/s"
    if p["kind"] == "probability":
        return r.random()
    if p["kind"] == "bool":
        return r.choice(["yes", "no"])
    if p["kind"] == "cidr":
        return r.choice(["*", "10.0.0.0/8", "fe80::/10", "127.0.0.1"])
    return str(r.randint(low, min(high, low + 10**6)))


def some(r, params, share):
    return {p["key"]: value(r, p) for p in params
            if p["kind"] not in ("names", "text") and r.random() < share}


def fill(v1, r):
    """Through both APIs; what they refuse is not there."""
    told = v1.get("/fault-types")
    common = [p for p in told["common"] if p["key"] not in ("proxy", "host", "delay")]
    for i in range(r.randint(0, 4)):
        v1.api.post("/v1/hosts", {"name": f"h{i}", "address": r.choice(["10.0.0.0/8", "::1"]),
                                  "title": free_name(r).replace(";", "").strip() or "t"})
    hosts = [h["name"] for h in v1.get("/hosts")["hosts"]]
    for i in range(r.randint(1, 20)):
        proxy = {"name": f"p{i}" + "x" * r.choice([0, 40]), "listen": "127.0.0.1:0",
                 "upstream": r.choice(["builtin:echo", "db.example:5432", "[::1]:1", "127.0.0.1:9"]),
                 "enabled": r.random() < 0.8, "backlog": str(r.randint(1, 65535))}
        if hosts and r.random() < 0.3:
            proxy["host"] = r.choice(hosts)
        v1.api.post("/v1/proxies", proxy)
        v1.api.post("/proxies", {"name": free_name(r), "listen": "127.0.0.1:0",
                                 "upstream": "127.0.0.1:1", "enabled": r.random() < 0.5})
    names = [p["name"] for p in v1.get("/proxies")["proxies"]]
    plain = [n for n in names if n.startswith("p")]
    accepted = 0
    for _ in range(60):
        t = r.choice(told["types"])
        f = {"type": t["type"], "delay": "1h", **some(r, t["params"], 0.4), **some(r, common, 0.1)}
        f["proxy"] = r.choice(["*", r.sample(plain, r.randint(1, len(plain)))])
        accepted += v1.api.post("/v1/faults", f).status == 201
        attributes = {"delay": "1h", **some(r, t["params"], 0.4)}
        if t["type"] in ("latency", "bandwidth", "slow_close", "timeout", "reset_peer", "slicer",
                         "limit_data", "noop"):
            attributes = {}
        name = r.choice(names).replace("%", "%25").replace("/", "%2F").replace(" ", "%20")
        name = name.replace("#", "%23").replace("?", "%3F")
        name = "".join(c if c.isascii() and c not in "[]\"" else "".join(
            f"%{b:02X}" for b in c.encode()) for c in name)
        accepted += v1.api.post(f"/proxies/{name}/toxics",
                                {"type": t["type"], "name": free_name(r), "attributes": attributes,
                                 "toxicity": r.random()}).status == 200
    assert accepted > 10


def same(config):
    """Without names, which may be plainer, and what differs from run to run."""
    order = {p["name"]: i for i, p in enumerate(config["proxies"])}
    for f in config["faults"]:
        if f.get("proxy", "*") != "*":
            f["proxy"] = None
        f["name"] = None
    for i, p in enumerate(config["proxies"]):
        p["name"] = i
    assert len(order) == len(config["proxies"])
    config["settings"] = {k: v for k, v in config["settings"].items()
                          if k not in ("events", "ports_file", "admin")}
    return json.loads(json.dumps(config))


@pytest.fixture
def start(tmp_path):
    """Starts one after the other; none outlives the test."""
    every = []

    def start(*arguments):
        folder = tmp_path / str(len(every))
        folder.mkdir()
        every.append(Deadpeer(folder, "--log-level", "warn", *arguments))
        return every[-1].start()

    yield start
    assert [d.stop() for d in every] == [0] * len(every)


@pytest.mark.parametrize("seed", range(6))
def test_it_is_read_back_and_says_the_same(start, tmp_path, seed):
    r = random.Random(seed)
    d = start()
    v1 = V1(d.api)
    fill(v1, r)
    body = export(v1)
    before = v1.get("/config")
    covered = [sorted(f["proxies"]) for f in v1.get("/faults")["faults"] if f["proxies"] != "*"]
    places = {p["name"]: i for i, p in enumerate(v1.get("/proxies")["proxies"])}
    assert d.stop() == 0
    check(body)
    (tmp_path / "again.ini").write_bytes(body)
    v1 = V1(start("-c", f"{tmp_path}/again.ini").api)
    again = v1.get("/config")
    places_again = {p["name"]: i for i, p in enumerate(v1.get("/proxies")["proxies"])}
    assert [sorted(places[n] for n in names) for names in covered] == \
        [sorted(places_again[n] for n in f["proxies"]) for f in v1.get("/faults")["faults"]
         if f["proxies"] != "*"]
    assert export(v1).count(b"\n") == body.count(b"\n")
    assert same(again) == same(before)


def test_long_lists_go_on_in_another_line(v1):
    names = [f"{i:03}" + "x" * 60 for i in range(50)]
    for n in names:
        v1.proxy(n)
    v1.fault("hang", names, delay="1h")
    body = export(v1)
    check(body)
    assert body.count(b"\nproxy = ") == 17 and max(map(len, body.splitlines())) <= 199


def test_names_that_no_section_has(v1):
    for n in ("a b;c", "a_b_c", "a/b/c", "x" * 255, "x" * 254 + "y", " ", ";", "日本"):
        v1.api.proxy(n)
    v1.api.toxic("a%20b;c", "latency", name="slow / \"down\"")
    v1.post("/hosts", {"name": "a_b_c-1"}, 201)
    body = export(v1)
    check(body)
    assert b"[proxy a_b_c]" in body and b"[fault a_b_c_slow____down_]" in body


def test_thousands_of_names_that_look_alike(v1):
    v1.api.post("/populate", [{"name": f"{'é' * 30}{chr(0x4e00 + i)}", "enabled": False,
                               "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"}
                              for i in range(1500)])
    check(export(v1))


@pytest.mark.parametrize("title", ["x ; y", "; x", " x", "x ", "t" * 200])
def test_what_no_line_can_say_is_an_error(v1, title):
    v1.post("/hosts", {"name": "h", "title": title}, 201)
    assert v1.get("/config")["hosts"] == [{"name": "h", "title": title}]
    answer = v1.api.get("/v1/config?format=ini")
    assert answer.status == 422 and "[host h] title" in json.loads(answer.body)["error"]


@pytest.mark.parametrize("title", ["a\n[fault evil]\ntype = hang\nproxy = *", "\x1b[2J", "\x7f"])
def test_a_text_is_one_line(v1, title):
    assert "control characters" in v1.post("/hosts", {"name": "h", "title": title}, 400)
    assert v1.get("/hosts") == {"hosts": []}


@pytest.fixture
def v1(api):
    return V1(api)
