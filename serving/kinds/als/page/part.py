"""What the page of a model shows of its recommenders: how good each is, and items to rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from contract.recommender import Measured, RecommenderStatistics
from serving.kinds.als.recommendation import recommendation
from serving.kinds.kind import PagePart
from serving.versions.catalogue import Version

MOST_SHOWN: Final = 12
"""Versions that are told of and asked; the table lists all."""
MEASURES: Final[Mapping[str, tuple[str, str]]] = {
    "rmse": ("RMSE", "user_item_means"),
    "ndcg_at_10": ("NDCG@10", "popularity"),
    "recall_at_10": ("Recall@10", "popularity"),
    "coverage_at_10": ("Coverage", "popularity"),
}
"""What is shown of the ratings held out: its name on the page, and what it stands beside."""

TERMS: Final = (
    (
        "Held out",
        "Measured on the ratings that the version was not fitted to, a tenth unless the stream file says otherwise; "
        "beside it, smaller, what simpler lists or means reach on the same ones.",
    ),
    ("RMSE", "By how much the predicted ratings are off: lower is better. It stands beside means of user and item."),
    (
        "NDCG@10, Recall@10",
        "How much of what a user rated, and was held out, is among the ten best items, and how high: higher is "
        "better. They stand beside the list of the most rated items.",
    ),
    ("Coverage", "The share of all items that are in anybody's ten best."),
)


@dataclass(frozen=True)
class Shown:
    """One version: what it knows, and its measures, each with what it stands beside; None where there is none."""

    version: Version
    statistics: RecommenderStatistics
    measures: Sequence[tuple[float | None, float | None]]


def _facts(ready: Sequence[Version]) -> dict[str, Any]:
    newest = list(reversed(ready[-MOST_SHOWN:]))
    told = [(version, recommendation(version).statistics) for version in newest]
    measured = {name for _, each in told if each.held_out for name in each.held_out.values}
    names = [name for name in MEASURES if name in measured]
    return {
        "recommenders": [Shown(version, each, _measures(each.held_out, names)) for version, each in told],
        "more_recommenders": len(ready) - len(newest),
        "measures": [MEASURES[name][0] for name in names],
        "item_column": told[0][1].columns.item.name,
        "implicit": told[0][1].implicit,
        "highest": told[0][1].rating.max,
    }


def _measures(held_out: Measured | None, names: Sequence[str]) -> list[tuple[float | None, float | None]]:
    if held_out is None:
        return [(None, None)] * len(names)
    baselines = held_out.baselines
    return [(held_out.values.get(name), baselines.get(MEASURES[name][1], {}).get(name)) for name in names]


PART: Final = PagePart(
    Path(__file__).parent, "recommenders.html", _facts, ("recommenders.js",), TERMS, styles=("recommenders.css",)
)
