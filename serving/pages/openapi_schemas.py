"""JSON schemas of bodies and answers."""

from __future__ import annotations

from typing import Any, Final

_INTEGER: Final = {"type": "integer"}
_NUMBER: Final = {"type": "number"}
_STRING: Final = {"type": "string"}
_CELL: Final = {"type": ["number", "null"]}
_MAYBE_STRING: Final = {"type": ["string", "null"]}
_MAYBE_INTEGER: Final = {"type": ["integer", "null"]}


def ref(name: str) -> dict[str, Any]:
    """Return the reference to a component."""
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: dict[str, Any], *optional: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def _mapping(values: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": values, "minProperties": 1}


def _array(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


_CHAIN: Final = {"model": _STRING, "version": _INTEGER, "run_id": _STRING, "batch": _INTEGER}
_ASSIGNED: Final = {"cluster": _INTEGER, "label": _STRING, "distance": _NUMBER}
_ROW: Final = _object(
    {
        "row_id": _STRING,
        "partition": _INTEGER,
        "offset": _INTEGER,
        **_ASSIGNED,
        "features": {"type": "object", "additionalProperties": _CELL},
    }
)
_FEATURE: Final = _object({"mean": _CELL, "std": _CELL, "min": _CELL, "max": _CELL, "missing": _INTEGER})
_CLUSTER: Final = _object(
    {
        "cluster": _INTEGER,
        "label": _STRING,
        "size": _INTEGER,
        "share": _NUMBER,
        "centroid": {"type": "object", "additionalProperties": _NUMBER},
        "features": {"type": "object", "additionalProperties": _FEATURE},
    }
)
_VERSION: Final = _object(
    {
        "version": _INTEGER,
        "state": {"enum": ["ready", "failed", "unavailable"]},
        "reason": _MAYBE_STRING,
        "batch": _INTEGER,
        "rows": _MAYBE_INTEGER,
        "rejected": _MAYBE_INTEGER,
        "run_id": _STRING,
        "run_url": _MAYBE_STRING,
        "stream": _MAYBE_STRING,
        "scheme": _MAYBE_STRING,
        "window": _MAYBE_STRING,
        "event_window": _MAYBE_STRING,
        "offsets": {"type": ["object", "null"], "additionalProperties": _array(_INTEGER)},
        "silhouette": _CELL,
        "ref_silhouette": _CELL,
        "gate": _MAYBE_STRING,
        "gate_reason": _MAYBE_STRING,
        "drift": _MAYBE_STRING,
        "drift_reason": _MAYBE_STRING,
        "rolled_back": _MAYBE_STRING,
        "features": {"type": ["array", "null"], "items": _STRING},
        "clusters": _MAYBE_INTEGER,
        "deleted": {"type": "boolean"},
        "path": _STRING,
    }
)
_LOC: Final = _array({"type": ["string", "integer"]})
_FAULT: Final = _object({"loc": _LOC, "msg": _STRING})

COMPONENTS: Final[dict[str, Any]] = {
    "Problem": _object({"code": _STRING, "message": _STRING, "errors": _array(_FAULT), "request_id": _STRING}),
    "Predictions": _object(
        {
            "predictions": _array({"anyOf": [_object(_ASSIGNED), {"type": "null"}]}),
            "errors": _array(_object({"index": _INTEGER, "loc": _LOC, "msg": _STRING})),
            **_CHAIN,
        },
        "errors",
    ),
    "ClusterStatistics": _object({"clusters": _array(_CLUSTER), **_CHAIN}),
    "ResultsPage": _object({"results": _array(_ROW), "next_cursor": _MAYBE_STRING, **_CHAIN}),
    "StoredRows": _object({"results": _array(_ROW), "next_cursor": _MAYBE_STRING, **_CHAIN}),
    "Models": _array(
        _object(
            {
                "name": _STRING,
                "aliases": {"type": "object", "additionalProperties": _INTEGER},
                "versions": _array(_VERSION),
            }
        )
    ),
    "Live": _object({"status": {"const": "live"}}),
    "Ready": _object({"status": {"const": "ready"}, "registry_age_s": _CELL, "registry_error": _MAYBE_STRING}),
}


def body_schema(features: tuple[str, ...] | None) -> dict[str, Any]:
    """Return the schema of a request: exactly one of the four ways to write rows.

    ``features`` are those of its version; None for any version's.
    """
    column = {**_array(_CELL), "minItems": 1}
    names: dict[str, Any] = _STRING
    width = {"minItems": 1}
    if features is None:
        record, columns = _mapping(_CELL), _mapping(column)
    else:
        record, columns = _object(dict.fromkeys(features, _CELL)), _object(dict.fromkeys(features, column))
        width, names = {"minItems": len(features), "maxItems": len(features)}, {"enum": list(features)}
    row = {**_array(_CELL), **width}
    split = _object(
        {
            "columns": {**_array(names), **width, "uniqueItems": True},
            "data": {**_array(row), "minItems": 1},
            "index": _array({"type": ["integer", "string"]}),
        },
        "index",
    )
    ways = {
        "dataframe_records": {**_array(record), "minItems": 1},
        "dataframe_split": split,
        "instances": {**_array({"anyOf": [record, row]}), "minItems": 1},
        "inputs": {"anyOf": [{**_array(row), "minItems": 1}, columns]},
    }
    return {"oneOf": [_object({name: schema}) for name, schema in ways.items()]}
