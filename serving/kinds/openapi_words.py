"""Words of OpenAPI that the pages and the kinds share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from serving.rows_in.cells import Inputs

INTEGER: Final = {"type": "integer"}
NUMBER: Final = {"type": "number"}
STRING: Final = {"type": "string"}
BOOLEAN: Final = {"type": "boolean"}
CELL: Final = {"type": ["number", "null"]}
MAYBE_STRING: Final = {"type": ["string", "null"]}
MAYBE_INTEGER: Final = {"type": ["integer", "null"]}
MAYBE_BOOLEAN: Final = {"type": ["boolean", "null"]}

CELLS: Final[Mapping[str, Any]] = {
    "double": CELL,
    "long": {"type": ["integer", "null"], "format": "int64"},
    "string": MAYBE_STRING,
    "boolean": {"type": ["boolean", "null"]},
    "datetime": {"type": ["string", "null"], "format": "date-time", "description": "ISO 8601; without a zone UTC"},
}
"""The cell of an input, by its type."""
ANY_CELL: Final = {"type": ["number", "string", "boolean", "null"]}


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


def body_schema(inputs: Inputs | None) -> dict[str, Any]:
    """Return the schema of a request: exactly one of the four ways to write rows.

    ``inputs`` are those of its version; None for any version's.
    """
    if inputs is None:
        record, columns = mapping_of(ANY_CELL), mapping_of(_column(ANY_CELL))
        names, width = dict[str, Any](STRING), {"minItems": 1}
        row = in_any_order = {**array_of(ANY_CELL), **width}
    else:
        cells = {name: CELLS[kind] for name, kind in inputs.items()}
        record, columns = object_of(cells), object_of({name: _column(cell) for name, cell in cells.items()})
        width, names = {"minItems": len(inputs), "maxItems": len(inputs)}, {"enum": list(inputs)}
        row, in_any_order = _row([*cells.values()], width)
    split = object_of(
        {
            "columns": {**array_of(names), **width, "uniqueItems": True},
            "data": {**array_of(in_any_order), "minItems": 1},
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


def _column(cell: dict[str, Any]) -> dict[str, Any]:
    return {**array_of(cell), "minItems": 1}


def _row(cells: list[dict[str, Any]], width: dict[str, int]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the schemas of a row with its cells in their order, and in any."""
    unlike = [cell for i, cell in enumerate(cells) if cell not in cells[:i]]
    in_any_order = {**array_of(unlike[0] if len(unlike) == 1 else {"anyOf": unlike}), **width}
    in_order = {"type": "array", "prefixItems": cells, **width} if len(unlike) > 1 else in_any_order
    return in_order, in_any_order
