"""The ratings of a version in the driver, by name: each model gives users and items places of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import functions as fn

from pipeline.train.kinds.als.measure import Unseen
from pipeline.train.kinds.als.ranking import Pairs, Places
from pipeline.train.kinds.als.ratings import BATCH, FIRST, TRAINED, Ratings
from scoring.factors import Singles
from scoring.ids import Ids

Flags = npt.NDArray[np.bool_]

MOST_RATINGS: Final = 5_000_000
"""Brought here; of more, those of some of the users, chosen by a hash of their names."""


@dataclass(frozen=True)
class Collected:
    """n ratings, sorted by user and item: whose and of what by number in ``names``, and which are what.

    batches: of each rating; first: the batch in which its pair was first rated; newest: number of the newest batch.
    """

    user_names: tuple[str, ...]
    item_names: tuple[str, ...]
    users: Places
    items: Places
    ratings: Singles
    trained: Flags
    batches: Places
    first: Places
    newest: int

    @property
    def is_newest(self) -> Flags:
        """Which are of the newest batch."""
        return np.asarray(self.batches == self.newest)

    def may_be_fitted(self, version: int) -> Flags:
        """Return of which pairs an earlier ``version`` may have seen a rating.

        Of a pair that was rated again since, what counted then is gone, and so is whether it was held out.
        """
        return (self.first <= version) & (self.trained | (self.batches > version))

    def of(self, users: Ids, items: Ids, chosen: Flags) -> Unseen:
        """Return those that are ``chosen``, by their places in ``users`` and ``items``."""
        of_users, of_items = _places(self.user_names, users), _places(self.item_names, items)
        return Unseen(of_users[self.users[chosen]], of_items[self.items[chosen]], self.ratings[chosen])

    def pairs(self, users: Ids, items: Ids, chosen: Flags) -> Pairs:
        """Return the pairs of those that are ``chosen`` and known, by their places in ``users`` and ``items``."""
        found = self.of(users, items, chosen)
        return Pairs.of(found.users[found.known], found.items[found.known])


def collect(ratings: Ratings) -> Collected:
    """Bring ratings to the driver."""
    model, rows = ratings.model, ratings.rows
    every = -(-ratings.records // MOST_RATINGS)
    if every > 1:
        rows = rows.where(fn.pmod(fn.xxhash64(model.user), fn.lit(every)) == 0)
    table = rows.select(*model.columns, TRAINED, BATCH, FIRST).toArrow()
    users, user_names = _numbered(table.column(model.user))
    items, item_names = _numbered(table.column(model.item))
    rated = table.column(model.rating).to_numpy().astype(np.float32)
    trained = table.column(TRAINED).to_numpy(zero_copy_only=False)
    batches, first = (table.column(name).to_numpy().astype(np.int64) for name in (BATCH, FIRST))
    return Collected(user_names, item_names, users, items, rated, trained, batches, first, ratings.newest)


def _numbered(column: pa.ChunkedArray) -> tuple[Places, tuple[str, ...]]:
    encoded = column.combine_chunks().dictionary_encode()
    return encoded.indices.to_numpy().astype(np.int64), tuple(encoded.dictionary.to_pylist())


def _places(names: tuple[str, ...], ids: Ids) -> Places:
    """Return the place of each name in ``ids``, -1 where it is none of them."""
    places = {name: place for place, name in enumerate(ids)}
    return np.array([places.get(name, -1) for name in names], dtype=np.int64)
