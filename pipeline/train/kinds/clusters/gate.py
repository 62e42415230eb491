"""Decides which alias a version has earned: absolute checks, then a comparison with the champion."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from contract.kinds.clusters import Gate
from pipeline.train.kinds.kind import Check, Decision


@dataclass(frozen=True)
class Champion:
    """The version to be beaten, and what it reached on the reference sample; None: nothing that can be read."""

    number: int
    reference: str | None
    silhouette: float | None
    wssse_per_row: float | None


def decide(metrics: Mapping[str, float], reference: str | None, limits: Gate, champion: Champion | None) -> Decision:
    """Return what a version with ``metrics`` earns beside ``champion``; a metric that is missing fails its check.

    A champion that was measured on another sample than ``reference`` cannot be compared and holds nobody back.
    """
    absolute = _absolute(metrics, limits)
    relative = _relative(metrics, reference, limits, champion) if champion else ()
    return Decision.of(absolute, relative, champion.number if champion else None)


def _absolute(metrics: Mapping[str, float], limits: Gate) -> tuple[Check, ...]:
    missing = max((value for name, value in metrics.items() if name.startswith("missing_share/")), default=0.0)
    return (
        _at_least("silhouette", metrics, limits.min_silhouette),
        _at_least("min_cluster_share", metrics, limits.min_cluster_share),
        Check("missing_share", missing, limits.max_missing_share, missing <= limits.max_missing_share),
    )


def _relative(
    metrics: Mapping[str, float], reference: str | None, limits: Gate, champion: Champion
) -> tuple[Check, ...]:
    silhouette, wssse = champion.silhouette, champion.wssse_per_row
    if silhouette is None or wssse is None or not math.isfinite(silhouette + wssse):
        return ()
    if champion.reference != reference:
        return ()
    most, found = wssse * (1 + limits.max_wssse_rise), metrics.get("ref/wssse_per_row")
    return (
        _at_least("ref/silhouette", metrics, silhouette - limits.max_silhouette_drop),
        Check("ref/wssse_per_row", found, most, found is not None and found <= most),
    )


def _at_least(name: str, metrics: Mapping[str, float], limit: float) -> Check:
    value = metrics.get(name)
    return Check(name, value, limit, value is not None and value >= limit)
