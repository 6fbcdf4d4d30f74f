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


@pytest.mark.parametrize("path, kind", [
    ("/v1/config", "application/json"), ("/v1/config?format=ini", "text/plain"),
    ("/v1/events", "application/x-ndjson"), ("/metrics", "text/plain")])
def test_every_form_of_an_answer_is_described(v1, api, path, kind):
    answer = api.get(path)
    assert answer.headers["content-type"].split(";")[0] == kind
    openapi.check_answer(v1.get("/openapi.json"), "GET", path, answer)


def test_what_is_not_described_is_not_there(v1, api):
    """Every other method at every path is refused."""
    document = v1.get("/openapi.json")
    there = {(method, path) for method, path, _ in openapi.operations(document)}
    for path in document["paths"]:
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            if (method, path) not in there:
                answer = api.call(method, re.sub(r"\{\w+\}", "x", path))
                assert answer.status == 405, (method, path, answer)


def closed(properties, required=()):
    return {"type": "object", "properties": properties, "required": list(required),
            "additionalProperties": False}


def each(schema, names=".+"):
    return {"type": "object", "patternProperties": {f"^{names}$": schema},
            "additionalProperties": False}


TEXT, SCHEMA = {"type": "string", "minLength": 1}, {"type": ["object", "boolean"]}
CONTENT = each(closed({"schema": SCHEMA}, ["schema"]), "[a-z]+/[a-z0-9.+-]+")
PARAMETER = {"oneOf": [
    closed({"name": TEXT, "in": {"const": "path"}, "required": {"const": True}, "schema": SCHEMA},
           ["name", "in", "required", "schema"]),
    closed({"name": TEXT, "in": {"const": "query"}, "required": {"type": "boolean"},
            "schema": SCHEMA}, ["name", "in", "schema"])]}
OPERATION = closed({
    "summary": TEXT, "tags": {"type": "array", "items": TEXT},
    "parameters": {"type": "array", "items": PARAMETER},
    "requestBody": closed({"content": CONTENT, "required": {"type": "boolean"}}, ["content"]),
    "responses": each(closed({"description": {"type": "string"}, "content": CONTENT},
                             ["description"]), "([1-5][0-9][0-9]|[1-5]XX|default)")},
    ["responses"])
# Of the OpenAPI Specification 3.1.0 what this document uses, and nothing else: 4.8.
OPENAPI = closed({
    "openapi": {"type": "string", "pattern": r"^3\.1\.\d+$"},
    "info": closed({"title": TEXT, "version": TEXT, "description": TEXT}, ["title", "version"]),
    "paths": each(each(OPERATION, "(get|put|post|delete|options|head|patch|trace)"), "/.*"),
    "components": closed({
        "schemas": each(SCHEMA, "[a-zA-Z0-9._-]+"),
        "securitySchemes": each(closed({"type": {"const": "http"}, "scheme": TEXT},
                                       ["type", "scheme"]), "[a-zA-Z0-9._-]+")}),
    "security": {"type": "array", "items": each({"type": "array", "items": TEXT})}},
    ["openapi", "info", "paths"])


@pytest.fixture
def jsonschema():
    return pytest.importorskip("jsonschema", reason="this needs python3-jsonschema")


def test_another_validator_takes_it(v1, jsonschema):
    """Its form by the specification; its schemas by JSON Schema 2020-12, which 3.1 is based on."""
    document = v1.get("/openapi.json")
    jsonschema.Draft202012Validator(OPENAPI).validate(document)
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    for _, path, operation in openapi.operations(document):
        assert len({(p["name"], p["in"]) for p in operation["parameters"]}) == \
            len(operation["parameters"]), path
        for p in operation["parameters"]:
            jsonschema.Draft202012Validator.check_schema(p["schema"])
    templates = [re.sub(r"\{\w+\}", "{}", path) for path in document["paths"]]
    assert len(set(templates)) == len(templates)


def test_another_validator_takes_what_is_sent_and_answered(v1, jsonschema):
    document = v1.get("/openapi.json")

    def validate(name, value):
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        jsonschema.Draft202012Validator(schema).validate(value)

    proxy = {"name": "p", "listen": "127.0.0.1:0", "upstream": "builtin:echo", "backlog": 5,
             "enabled": True, "faults": [{"type": "latency", "latency": 5, "delay": "1s"}]}
    validate("NewProxy", proxy)
    validate("Proxy", v1.post("/proxies", proxy, 201))
    fault = {"type": "hang", "proxy": ["p"], "at": v1.get("/time")["wall"], "toxicity": 0.5}
    validate("NewFault", fault)
    validate("Fault", v1.post("/faults", fault, 201))
    for wrong in ({}, {"type": "hung"}, {"type": "hang", "proxy": 5}, {"type": "hang", "at": 5}):
        with pytest.raises(jsonschema.ValidationError):
            validate("NewFault", wrong)
    for path, name in (("/proxies", "Proxies"), ("/faults", "Faults"), ("/hosts", "Hosts"),
                       ("/sessions", "Sessions"), ("/version", "Version"), ("/time", "Time"),
                       ("/config", "Config"), ("/fault-types", "FaultTypes")):
        validate(name, v1.get(path))
    answer = v1.api.get("/v1/wait?for=opened&timeout=0")
    validate("Waited", json.loads(answer.body))
    validate("Error", json.loads(v1.api.get("/v1/faults/x").body))


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
