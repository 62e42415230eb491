"""Decides which alias a recommender has earned: beside what is simpler, then beside the champion."""

from __future__ import annotations

from collections.abc import Mapping

from contract.kinds.als import AlsGate
from pipeline.train.kinds.als.comparison import CHAMPION_VERSION, HELD_OUT, NEWEST
from pipeline.train.kinds.als.measure import MEANS, POPULARITY
from pipeline.train.kinds.als.ranking import AT
from pipeline.train.kinds.kind import Check, Decision

NDCG = f"ndcg_at_{AT}"


def decide(metrics: Mapping[str, float], limits: AlsGate, champion: int | None, *, implicit: bool) -> Decision:
    """Return what a version with ``metrics`` earns beside the version ``champion``.

    It was measured beside the champion of its training; another one holds nobody back, nor does one with which it
    shares no user and item.
    """
    absolute = _better_than_the_most_rated(metrics, limits) if implicit else _better_than_means(metrics, limits)
    compared = champion is not None and metrics.get(CHAMPION_VERSION) == champion
    return Decision.of((absolute,), _beside(metrics, limits, implicit=implicit) if compared else (), champion)


def _better_than_means(metrics: Mapping[str, float], limits: AlsGate) -> Check:
    """The means of users, of items, and of both together: the best of them is to be beaten."""
    means = [metrics[name] for mean in MEANS if (name := f"{HELD_OUT}/{mean}/rmse") in metrics]
    limit, value = limits.max_rmse * min(means, default=0.0), metrics.get(f"{HELD_OUT}/rmse")
    return Check(f"{HELD_OUT}/rmse", value, limit, value is not None and value < limit)


def _better_than_the_most_rated(metrics: Mapping[str, float], limits: AlsGate) -> Check:
    limit = limits.min_ndcg * metrics.get(f"{HELD_OUT}/{POPULARITY}/{NDCG}", 0.0)
    value = metrics.get(f"{HELD_OUT}/{NDCG}")
    return Check(f"{HELD_OUT}/{NDCG}", value, limit, value is not None and value > limit)


def _beside(metrics: Mapping[str, float], limits: AlsGate, *, implicit: bool) -> tuple[Check, ...]:
    name = f"{NEWEST}/{NDCG if implicit else 'rmse'}"
    value, theirs = metrics.get(name), metrics.get(name.replace(NEWEST, f"{NEWEST}/champion", 1))
    if value is None or theirs is None:
        return ()
    if implicit:
        limit = theirs * (1 - limits.max_loss)
        return (Check(name, value, limit, value >= limit),)
    limit = theirs * (1 + limits.max_loss)
    return (Check(name, value, limit, value <= limit),)
