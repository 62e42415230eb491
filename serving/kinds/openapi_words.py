"""Words of OpenAPI that the pages and the kinds share."""

from __future__ import annotations

from typing import Any, Final

INTEGER: Final = {"type": "integer"}
NUMBER: Final = {"type": "number"}
STRING: Final = {"type": "string"}
CELL: Final = {"type": ["number", "null"]}
MAYBE_STRING: Final = {"type": ["string", "null"]}
MAYBE_INTEGER: Final = {"type": ["integer", "null"]}


def ref(name: str) -> dict[str, Any]:
    """Return the reference to a component."""
    return {"$ref": f"#/components/schemas/{name}"}


def object_of(properties: dict[str, Any], *optional: str) -> dict[str, Any]:
    """Return the schema of an object with these properties and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def mapping_of(values: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an object with one property or more, of any names."""
    return {"type": "object", "additionalProperties": values, "minProperties": 1}


def array_of(items: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an array."""
    return {"type": "array", "items": items}


CHAIN: Final = {"model": STRING, "version": INTEGER, "run_id": STRING, "batch": INTEGER}
"""Properties of every answer about a version."""

LOC: Final = array_of({"type": ["string", "integer"]})
"""Where in a body a fault is."""


def path_parameter(name: str, description: str = "") -> dict[str, Any]:
    """Return a parameter of the path."""
    told = {"description": description} if description else {}
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}, **told}


def query_parameter(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    """Return a parameter of the query."""
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


def body_schema(features: tuple[str, ...] | None) -> dict[str, Any]:
    """Return the schema of a request: exactly one of the four ways to write rows.

    ``features`` are those of its version; None for any version's.
    """
    column = {**array_of(CELL), "minItems": 1}
    names: dict[str, Any] = STRING
    width = {"minItems": 1}
    if features is None:
        record, columns = mapping_of(CELL), mapping_of(column)
    else:
        record, columns = object_of(dict.fromkeys(features, CELL)), object_of(dict.fromkeys(features, column))
        width, names = {"minItems": len(features), "maxItems": len(features)}, {"enum": list(features)}
    row = {**array_of(CELL), **width}
    split = object_of(
        {
            "columns": {**array_of(names), **width, "uniqueItems": True},
            "data": {**array_of(row), "minItems": 1},
            "index": array_of({"type": ["integer", "string"]}),
        },
        "index",
    )
    ways = {
        "dataframe_records": {**array_of(record), "minItems": 1},
        "dataframe_split": split,
        "instances": {**array_of({"anyOf": [record, row]}), "minItems": 1},
        "inputs": {"anyOf": [{**array_of(row), "minItems": 1}, columns]},
    }
    return {"oneOf": [object_of({name: schema}) for name, schema in ways.items()]}
