"""Pictures of one recommender, drawn alike for all versions, so that those of several can be laid side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.train.kinds.als.measure import POPULARITY
from pipeline.train.kinds.als.ranking import DEEPEST, MEASURES, Ranked
from pipeline.train.kinds.drawing import COLOURS, figure_of, pixels_of
from pipeline.train.kinds.kind import Pixels
from scoring.factors import Singles
from scoring.item_ratings import ItemRatings

_BINS: Final = 40
_WORDS: Final = {"als": "ALS", POPULARITY: "most rated"}
_STYLES: Final = {"als": "-", POPULARITY: "--"}


@dataclass(frozen=True)
class Drawn:
    """What is drawn of a version: ratings [n] and the lists of users with held-out ratings, by who makes them."""

    title: str
    of_items: ItemRatings
    trained: Singles
    held_out: Singles
    lists: Mapping[str, Ranked]


def draw(drawn: Drawn) -> dict[str, Pixels]:
    """Return the pictures by key, each [height, width, 3]."""
    pictures = {"ratings/popularity": _popularity(drawn), "ratings/histogram": _ratings(drawn)}
    if drawn.lists:
        pictures |= {"lists/by_k": _by_k(drawn), "lists/coverage": _coverage(drawn)}
    return pictures


def _by_k(drawn: Drawn) -> Pixels:
    """Each measure over the length of the list, of the model and, broken, of the most rated items."""
    figure, axes = figure_of(f"{drawn.title}: lists, held out")
    ks = range(1, DEEPEST + 1)
    for who, lists in drawn.lists.items():
        for colour, name in zip(COLOURS, MEASURES, strict=False):
            values = [lists.measure(name, k) for k in ks]
            axes.plot(ks, values, _STYLES[who], color=colour, label=name if who == "als" else None)
    axes.set_xlabel("items of a list (broken: the most rated)")
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8)
    return pixels_of(figure)


def _coverage(drawn: Drawn) -> Pixels:
    """The share of the catalogue that is recommended to anybody, over the length of the list."""
    figure, axes = figure_of(f"{drawn.title}: coverage of {len(drawn.of_items.counts):,} items")
    ks = range(1, DEEPEST + 1)
    for who, lists in drawn.lists.items():
        values = [lists.coverage(k, len(drawn.of_items.counts)) for k in ks]
        axes.plot(ks, values, _STYLES[who], color=COLOURS[0], label=_WORDS[who])
    axes.set_xlabel("items of a list")
    axes.set_ylim(0, 1)
    axes.legend(fontsize=8)
    return pixels_of(figure)


def _popularity(drawn: Drawn) -> Pixels:
    """Ratings of each item, most rated first, and how many items have half of all: the rest is the long tail."""
    counts = np.sort(drawn.of_items.counts)[::-1]
    half = int(np.searchsorted(np.cumsum(counts), counts.sum() / 2)) + 1
    figure, axes = figure_of(f"{drawn.title}: {half:,} of {len(counts):,} items have half the ratings")
    axes.plot(np.arange(1, len(counts) + 1), counts, color=COLOURS[0])
    axes.axvline(half, color="#bbbbbb", linestyle=":")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("item, most rated first")
    axes.set_ylabel("ratings")
    return pixels_of(figure)


def _ratings(drawn: Drawn) -> Pixels:
    """How often each rating was given, in the share that was fitted and in the other."""
    both = np.concatenate([drawn.trained, drawn.held_out])
    values = np.unique(both)
    edges = np.linspace(float(both.min()), float(both.max()), _BINS + 1) if len(values) > _BINS else _around(values)
    figure, axes = figure_of(f"{drawn.title}: ratings")
    for name, colour, ratings in (("fitted", COLOURS[0], drawn.trained), ("held out", COLOURS[6], drawn.held_out)):
        if len(ratings):
            weights = np.full(len(ratings), 1 / len(ratings))
            axes.hist(
                ratings,
                edges.tolist(),
                weights=weights,
                histtype="step",
                color=colour,
                label=f"{name}: {len(ratings):,}",
            )
    axes.set_xlabel("rating")
    axes.set_ylabel("share")
    axes.legend(fontsize=8)
    return pixels_of(figure)


def _around(values: Singles) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return edges with one of the ``values`` between any two."""
    own = values.astype(np.float64)
    if len(own) == 1:
        return np.array([own[0] - 0.5, own[0] + 0.5])
    middles = (own[1:] + own[:-1]) / 2
    return np.concatenate([[2 * own[0] - middles[0]], middles, [2 * own[-1] - middles[-1]]])
