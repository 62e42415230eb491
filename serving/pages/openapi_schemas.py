"""JSON schemas of what the server answers of itself and of all versions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from serving.kinds.kind import Kind
from serving.kinds.openapi_words import CELL, INTEGER, LOC, MAYBE_INTEGER, MAYBE_STRING, STRING, array_of, object_of

_FAULT: Final = object_of({"loc": LOC, "msg": STRING})


def components(kinds: Iterable[Kind]) -> dict[str, Any]:
    """Return all schemas by name, those of the ``kinds`` among them."""
    own = {name: schema for kind in kinds for name, schema in kind.schemas.items()}
    problem = object_of({"code": STRING, "message": STRING, "errors": array_of(_FAULT), "request_id": STRING})
    described = {name: schema for kind in kinds for name, schema in kind.described.items()}
    model = {
        "name": STRING,
        "aliases": {"type": "object", "additionalProperties": INTEGER},
        "versions": array_of(_version(described)),
    }
    return {
        **own,
        "Problem": problem,
        "Models": array_of(object_of(model)),
        "Live": object_of({"status": {"const": "live"}}),
        "Ready": object_of({"status": {"const": "ready"}, "registry_age_s": CELL, "registry_error": MAYBE_STRING}),
    }


def _version(described: dict[str, Any]) -> dict[str, Any]:
    return object_of(
        {
            **described,
            "version": INTEGER,
            "state": {"enum": ["ready", "failed", "unavailable"]},
            "reason": MAYBE_STRING,
            "batch": INTEGER,
            "rows": MAYBE_INTEGER,
            "rejected": MAYBE_INTEGER,
            "run_id": STRING,
            "run_url": MAYBE_STRING,
            "stream": MAYBE_STRING,
            "scheme": MAYBE_STRING,
            "window": MAYBE_STRING,
            "event_window": MAYBE_STRING,
            "offsets": {"type": ["object", "null"], "additionalProperties": array_of(INTEGER)},
            "silhouette": CELL,
            "ref_silhouette": CELL,
            "gate": MAYBE_STRING,
            "gate_reason": MAYBE_STRING,
            "drift": MAYBE_STRING,
            "drift_reason": MAYBE_STRING,
            "rolled_back": MAYBE_STRING,
            "features": {"type": ["array", "null"], "items": STRING},
            "deleted": {"type": "boolean"},
            "path": STRING,
        }
    )
