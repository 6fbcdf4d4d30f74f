"""The API's description against the API, both ways."""
import json
import re

import openapi
import pytest

from v1 import V1


@pytest.fixture
def v1(api):
    return V1(api)


def every(value):
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for member in value:
            yield from every(member)


def test_it_is_whole(v1):
    document = v1.get("/openapi.json")
    assert document["openapi"] == "3.1.0"
    schemas = document["components"]["schemas"]
    used = {o["$ref"].rsplit("/", 1)[1] for o in every(document) if "$ref" in o}
    assert used == set(schemas), "none is missing, none is left over"
    for method, path, operation in openapi.operations(document):
        where = f"{method} {path}"
        assert operation["summary"] and operation["responses"], where
        assert [p["name"] for p in operation["parameters"] if p["in"] == "path"] == \
            re.findall(r"\{(\w+)\}", path), where
        for p in operation["parameters"]:
            assert "schema" in p and p["in"] in ("path", "query"), where
        for status, response in operation["responses"].items():
            assert response["description"], where
            assert status == "default" or 200 <= int(status) <= 599, where


def test_every_operation_is_there(v1, api):
    """None answers that there is no such path or method."""
    document = v1.get("/openapi.json")
    for method, path, _ in openapi.operations(document):
        if path == "/v1/wait":
            continue
        answer = api.call(method, re.sub(r"\{\w+\}", "x", path), b"{}")
        assert answer.status != 405, (method, path)
        assert b"no such path" not in answer.body and b"page not found" not in answer.body
        openapi.check_answer(document, method, re.sub(r"\{\w+\}", "x", path), answer)


def test_what_is_not_described_is_not_there(v1, api):
    """Every other method at every path is refused."""
    document = v1.get("/openapi.json")
    there = {(method, path) for method, path, _ in openapi.operations(document)}
    for path in document["paths"]:
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            if (method, path) not in there:
                answer = api.call(method, re.sub(r"\{\w+\}", "x", path))
                assert answer.status == 405, (method, path, answer)


def test_bodies_are_those_of_the_tables(v1):
    schemas = v1.get("/openapi.json")["components"]["schemas"]
    types = v1.get("/fault-types")
    fault = schemas["NewFault"]["properties"]
    assert set(fault["type"]["enum"]) == {t["type"] for t in types["types"]}
    assert set(fault) == {"name", "type", "at"} | {p["key"] for p in types["common"]}
    assert {"listen", "upstream", "faults", "name"} < set(schemas["NewProxy"]["properties"])


def test_a_wrong_answer_would_be_seen(v1):
    document = json.loads(json.dumps(v1.get("/openapi.json")))
    answer = v1.api.get("/v1/version")
    openapi.check_answer(document, "GET", "/v1/version", answer)
    del document["components"]["schemas"]["Version"]["properties"]["seed"]
    with pytest.raises(AssertionError):
        openapi.check_answer(document, "GET", "/v1/version", answer)
    with pytest.raises(AssertionError):
        openapi.check_answer({"paths": {}}, "GET", "/v1/version", answer)
