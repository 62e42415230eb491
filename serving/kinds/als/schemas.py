"""JSON schemas of what a recommender is asked and answers."""

from __future__ import annotations

from typing import Any, Final

from serving.kinds.als.requests import MOST_N, MOST_USERS, N
from serving.kinds.openapi_words import (
    BOOLEAN,
    CHAIN,
    INTEGER,
    LOC,
    MAYBE_INTEGER,
    MAYBE_STRING,
    NUMBER,
    STRING,
    array_of,
    object_of,
)

_ID: Final = {"type": ["string", "integer"]}
_SCORED: Final = array_of(object_of({"item": _ID, "score": NUMBER}))
_RATED: Final = array_of(object_of({"item": _ID, "rating": NUMBER}))
_LIST: Final = {
    "recommendations": _SCORED,
    "unknown_items": array_of(_ID),
    "basis": {"enum": ["ratings", "popularity"]},
}
_PAIR: Final = object_of({"rating": {"type": ["number", "null"]}, "reason": MAYBE_STRING})
_VALUES: Final = {"type": "object", "additionalProperties": NUMBER}
_MEASURED: Final = object_of(
    {
        "ratings": INTEGER,
        "users": INTEGER,
        "cold": INTEGER,
        "values": _VALUES,
        "baselines": {"type": "object", "additionalProperties": _VALUES},
    }
)
_MAYBE_MEASURED: Final = {"anyOf": [_MEASURED, {"type": "null"}]}
_COLUMN: Final = object_of({"name": STRING, "type": {"enum": ["string", "int32", "int64"]}})
_STATISTICS: Final = {
    "columns": object_of({"user": _COLUMN, "item": _COLUMN, "rating": STRING}),
    "implicit": BOOLEAN,
    "users": INTEGER,
    "items": INTEGER,
    "ratings": INTEGER,
    "density": NUMBER,
    "rating": object_of(dict.fromkeys(("min", "max", "mean", "std"), NUMBER)),
    "left_out": INTEGER,
    "superseded": INTEGER,
    "held_out": _MAYBE_MEASURED,
    "prequential": _MAYBE_MEASURED,
    "before": MAYBE_INTEGER,
}

COMPONENTS: Final[dict[str, Any]] = {
    "Recommendations": {
        "anyOf": [object_of({**_LIST, **CHAIN}), object_of({"users": array_of(object_of(_LIST)), **CHAIN})]
    },
    "PredictedRatings": object_of(
        {
            "predictions": array_of({"anyOf": [_PAIR, {"type": "null"}]}),
            "errors": array_of(object_of({"index": INTEGER, "loc": LOC, "msg": STRING})),
            **CHAIN,
        },
        "errors",
    ),
    "Users": object_of({"users": array_of(_ID), "next_cursor": MAYBE_STRING, **CHAIN}),
    "Items": object_of(
        {
            "items": array_of(object_of({"item": _ID, "ratings": INTEGER, "mean_rating": NUMBER})),
            "next_cursor": MAYBE_STRING,
            **CHAIN,
        }
    ),
    "SimilarItems": object_of(
        {"item": _ID, "similar": array_of(object_of({"item": _ID, "similarity": NUMBER})), **CHAIN}
    ),
    "StoredRecommendations": object_of({"user": _ID, "recommendations": _SCORED, "ratings": _RATED, **CHAIN}),
    "ModelStatistics": object_of({**_STATISTICS, **CHAIN}),
}


def request(items: list[str | int]) -> dict[str, Any]:
    """Return what OpenAPI shows of a request for recommendations; the example rates ``items``."""
    options = {
        "n": {"type": "integer", "minimum": 1, "maximum": MOST_N, "default": N},
        "exclude_rated": {"type": "boolean", "default": True},
    }
    users = {**array_of(object_of({"ratings": _RATED})), "minItems": 1, "maxItems": MOST_USERS}
    ways = [
        object_of({given: schema, **options}, *options) for given, schema in (("ratings", _RATED), ("users", users))
    ]
    shown = {"example": {"ratings": [{"item": item, "rating": 4} for item in items], "n": N}} if items else {}
    return {"schema": {"oneOf": ways}, **shown}
