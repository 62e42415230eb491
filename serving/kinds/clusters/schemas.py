"""JSON schemas of what a clustering answers."""

from __future__ import annotations

from typing import Any, Final

from serving.kinds.openapi_words import (
    ANY_CELL,
    CELL,
    CHAIN,
    INTEGER,
    LOC,
    MAYBE_STRING,
    NUMBER,
    STRING,
    array_of,
    object_of,
)

_ASSIGNED: Final = {"cluster": INTEGER, "label": STRING, "distance": NUMBER}
_ROW: Final = object_of(
    {
        "row_id": STRING,
        "partition": INTEGER,
        "offset": INTEGER,
        **_ASSIGNED,
        "features": {"type": "object", "additionalProperties": ANY_CELL},
    }
)
_NUMBERS: Final = object_of({"mean": CELL, "std": CELL, "min": CELL, "max": CELL, "missing": INTEGER})
_CATEGORY: Final = object_of(
    {"values": {"type": "object", "additionalProperties": NUMBER}, "other": NUMBER, "missing": INTEGER}
)
_TIMES: Final = object_of(
    {"of": {"enum": ["hour", "weekday", "month"]}, "shares": array_of(NUMBER), "mean": CELL, "missing": INTEGER}
)
_FEATURE: Final = {"anyOf": [_NUMBERS, _CATEGORY, _TIMES]}
_CLUSTER: Final = object_of(
    {
        "cluster": INTEGER,
        "label": STRING,
        "size": INTEGER,
        "share": NUMBER,
        "centroid": {"type": "object", "additionalProperties": NUMBER},
        "features": {"type": "object", "additionalProperties": _FEATURE},
    }
)


def _predictions(row: dict[str, Any]) -> dict[str, Any]:
    return object_of(
        {
            "predictions": array_of({"anyOf": [object_of(row), {"type": "null"}]}),
            "errors": array_of(object_of({"index": INTEGER, "loc": LOC, "msg": STRING})),
            **CHAIN,
        },
        "errors",
    )


COMPONENTS: Final[dict[str, Any]] = {
    "Predictions": _predictions(_ASSIGNED),
    "ClusterStatistics": object_of({"clusters": array_of(_CLUSTER), **CHAIN}),
    "ResultsPage": object_of({"results": array_of(_ROW), "next_cursor": MAYBE_STRING, **CHAIN}),
    "StoredRows": object_of({"results": array_of(_ROW), "next_cursor": MAYBE_STRING, **CHAIN}),
}
LIKELY_PREDICTIONS: Final = "PredictionsWithProbabilities"
LIKELY_COMPONENTS: Final = {LIKELY_PREDICTIONS: _predictions({**_ASSIGNED, "probabilities": array_of(NUMBER)})}
