"""verdict.json keeps to its schema: every verdict that the unit tests come to, which is each kind of
expectation in each result, and runs of all sorts."""
import json
import os
import subprocess

import jsonschema
import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
SCHEMA = os.path.join(HERE, "../../config/schema/verdict-1.json")
UNIT = os.path.join(os.path.dirname(os.environ["DEADPEER"]), "unit")


@pytest.fixture(scope="module")
def schema():
    with open(SCHEMA, encoding="utf-8") as f:
        return json.load(f)


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    if not os.access(UNIT, os.X_OK):
        pytest.skip(f"{UNIT} is not built: make test-compat does")
    where = tmp_path_factory.mktemp("verdicts")
    for suite in ("verdict", "facts", "journal_read"):
        subprocess.run([UNIT], env=dict(os.environ, CK_RUN_SUITE=suite, DEADPEER_VERDICTS=where),
                       check=True, timeout=50, stdout=subprocess.DEVNULL)
    return [json.loads(path.read_text()) for path in where.glob("*.json")]


def test_the_schema_is_one(schema):
    jsonschema.Draft202012Validator.check_schema(schema)


def test_verdicts_keep_to_the_schema(schema, verdicts):
    assert len(verdicts) > 100
    validator = jsonschema.Draft202012Validator(schema)
    for verdict in verdicts:
        wrong = [f"{list(e.absolute_path)}: {e.message}" for e in validator.iter_errors(verdict)]
        assert not wrong, json.dumps(verdict["expectations"], indent=1)


def test_every_word_of_a_result_is_met(verdicts):
    results = {e["result"] for v in verdicts for e in v["expectations"]}
    assert results == {"pass", "fail", "vacuous", "error", "skipped"}


def test_what_the_schema_does_not_know_is_refused(schema, verdicts):
    """The schema is strict: a field more, at any place, is none of it."""
    validator = jsonschema.Draft202012Validator(schema)
    whole = next(v for v in verdicts if v["deaths"] and v["sessions"] and v["attempts"])
    for place in (whole, whole["run"], whole["deaths"][0], whole["sessions"][0],
                  whole["attempts"][0], whole["expectations"][0]):
        place["more"] = 1
        assert not validator.is_valid(whole)
        del place["more"]
    assert validator.is_valid(whole)
