"""Writes predictions as JSON."""

from __future__ import annotations

from collections.abc import Sequence

import orjson


def encode(clusters: Sequence[int], distances: Sequence[float], labels: Sequence[str], chain_json: bytes) -> bytes:
    """Return `{"predictions": [{"cluster", "label", "distance"}], …`; ``chain_json`` is the rest of the object."""
    predictions = orjson.dumps(
        [{"cluster": c, "label": labels[c], "distance": d} for c, d in zip(clusters, distances, strict=True)]
    )
    return b'{"predictions":' + predictions + b"," + chain_json
