"""Holds answers to the API's own description."""
import json
import re

TYPES = {"string": str, "integer": int, "boolean": bool, "object": dict, "array": list,
         "null": type(None), "number": (int, float)}


def operations(document):
    return [(method.upper(), path, operation) for path, methods in document["paths"].items()
            for method, operation in methods.items()]


def find(document, method, path):
    """The operation of a request; None: there is none."""
    path = path.split("?")[0]
    for known, template, operation in operations(document):
        if known == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            return operation
    return None


def resolve(document, schema):
    while "$ref" in schema:
        assert schema["$ref"].startswith("#/components/schemas/")
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def is_a(value, name):
    return isinstance(value, TYPES[name]) and not (isinstance(value, bool) and name != "boolean")


def check_value(document, schema, value, place):
    schema = resolve(document, schema)
    names = schema.get("type", [])
    names = names if isinstance(names, list) else [names]
    assert not names or any(is_a(value, n) for n in names), f"{place}: {value} is no {names}"
    if isinstance(value, dict) and "properties" in schema:
        assert set(schema.get("required", [])) <= set(value), f"{place}: {value}"
        assert set(value) <= set(schema["properties"]), f"{place}: {value}"
        for key, member in value.items():
            check_value(document, schema["properties"][key], member, f"{place}.{key}")
    if isinstance(value, list) and "items" in schema:
        for n, member in enumerate(value):
            check_value(document, schema["items"], member, f"{place}[{n}]")


def check_answer(document, method, path, answer):
    operation = find(document, method, path)
    if operation is None:
        assert answer.status in (404, 405), f"{method} {path} is not described: {answer.status}"
        return
    if "Toxiproxy" in operation.get("tags", []):
        return
    described = operation["responses"].get(str(answer.status))
    assert described, f"{method} {path}: {answer.status} is not described: {answer}"
    kind = answer.headers["content-type"].split(";")[0]
    if answer.status >= 400 and kind == "application/json":
        assert "application/json" in described["content"]
    assert kind in described["content"], f"{method} {path}: {kind}"
    if kind == "application/json":
        check_value(document, described["content"][kind]["schema"], json.loads(answer.body),
                    f"{method} {path}")
