"""Spark's ALS recommender in numpy: a user's factors from ratings, the best items, the nearest items, a rating.

Apache Spark solves users after items, so a user's factors follow from the item factors and that user's ratings alone.
The equations are those of `ALS.computeFactors`, `NormalEquation` and `CholeskySolver`; λ is scaled by the number of
ratings (in an implicit model the positive ones). `ALSModel.transform` is the dot product.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from .arrays import Floats
from .factors import LARGEST, Recommender, Singles

Places = npt.NDArray[np.int64]

TOLERANCE: Final = 1e-6
"""Relative to the longest user vector, of a solved one against Spark's.

Both sides solve in doubles and round to floats, of which one bit is 6e-8 of a value; the additions have another order.
"""

# Of the trace: with so much added to the diagonal no rounding can make a matrix that is not positive definite.
_SURELY: Final = 1e-9
_LARGEST_SINGLE: Final = float(np.finfo(np.float32).max)
# Scores of which the greatest is looked for together, and how many such groups there are at least for each item asked.
_GROUP: Final = 32
_SPARSE: Final = 4
# Rows of an item table that are widened to doubles at a time.
_BLOCK: Final = 65_536


class AlsScorer:
    """Answers for one :class:`Recommender`. Immutable, so any number of threads may share it.

    Items and users are meant by their places in ``recommender.items`` and ``recommender.users``.
    """

    def __init__(self, recommender: Recommender) -> None:
        self.recommender = recommender
        self._gram = _gram(recommender.item_factors) if recommender.implicit else None
        self._lengths = np.sqrt(np.einsum("ij,ij->i", recommender.item_factors, recommender.item_factors))

    def fold_in(self, ratings: Mapping[int, float]) -> Singles:
        """Return the user vector [rank] that Spark would give a user with these ``ratings``, by item.

        Without any, and for an implicit model without a positive one, it is zero: nobody can be told apart.

        Raises
        ------
        ValueError: a rating is no finite float32 or is too large for the answer to be, or no item has that place.
        """
        places = np.fromiter(ratings, np.int64, len(ratings))
        given = _finite(ratings.values(), len(ratings))
        count = len(self.recommender.items)
        if ratings and not 0 <= min(ratings) <= max(ratings) < count:
            raise ValueError(f"an item is not one of the {count} places")
        factors = self.recommender.item_factors[places].astype(np.float64)
        return self._implicit(factors, given) if self.recommender.implicit else self._explicit(factors, given)

    def scores(self, vector: Singles) -> Singles:
        """Return the score [m] of each item for a user vector [rank]: Spark's predicted rating or preference."""
        return np.asarray(self.recommender.item_factors @ vector.astype(np.float32, copy=False))

    def recommend(self, vector: Singles, n: int, exclude: Collection[int] = ()) -> list[tuple[int, float]]:
        """Return up to ``n`` items and their scores, best first, of equal scores the lesser place first.

        ``exclude``: places that are left out.
        """
        return _paired(*self.best(vector, n, exclude))

    def best(self, vector: Singles, n: int, exclude: Collection[int] = ()) -> tuple[Places, Singles]:
        """Return what :meth:`recommend` does, as places and scores."""
        scores = self.scores(vector)
        left_out = np.fromiter(exclude, np.int64, len(exclude))
        if exclude and not 0 <= min(exclude) <= max(exclude) < len(scores):
            left_out = left_out[(left_out >= 0) & (left_out < len(scores))]
        return _best(scores, n, left_out)

    def similar(self, item: int, n: int) -> list[tuple[int, float]]:
        """Return up to ``n`` other items nearest to ``item`` by the cosine of their factors, with it, best first.

        An item of zero factors is like no other: its cosine is 0.
        """
        factors = self.recommender.item_factors
        products = self._lengths * self._lengths[item]
        cosines = np.zeros(len(factors), dtype=np.float32)
        np.divide(factors @ factors[item], products, out=cosines, where=products > 0)
        return _paired(*_best(cosines, n, np.array([item])))

    def predict(self, user: int, item: int) -> float:
        """Return the rating that Spark predicts, to the last bit."""
        return float(self.predict_pairs(np.array([user]), np.array([item]))[0])

    def predict_pairs(self, users: Places, items: Places) -> Singles:
        """Return the ratings [n] that Spark predicts for pairs of user and item, to the last bit.

        It adds up in float32 from left to right, as an accumulation does and a sum does not.
        """
        products = self.recommender.user_factors[users] * self.recommender.item_factors[items]
        return np.asarray(np.add.accumulate(products, axis=1)[:, -1])

    def _explicit(self, factors: Floats, given: Floats) -> Singles:
        return self._solved(factors.T @ factors, factors.T @ given, len(given))

    def _implicit(self, factors: Floats, given: Floats) -> Singles:
        assert self._gram is not None  # noqa: S101 - made for an implicit model
        confidence, liked = self.recommender.alpha * np.abs(given), given > 0
        left = self._gram + (factors.T * confidence) @ factors
        return self._solved(left, factors[liked].T @ (1.0 + confidence[liked]), int(liked.sum()))

    def _solved(self, left: Floats, right: Floats, count: int) -> Singles:
        if not count:
            return np.zeros(len(right), dtype=np.float32)
        diagonal, added = np.einsum("ii->i", left), count * self.recommender.reg
        diagonal += added
        try:
            # It fails where Spark's `dppsv` does; what solves takes any matrix, and makes noise of a singular one.
            if added < _SURELY * diagonal.sum():
                np.linalg.cholesky(left)
            solved = np.linalg.solve(left, right)
        except np.linalg.LinAlgError as error:
            raise ValueError(f"ratings too large, or a reg of {self.recommender.reg} too small, to solve") from error
        # Of the length, which is above the largest factor; NaN is not below it either.
        if not solved @ solved <= LARGEST**2:
            raise ValueError("ratings too large for a user vector of floats")
        return solved.astype(np.float32)


def _finite(values: Collection[float], count: int) -> Floats:
    """Return ratings as Spark takes them, rounded to float32."""
    # Of few ratings sooner than by numpy, and of an integer that no double holds at all.
    if not all(-_LARGEST_SINGLE <= value <= _LARGEST_SINGLE for value in values):
        raise ValueError("a rating is no finite number of 32 bits")
    return np.fromiter(values, np.float64, count).astype(np.float32).astype(np.float64)


def _gram(factors: Singles) -> Floats:
    """Return YᵀY [rank, rank] over all items, in doubles."""
    total = np.zeros((factors.shape[1], factors.shape[1]))
    for first in range(0, len(factors), _BLOCK):
        block = factors[first : first + _BLOCK].astype(np.float64)
        total += block.T @ block
    return total


def _best(scores: Singles, n: int, left_out: Places) -> tuple[Places, Singles]:
    """Return the ``n`` best places with their scores; only what is at least as good as a bound is sorted."""
    if n <= 0:
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    # No score is: factors are bounded.
    scores[left_out] = -np.inf
    # All that are as good as the last one kept, so that ties go by place.
    places = np.flatnonzero(scores >= _bound(scores, n))
    # Stable, so that of equal scores the lesser place comes first.
    order = places[np.argsort(-scores[places], kind="stable")]
    order = order[scores[order] > -np.inf][:n]
    return order, scores[order]


def _bound(scores: Singles, n: int) -> np.float32:
    """Return a score that the ``n`` best reach and few others.

    The ``n`` greatest of the groups' maxima are ``n`` scores too, so the last of them is not above the last of the
    ``n`` best. Numpy takes maxima of whole rows in a tenth of the time of a partition.
    """
    groups = len(scores) // _GROUP
    if groups >= _SPARSE * n:
        scores = np.maximum.reduce(scores[: groups * _GROUP].reshape(_GROUP, groups))
    last = len(scores) - min(n, len(scores))
    return np.float32(np.partition(scores, last)[last])


def _paired(places: Places, scores: Singles) -> list[tuple[int, float]]:
    return list(zip(places.tolist(), scores.tolist(), strict=True))
