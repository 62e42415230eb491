"""How good lists of recommendations are: the usual measures, as Spark's own `RankingMetrics` defines them.

An item counts or it does not: relevant to a user are all items of the ratings that are looked at (of an implicit model
those above zero), and each measure is the mean over the users who have one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Scores = Callable[[Places], npt.NDArray[np.floating]]
"""The scores [n, m] of all items for n users, the higher the better."""

AT: Final = 10
"""Items of a list that are looked at."""
DEEPEST: Final = 50
"""Of the longest list in the pictures."""
MEASURES: Final = ("precision", "recall", "ndcg", "map")

# Scores that are held at a time.
_CELLS: Final = 4_000_000


@dataclass(frozen=True)
class Pairs:
    """Users [n] and items [n] by place, sorted by user; a pair stands once."""

    users: Places
    items: Places

    @classmethod
    def of(cls, users: Places, items: Places) -> Pairs:
        """Return the pairs in order."""
        order = np.lexsort((items, users))
        return cls(users[order], items[order])

    def between(self, first: int, after: int) -> Pairs:
        """Return those of users first ≤ u < after."""
        low, high = np.searchsorted(self.users, [first, after])
        return Pairs(self.users[low:high], self.items[low:high])


@dataclass(frozen=True)
class Ranked:
    """Lists of n users: items [n, k] by place, -1 where a list ends early; hits [n, k]; how many are relevant [n]."""

    items: Places
    hits: Flags
    relevant: Places

    def measure(self, name: str, k: int) -> float:
        """Return the measure ``name``, one of ``MEASURES``, of the first ``k`` items of each list."""
        measures = {"precision": precision, "recall": recall, "ndcg": ndcg, "map": mean_average_precision}
        return measures[name](self.hits[:, :k], self.relevant, k)

    def coverage(self, k: int, catalogue: int) -> float:
        """Return the share of the ``catalogue`` that is in the first ``k`` items of somebody's list.

        "Catalog coverage" of Ge, Delgado-Battenfeld and Jannach (RecSys 2010).
        """
        found = np.unique(self.items[:, :k])
        return float(np.count_nonzero(found >= 0) / catalogue)


def precision(hits: Flags, relevant: Places, k: int) -> float:  # noqa: ARG001 - as the others
    """Return the mean of |hits| / k (`RankingMetrics.precisionAt`): by k also where a list has fewer items."""
    return float((hits.sum(axis=1) / k).mean())


def recall(hits: Flags, relevant: Places, k: int) -> float:  # noqa: ARG001 - as the others
    """Return the mean of |hits| / |relevant| (`RankingMetrics.recallAt`)."""
    return float((hits.sum(axis=1) / relevant).mean())


def ndcg(hits: Flags, relevant: Places, k: int) -> float:
    """Return the mean of DCG / ideal DCG with gains of 0 and 1 (`RankingMetrics.ndcgAt`).

    DCG is the sum of 1 / log₂(i + 1) over the places i of hits, from 1; the ideal one has min(|relevant|, k) of them in
    front (Järvelin and Kekäläinen, 2002, with the discount of log₂(i + 1)).
    """
    gains = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.cumsum(gains)[np.minimum(relevant, k) - 1]
    return float(((hits * gains[: hits.shape[1]]).sum(axis=1) / ideal).mean())


def mean_average_precision(hits: Flags, relevant: Places, k: int) -> float:
    """Return the mean of Σ precision at each hit / min(|relevant|, k) (`RankingMetrics.meanAveragePrecisionAt`)."""
    found = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
    return float(((found * hits).sum(axis=1) / np.minimum(relevant, k)).mean())


def rank(scores: Scores, catalogue: int, relevant: Pairs, seen: Pairs, k: int = DEEPEST) -> Ranked:
    """Return the lists of the users in ``relevant``: of all items but those in ``seen``, of equal scores the first."""
    users = np.unique(relevant.users)
    step = max(1, _CELLS // catalogue)
    blocks = []
    for own in (users[at : at + step] for at in range(0, len(users), step)):
        found = np.array(scores(own), dtype=np.float64)
        found[_cells(own, seen)] = -np.inf
        wanted = np.zeros(found.shape, dtype=np.bool_)
        wanted[_cells(own, relevant)] = True
        blocks.append(_ranked(found, wanted, min(k, catalogue)))
    items, hits, counts = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    return Ranked(items, hits, counts)


def _ranked(scores: npt.NDArray[np.float64], wanted: Flags, k: int) -> tuple[Places, Flags, Places]:
    lists = _best(scores, k)
    empty = np.take_along_axis(scores, lists, axis=1) == -np.inf
    hits = np.take_along_axis(wanted, lists, axis=1) & ~empty
    return np.where(empty, -1, lists), hits, wanted.sum(axis=1)


def _cells(users: Places, pairs: Pairs) -> tuple[Places, Places]:
    """Return rows and columns of the ``pairs`` in a table of a row for each of ``users``, which are sorted."""
    own = pairs.between(int(users[0]), int(users[-1]) + 1)
    rows = np.minimum(np.searchsorted(users, own.users), len(users) - 1)
    inside = users[rows] == own.users
    return rows[inside], own.items[inside]


def _best(scores: npt.NDArray[np.float64], k: int) -> Places:
    """Return the columns of the ``k`` highest of each row, best first, of equal ones the lesser column first."""
    rows, columns = scores.shape
    if k < columns:
        # All that are as good as the last one kept, so that ties go by place, as in `scoring.als`.
        least = np.partition(scores, columns - k, axis=1)[:, [columns - k]]
        scores = np.where(scores >= least, scores, -np.inf)
    order = np.argsort(-scores, axis=1, kind="stable")
    return np.asarray(order[:, :k].reshape(rows, -1), dtype=np.int64)
