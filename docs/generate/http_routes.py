"""The routes of the prediction server, from the OpenAPI document that it serves for generated clients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from docs.generate.markdown import code, table
from docs.generate.types import in_words
from serving.kinds.installed import kinds
from serving.pages.openapi import client_document

_PREFIX: Final = "#/components/schemas/"


def text() -> str:
    """Return a section for each group of routes, and one for what they take and answer."""
    document = client_document(kinds(), with_key=True)
    groups: dict[str, list[str]] = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                shared = item.get("parameters", [])
                groups.setdefault(_group(operation), []).append("\n\n".join(_route(method, path, operation, shared)))
    parts = [f"## Routes: {name}\n\n" + "\n\n".join(routes) for name, routes in groups.items()]
    return "\n\n".join([*parts, "## What they answer", *_schemas(document["components"]["schemas"])])


def _group(operation: Mapping[str, Any]) -> str:
    return str(operation.get("tags", ["server"])[0])


def _route(method: str, path: str, operation: Mapping[str, Any], shared: list[Mapping[str, Any]]) -> Iterator[str]:
    yield f"### `{method.upper()} {path}`"
    yield f"{operation['summary']}. {operation.get('description', '')}"
    parameters = [*shared, *operation.get("parameters", [])]
    if parameters:
        yield table(("parameter", "in", "type", "meaning"), [_parameter(each) for each in parameters])
    body = operation.get("requestBody", {}).get("content", {})
    if body:
        yield "Body: " + _contents(body)
    answers = operation["responses"]
    yield "Answer: " + _contents(answers["200"].get("content", {}))
    yield "Else: " + "; ".join(f"{number} {each['description']}" for number, each in answers.items() if number != "200")


def _parameter(parameter: Mapping[str, Any]) -> tuple[str, str, str, str]:
    return code(parameter["name"]), parameter["in"], _words(parameter["schema"]), parameter.get("description", "")


def _contents(content: Mapping[str, Any]) -> str:
    return "; ".join(f"{code(kind)} {_words(each.get('schema', {}))}" for kind, each in content.items())


def _schemas(schemas: Mapping[str, Any]) -> Iterator[str]:
    for name, schema in sorted(schemas.items()):
        yield f"### {name}"
        rows = [(code(key), _words(value)) for key, value in schema.get("properties", {}).items()]
        yield table(("key", "type"), rows) if rows else _words(schema)


def _words(schema: Mapping[str, Any]) -> str:
    """Return the words of a schema, in which another one is its name."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_PREFIX)
        return f"[{name}](#{name.lower()})"
    if schema.get("type") == "array" and "items" in schema:
        return f"list of {_words(schema['items'])}"
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(_words(each) for each in schema[several]))
    return in_words(schema, {})
