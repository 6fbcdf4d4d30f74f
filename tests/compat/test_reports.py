"""What deadpeer run leaves behind, read by those it is for: CI's parsers, a terminal, a browser.

The verdicts are made up (verdicts.py); render (render.c) writes their reports.
"""
import functools
import html.parser
import json
import os
import re
import resource
import shutil
import subprocess
import unicodedata
import xml.etree.ElementTree as ElementTree

import pytest

import browser
from verdicts import HOSTILE, VERDICTS

RENDER = os.path.join(os.path.dirname(os.path.abspath(os.environ.get(
    "DEADPEER", "build/gcc/deadpeer"))), "render")
SCHEMA = "config/schema/verdict-1.json"
NAMES = sorted(VERDICTS)
RED = {"fail": "failure", "vacuous": "failure", "error": "error"}

# As a reader sees the hostile text where controls cannot be kept.
HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u202e\ufeff\ufffe]")


@functools.cache
def verdict(name):
    return VERDICTS[name]()


def render(name, *arguments):
    done = subprocess.run([RENDER, *map(str, arguments)], input=json.dumps(verdict(name)).encode(),
                          capture_output=True, timeout=30, check=False)
    assert done.returncode == 0 and done.stderr == b"", done.stderr
    return done.stdout.decode()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    for name in NAMES:
        (folder / f"{name}.html").write_text(render(name, "html"), encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_the_verdicts_are_as_the_schema_has_them(name):
    jsonschema = pytest.importorskip("jsonschema", reason="python3-jsonschema is not installed")
    with open(SCHEMA, encoding="utf-8") as f:
        schema = json.load(f)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(verdict(name))


# --- JUnit ---

def results(name):
    """What each case must be: expectations, steps, refused faults, in this order."""
    v = verdict(name)
    return ([e["result"] for e in v["expectations"]] + [s["result"] for s in v["steps"]] +
            ["error" for f in v["faults"] if f["refused"]])


@pytest.mark.parametrize("name", NAMES)
def test_junit_is_read(name, tmp_path):
    junitparser = pytest.importorskip("junitparser", reason="python3-junitparser is not installed")
    path = tmp_path / "junit.xml"
    path.write_text(render(name, "junit"), encoding="utf-8")
    suites = list(junitparser.JUnitXml.fromfile(str(path)))
    assert len(suites) == 1
    suite = suites[0]
    cases = list(suite)
    seen = []
    for case in cases:
        kinds = [type(r).__name__.lower() for r in case.result]
        assert len(kinds) <= 1, case
        if kinds and kinds[0] != "skipped":
            assert case.result[0].message, case
            seen.append(case.result[0].type)
            assert kinds[0] == RED[case.result[0].type]
        else:
            seen.append(kinds[0] if kinds else "pass")
    assert seen == results(name)
    assert suite.tests == len(seen) and suite.skipped == seen.count("skipped")
    assert suite.failures == seen.count("fail") + seen.count("vacuous")
    assert suite.errors == seen.count("error")
    names = [(c.classname, c.name) for c in cases]
    assert len(set(names)) == len(names), "readers tell cases apart by their names"
    properties = {p.name: p.value for p in suite.properties()}
    assert properties["result"] == verdict(name)["result"] and properties["seed"]


# What the format's readers agree on: attributes, and children in their order.
FORMAT = {
    "testsuites": ("name tests failures errors skipped time timestamp", "testsuite"),
    "testsuite": ("name tests failures errors skipped time timestamp file", "properties testcase"),
    "properties": ("", "property"),
    "property": ("name value", ""),
    "testcase": ("name classname time file line", "properties failure error skipped"),
    "failure": ("message type", ""), "error": ("message type", ""), "skipped": ("message", ""),
}


@pytest.mark.parametrize("name", NAMES)
def test_junit_holds_to_the_format(name):
    root = ElementTree.fromstring(render(name, "junit"))
    assert root.tag == "testsuites"
    for element in root.iter():
        attributes, children = (part.split() for part in FORMAT[element.tag])
        assert set(element.keys()) <= set(attributes), element.tag
        places = [children.index(child.tag) for child in element]
        assert places == sorted(places), element.tag
        if "time" in element.keys():
            assert re.fullmatch(r"\d+\.\d{6}", element.get("time"))
        if "timestamp" in element.keys():
            assert name == "hostile" or re.fullmatch(r"[\d-]{10}T[\d:]{8}", element.get("timestamp"))


def test_vacuous_is_not_green_for_a_ci():
    root = ElementTree.fromstring(render("vacuous", "junit"))
    failure, = root.iter("failure")
    assert failure.get("type") == "vacuous" and failure.get("message").startswith("vacuous: ")
    assert root.get("failures") == "1"


def test_junit_keeps_hostile_text_as_text():
    root = ElementTree.fromstring(render("hostile", "junit"))
    shown = HIDDEN.sub(lambda m: m[0] if m[0] in "\t\n" else "\ufffd", HOSTILE)
    assert {e.get("message") for e in root.iter("error")} == {shown}
    assert "script" not in {e.tag for e in root.iter()}


# --- TAP ---

@pytest.mark.parametrize("name", NAMES)
def test_tap_is_read(name, tmp_path):
    parser = pytest.importorskip("tap.parser", reason="python3-tap is not installed")
    pytest.importorskip("yaml", reason="python3-yaml is not installed")
    path = tmp_path / "results.tap"
    path.write_text(render(name, "tap"), encoding="utf-8")
    lines = list(parser.Parser().parse_file(str(path)))
    tests = [line for line in lines if line.category == "test"]
    assert lines[0].category == "version" and lines[0].version == 14
    assert lines[1].category == "plan" and lines[1].expected_tests == len(tests)
    assert not [line for line in lines if line.category in ("unknown", "bail")]
    wanted = results(name)
    assert [t.number for t in tests] == list(range(1, len(wanted) + 1))
    assert [t.ok for t in tests] == [r in ("pass", "skipped") for r in wanted]
    assert [bool(t.skip) for t in tests] == [r == "skipped" for r in wanted]
    assert [t.yaml_block["result"] for t in tests] == wanted
    for test, e in zip(tests, verdict(name)["expectations"]):
        assert test.yaml_block["expected"] == e["expected"]
        assert test.yaml_block["message"] == e["message"]
        assert test.yaml_block["line"] == e["line"]


@pytest.mark.parametrize("name", NAMES)
def test_prove_counts_the_same(name, tmp_path):
    """Perl's own harness. As it is installed it knows version 13, of which 14 is an extension."""
    if not shutil.which("prove"):
        pytest.skip("prove (perl) is not installed")
    path = tmp_path / "results.tap"
    path.write_text(render(name, "tap").replace("TAP version 14", "TAP version 13", 1),
                    encoding="utf-8")
    said = subprocess.run(["prove", "-e", "cat", str(path)], capture_output=True, text=True,
                          timeout=30, check=False)
    red = sum(r in RED for r in results(name))
    assert "Parse errors" not in said.stdout
    assert (said.returncode == 0) == (red == 0)
    if red:
        assert f"Tests: {len(results(name))} Failed: {red})" in said.stdout


# --- Markdown ---

CELL = re.compile(r"(?<!\\)\|")
LABEL = r"([^;:<>`#\"]|#\d+;)+"
MERMAID = re.compile(
    rf"    (participant \w+ as {LABEL}|Note over [a-z,]+: {LABEL}"
    rf"|(client|relay|server)(->>|->|--x)(client|relay|server): {LABEL})")


def blocks(text):
    """(language, lines) of the fenced blocks, and the lines outside of them."""
    inside, outside, fence = [], [], None
    for line in text.split("\n"):
        opens = re.match(r"(`{3,})(\w*)$", line)
        if fence and line == fence:
            fence = None
        elif fence:
            inside[-1][1].append(line)
        elif opens:
            fence = opens[1]
            inside.append((opens[2], []))
        else:
            outside.append(line)
    assert fence is None, "a block has no end"
    return inside, outside


@pytest.mark.parametrize("name", NAMES)
def test_markdown_is_well_formed(name):
    fenced, lines = blocks(render(name, "markdown"))
    columns = None
    for line in lines:
        if line.startswith("|"):
            columns = columns or len(CELL.findall(line))
            assert len(CELL.findall(line)) == columns, line
        else:
            columns = None
        assert not re.search(r"[<>@]|(?<!\\)`|://|www\.", line), line
        assert not HIDDEN.search(line), line
    for language, inside in fenced:
        if language == "mermaid":
            assert inside[0] == "sequenceDiagram"
            for line in inside[1:]:
                assert MERMAID.fullmatch(line), line
    assert [lang for lang, _ in fenced] == (["mermaid"] if verdict(name)["deaths"] else []) + \
        [""] + ([""] if verdict(name)["run"]["config"] else [])


@pytest.mark.parametrize("form", ["markdown", "text", "html"])
def test_all_expectations_are_shown_and_the_worst_deaths_first(form):
    text = render("huge", form)
    for n in range(1, 61):
        assert re.search(rf"detect(\\)?_within={n}s\b", text), n
    deaths = text[text.index("Deaths: predicted"):]
    assert re.search("later|within", re.sub("keepalive.*?,|title", "", deaths))[0] == "later"


def test_markdown_says_all():
    text = render("storm", "markdown")
    for word in ("## ❌ fail", "| ❌ fail | no\\_zombies=yes |", "⚠️ vacuous", "| 8 of 40 |",
                 "keepalive.ini:14", "💡 Idle connections", "| 1 | 10.0.1.1:50001 |", "| zombie |",
                 "| 131 a second |", "--seed 13835058055282163712"):
        assert word in text, word


# --- a terminal ---

@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("columns", [80, 120])
def test_tables_fit_the_terminal(name, columns):
    in_table = False
    text, replay = render(name, "text", columns).split("\nReplay: ")
    assert not HIDDEN.search(replay.replace("\n", "").replace("\t", ""))
    for line in text.split("\n"):
        assert not HIDDEN.search(line) and line == line.rstrip(), line
        in_table = in_table or line in ("Expectations", "Reconnects", "Recoveries") or \
            line.startswith("Deaths")
        in_table = in_table and line != ""
        if in_table:
            assert len(line) <= columns, line


@pytest.mark.parametrize("name", ["good", "storm", "vacuous"])
def test_tables_cut_nothing(name):
    """What a column has no room for goes on below: the measured time is what one came for."""
    text = render(name, "text", 100)
    said = " ".join(text.split())
    assert "..." not in re.split("\nReconnects|\nReplay: ", text)[0]
    for e in verdict(name)["expectations"]:
        if e["result"] != "pass":
            assert said.count(" ".join(e["message"].split())) == 1, e
    words = {word for e in verdict(name)["expectations"]
             for word in f"{e['expected']} {e['actual']} {e['margin'] or ''}".split()}
    assert words <= set(said.split())


def test_color_is_only_there_if_asked_for():
    plain, colored = render("storm", "text", 100), render("storm", "text", 100, "color")
    assert "\x1b" not in plain and re.sub("\x1b\\[\\d*m", "", colored) == plain
    assert "\x1b[31mFAIL" in colored and "\x1b[33mVACUOUS" in colored and "\x1b[32mPASS" in colored
    assert re.findall("\x1b[^m]*m", render("hostile", "text", 100, "color"))[::2].count("\x1b[31m")


def test_text_says_all():
    text = render("storm", "text", 120)
    lines = text.split("\n")
    assert lines[1] == "FAIL  Forty workers lose their server at once"
    line, = (li for li in lines if "no_zombies=yes" in li)
    assert re.fullmatch(r"  FAIL +no_zombies=yes +none +8 of 40", line)
    line, = (li for li in lines if li.startswith("  1  "))
    assert re.fullmatch(r"  1 +10\.0\.1\.1:50001 +cut \(power_loss\) +idle +never +never +within +zombie",
                        line)
    assert lines[-2].startswith("Replay: deadpeer run config/scenarios/mass-reconnect.ini --seed 138")
    assert "What would help\n  Idle connections are never noticed" in text
    assert "step 2 fail: run: /bin/check-queue exited with 1" in text
    assert "fault cut was refused: power_loss needs" in re.sub(r"\s+", " ", render(
        "refused", "text", 80))


# --- the page ---

class Tags(html.parser.HTMLParser):
    VOID = {"meta", "br"}
    CLOSED = {"p", "li", "path", "circle"}

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.ids = [], set(), []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names))
        for name, value in attrs:
            assert not name.startswith("on") and name != "src"
            assert name != "href" or re.fullmatch(r"#m-\w+", value), value
            if name == "id":
                self.ids.append(value)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


TAGS = set("html head meta title style body svg defs path circle header main section p h1 h2 h3 div "
           "ul li b i br span table thead tbody tr th td dl dt dd pre details summary use rect line "
           "text".split())


@pytest.mark.parametrize("name", NAMES)
def test_the_page_is_whole_and_alone(name, pages):
    text = (pages / f"{name}.html").read_text(encoding="utf-8")
    tags = Tags(text)
    assert tags.seen <= TAGS, tags.seen - TAGS
    assert len(tags.ids) == len(set(tags.ids))
    assert "default-src 'none'" in text and "url(" not in text and "@import" not in text
    assert len(text) < 1_000_000
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\u2028\ufeff\ufffe]", text)


def luminance(color):
    parts = [int(color[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    parts = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(a, b):
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1])
def test_contrast_is_enough(scheme, pages):
    """WCAG 2: 4.5 for text, 3 for what is no text."""
    text = (pages / "good.html").read_text(encoding="utf-8")
    color = dict(re.findall(r"--(\w+):(#\w{6})", re.findall(r":root\{([^}]*)\}", text)[scheme]))
    for paper in ("paper", "sheet"):
        for ink in ("ink", "dim"):
            assert contrast(color[ink], color[paper]) >= 4.5, (ink, paper)
    for badge in ("pass", "fail", "vacuous", "error", "skipped"):
        assert contrast(color["on"], color[badge]) >= 4.5, badge
    for under in ("paper", "window", "dead"):
        for sign in ("ink", "data", "silent", "probe", "fin", "rst", "gone"):
            assert contrast(color[sign], color[under]) >= 3, (sign, under)
    assert contrast(color["ink"], color["range"]) >= 3
    assert contrast(color["edge"], color["paper"]) >= 3
    assert contrast(color["ink"], color["window"]) >= 4.5


needs_browser = pytest.mark.skipif(not browser.find(), reason="no browser here to open the page in: "
                                   "apt-get install chromium-headless-shell")

# Text that leaves its picture, or covers another one in it.
LOOK = """(() => {
  const wrong = [];
  for (const svg of document.querySelectorAll('svg')) {
    const frame = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll('text')].filter(t => t.getClientRects().length);
    const boxes = texts.map(t => [t.firstChild.data, t.getBoundingClientRect()]);
    for (const [words, b] of boxes)
      if (b.left < frame.left - 1 || b.right > frame.right + 1 || b.top < frame.top - 1 ||
          b.bottom > frame.bottom + 1)
        wrong.push(words + ' is outside');
    for (let i = 0; i < boxes.length; i++)
      for (let j = 0; j < i; j++) {
        const [[a, p], [b, q]] = [boxes[i], boxes[j]];
        if (p.left < q.right && q.left < p.right && p.top + 3 < q.bottom && q.top + 3 < p.bottom)
          wrong.push(a + ' covers ' + b);
      }
  }
  return wrong;
})()"""

# Tables that one has to push to and fro to read.
CUT = """[...document.querySelectorAll('.scroll')].filter(s => s.clientWidth)
  .filter(s => s.scrollWidth > s.clientWidth)
  .map(s => s.closest('section').id + ' is ' + s.scrollWidth + ' wide in ' + s.clientWidth)"""


@needs_browser
@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", NAMES)
def test_the_page_in_a_browser(name, pages):
    backgrounds = set()
    with browser.Browser() as b:
        for width, dark in ((1200, False), (1100, True), (800, False), (400, False), (400, True)):
            page = b.open(pages / f"{name}.html", width, dark)
            assert page.complaints == [] and page.requests == []
            assert page.evaluate("document.scripts.length") == 0
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate(LOOK) == [], (width, dark)
            assert page.evaluate(CUT) == [], (width, dark)
            backgrounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
            folder = os.environ.get("REPORT_PICTURES")
            if folder:
                page.picture(os.path.join(folder, f"{name}-{width}-{'light dark'.split()[dark]}.png"))
    assert len(backgrounds) == 2, "light and dark look the same"


@needs_browser
@pytest.mark.timeout(200)
def test_pictures_show_what_the_verdict_says(pages):
    """As many lanes, dots and bars as there are sessions, clients and deaths; each in its place."""
    with browser.Browser() as b:
        page = b.open(pages / "good.html", 1200, False)

        def count(selector):
            return page.evaluate(f"document.querySelectorAll('{selector}').length")
        assert count("#lanes .lane") == 2 and count("#lanes .fault") == 1
        assert count("#lanes .lane .m-probe") == 3 and count("#lanes .lane .m-rst") == 1
        assert count("#lanes rect.dead") == 1 and count("#attempts .client") == 1
        assert count("#bars .bar") == 1 and count("#bars .bar .m-measured") == 1
        assert count("#sequence text.beat") == 15
        where = page.evaluate("""(() => {
          const lane = document.querySelector('#lanes .lane svg').getBoundingClientRect();
          return [...document.querySelectorAll('#lanes .lane .m-probe, #lanes .lane .m-rst')].map(
            m => { const b = m.getBoundingClientRect();
                   return ((b.left + b.right) / 2 - lane.left) / lane.width; }); })()""")
        assert where == [pytest.approx(0.01 + 0.98 * s / 42, abs=0.003) for s in (20, 25, 30, 35.4)]
        huge = b.open(pages / "huge.html", 1200, False)
        assert huge.evaluate("document.querySelectorAll('#lanes .lane').length") == 60
        assert "60 of 4200 connections are drawn" in huge.evaluate("document.body.innerText")
        hostile = b.open(pages / "hostile.html", 1200, False)
        shown = "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cf", "Cn", "Zl")
                        and c not in "\t\n" else c for c in HOSTILE)
        assert hostile.evaluate("document.querySelector('h1').textContent") == shown


# --- all of them ---

@pytest.mark.parametrize("form", ["junit", "tap", "markdown", "html"])
def test_what_it_takes_to_play_it_again_is_in_each(form):
    text = html.unescape(render("storm", form)).replace("\\", "")
    run = verdict("storm")["run"]
    for word in (run["seed"], run["tool"], run["kernel"], run["replay"],
                 *run["config"].splitlines()):
        assert word in text, word


# --- files ---

FILES = {"verdict.json", "junit.xml", "results.tap", "summary.md", "report.html"}


def test_all_reports_of_a_run(tmp_path):
    render("good", "all", tmp_path / "new")
    assert {p.name for p in (tmp_path / "new").iterdir()} == FILES
    assert json.loads((tmp_path / "new" / "verdict.json").read_text()) == verdict("good")
    for name in FILES - {"verdict.json"}:
        assert (tmp_path / "new" / name).stat().st_mode & 0o444 == 0o444
    assert (tmp_path / "new" / "report.html").read_text() == render("good", "html")


def test_a_report_is_whole_or_not_there(tmp_path):
    """The disk is full halfway: the old report stays, and nothing lies about."""
    render("good", "all", tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    limit = len(before["verdict.json"])
    done = subprocess.run(
        [RENDER, "all", str(tmp_path)], input=json.dumps(verdict("storm")).encode(),
        capture_output=True, timeout=30, check=False, restore_signals=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    assert done.returncode == 1 and done.stderr == b"render: verdict.json: File too large\n"
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
