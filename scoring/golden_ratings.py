"""The golden file of a recommender: ratings with the factors, and pairs with the predictions, that Spark gave them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

from .als import TOLERANCE, AlsScorer

GOLDEN_FORMAT: Final = 1


@dataclass(frozen=True)
class GoldenUser:
    """A user, the items rated with the ratings given, as they were fitted, and the factors [rank] that Spark solved."""

    user: str
    items: tuple[str, ...]
    ratings: tuple[float, ...]
    factors: tuple[float, ...]


@dataclass(frozen=True)
class GoldenPair:
    """A user, an item, and the rating that Spark predicts."""

    user: str
    item: str
    rating: float


@dataclass(frozen=True)
class GoldenRatings:
    """Some users and pairs of a version, one or more of each.

    ``longest`` is the length of its longest user vector as training told it; what is compared takes the numbers' own.
    """

    longest: float
    users: tuple[GoldenUser, ...]
    pairs: tuple[GoldenPair, ...]

    def __post_init__(self) -> None:
        """Refuse a file that tells nothing.

        Raises
        ------
        ValueError: it has no user or no pair.
        """
        if not (self.users and self.pairs):
            raise ValueError("not a golden file: it has no user or no pair")

    def to_json(self) -> bytes:
        """Return the golden file; every number survives the round trip exactly."""
        return json.dumps({"format": GOLDEN_FORMAT, **asdict(self)}).encode()

    @classmethod
    def from_json(cls, body: bytes) -> GoldenRatings:
        """Return what is in a golden file.

        Raises
        ------
        ValueError: not a golden file of this format.
        """
        try:
            fields = json.loads(body)
            if fields["format"] != GOLDEN_FORMAT:
                raise ValueError(f"its format is not {GOLDEN_FORMAT}")
            users = tuple(
                GoldenUser(str(each["user"]), *(tuple(each[name]) for name in ("items", "ratings", "factors")))
                for each in fields["users"]
            )
            pairs = tuple(GoldenPair(str(p["user"]), str(p["item"]), float(p["rating"])) for p in fields["pairs"])
            return cls(float(fields["longest"]), users, pairs)
        except (KeyError, TypeError, OverflowError, RecursionError) as error:
            raise ValueError(f"not a golden file: {error!r}") from error

    def disagreements(self, scorer: AlsScorer) -> Sequence[str]:
        """Return what ``scorer`` answers otherwise than Spark: users beyond the tolerance, pairs by any bit."""
        return [
            *(f"user {each.user}" for each in self.users if not self._folds_in(scorer, each)),
            *(f"user {each.user}, item {each.item}" for each in self.pairs if not _predicts(scorer, each)),
        ]

    def _folds_in(self, scorer: AlsScorer, given: GoldenUser) -> bool:
        places = scorer.recommender.items.places(given.items)
        known = {place: rating for place, rating in zip(places, given.ratings, strict=True) if place is not None}
        factors = np.array(given.factors)
        if len(known) < len(places) or factors.shape != (scorer.recommender.rank,):
            return False
        try:
            vector = scorer.fold_in(known)
        except ValueError:
            return False
        return bool(np.abs(vector - factors).max() <= TOLERANCE * scorer.recommender.longest)


def _predicts(scorer: AlsScorer, given: GoldenPair) -> bool:
    user, item = scorer.recommender.users.find(given.user), scorer.recommender.items.find(given.item)
    return user is not None and item is not None and scorer.predict(user, item) == given.rating
