"""The best items of each user as Spark has them, without those rated, and the objects in which they are stored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import functions as fn

from contract.kinds.als import Als
from contract.model_version import results_manifest_key, results_prefix
from contract.recommender import (
    ITEMS,
    LIST_ITEMS,
    LISTS_ROW_GROUP_ROWS,
    RATED_ITEMS,
    RATINGS,
    SCORES,
    USER,
    ListsManifest,
    lists_to_json,
)
from pipeline.object_store import ObjectStore
from pipeline.train.kinds.als.fit import ITEM_PLACE, USER_PLACE, Fitted
from pipeline.train.kinds.als.ranking import Places
from pipeline.train.kinds.als.ratings import Ratings
from pipeline.train.kinds.sorted_files import write_sorted
from pipeline.train.read.layout import partitions_for
from scoring.factors import Singles
from scoring.ids import Ids

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

FOLDER: Final = "lists"
MOST_ASKED: Final = 1_000
"""Items that Spark is asked for per user: a list is shorter where nearly all of so many were rated by the user."""

_MINE, _RATED, _KEPT, _NAME, _SCORE, _LIST = "_mine", "_rated", "_kept", "_name", "_score", "_list"
# Numbers and names of a user in a file.
_CELLS: Final = 4 * LIST_ITEMS


@dataclass(frozen=True)
class Best:
    """A cached row per user: place, name, what was rated, and the best items of the others."""

    rows: DataFrame
    model: Als
    items: Ids
    users: int

    def places(self, most: int) -> Iterator[tuple[int, Places, Singles, Places]]:
        """Yield of at most ``most`` users: place, the places of the items in the list, their scores, those rated."""
        every = -(-self.users // most)
        chosen = self.rows.where(fn.col(USER_PLACE) % every == 0)
        columns = (fn.col(_KEPT)[ITEM_PLACE], fn.col(_KEPT)["rating"], fn.col(_MINE)[ITEM_PLACE])
        table = chosen.select(USER_PLACE, *(column.alias(f"_{i}") for i, column in enumerate(columns))).toArrow()
        for user, items, scores, rated in zip(*(column.to_pylist() for column in table.columns), strict=True):
            yield user, np.array(items, np.int64), np.array(scores, np.float32), np.array(rated, np.int64)


@contextmanager
def best_items(fitted: Fitted, ratings: Ratings) -> Iterator[Best]:
    """Give the best items of each user for the length of the block."""
    model, known = ratings.model, fitted.vocabulary
    rated = fn.sort_array(fn.collect_list(fn.struct(model.item, model.rating, ITEM_PLACE))).alias(_MINE)
    count = partitions_for(len(known.users), _CELLS)
    placed = fitted.indexed(ratings.trained).repartition(count, USER_PLACE)
    # A list of its own: taken out of the other one, it would be made anew for each item that is looked at.
    mine = placed.groupBy(USER_PLACE, model.user).agg(rated, fn.collect_list(ITEM_PLACE).alias(_RATED))
    # Both sides: of a join that broadcasts one of them the other decides the tasks.
    found = _recommended(fitted).repartition(count, USER_PLACE)
    first = fn.slice("recommendations", fn.lit(1), LIST_ITEMS + fn.size(_RATED))
    others = fn.filter(first, lambda each: ~fn.array_contains(_RATED, each[ITEM_PLACE]))
    kept = fn.slice(others, 1, LIST_ITEMS).alias(_KEPT)
    rows = mine.join(found, USER_PLACE).select(USER_PLACE, model.user, _MINE, kept)
    rows = rows.persist(StorageLevel.MEMORY_AND_DISK)
    try:
        yield Best(rows, model, known.items, len(known.users))
    finally:
        rows.unpersist()


def _recommended(fitted: Fitted) -> DataFrame:
    """Return of each user so many of the best items that, without those rated, a list is left.

    Most users rated few items, and of those Spark is asked for fewer: what it does for one grows with what is asked.
    """
    of_users = fitted.vocabulary.user_counts
    counts, users = np.sort(of_users), np.arange(len(of_users))
    asked = np.minimum(LIST_ITEMS + counts, min(len(fitted.vocabulary.items), MOST_ASKED))
    few = int(np.argmin((users + 1) * asked + users[::-1] * asked[-1]))
    of_few = _best_of(fitted, of_users <= counts[few], int(asked[few]))
    return of_few.unionAll(_best_of(fitted, of_users > counts[few], int(asked[-1])))


def _best_of(fitted: Fitted, chosen: npt.NDArray[np.bool_], asked: int) -> DataFrame:
    users = pa.table({USER_PLACE: pa.array(np.flatnonzero(chosen), pa.int32())})
    return fitted.als.recommendForUserSubset(fitted.als.userFactors.sparkSession.createDataFrame(users), asked)


def write_lists(best: Best, store: ObjectStore, model: str, run_id: str) -> str:
    """Write the lists of one version and return the key of their manifest, which makes them visible.

    Raises
    ------
    ChainError: what is read back is not what was written.
    """
    files = write_sorted(
        _named(best),
        store,
        f"{results_prefix(model, run_id)}{FOLDER}",
        (USER,),
        count=best.users,
        files=partitions_for(best.users, _CELLS),
        row_group_rows=LISTS_ROW_GROUP_ROWS,
    )
    key = results_manifest_key(model, run_id)
    store.put(key, lists_to_json(ListsManifest(model, run_id, best.users, files)))
    return key


def _named(best: Best) -> DataFrame:
    """Return the rows that are stored: as :class:`ListsManifest` says."""
    spark, model = best.rows.sparkSession, best.model
    numbered = pa.table({ITEM_PLACE: pa.array(range(len(best.items)), pa.int32()), _NAME: list(best.items)})
    names = spark.createDataFrame(numbered)
    each = best.rows.select(USER_PLACE, fn.posexplode(_KEPT)).select(
        USER_PLACE, "pos", fn.col("col")[ITEM_PLACE].alias(ITEM_PLACE), fn.col("col")["rating"].alias(_SCORE)
    )
    in_order = fn.sort_array(fn.collect_list(fn.struct("pos", _NAME, _SCORE))).alias(_LIST)
    named = each.join(fn.broadcast(names), ITEM_PLACE).groupBy(USER_PLACE).agg(in_order)
    return best.rows.join(named, USER_PLACE, "left").select(
        fn.col(model.user).alias(USER),
        fn.coalesce(fn.col(_LIST)[_NAME], fn.array().cast("array<string>")).alias(ITEMS),
        fn.coalesce(fn.col(_LIST)[_SCORE], fn.array().cast("array<float>")).alias(SCORES),
        fn.col(_MINE)[model.item].alias(RATED_ITEMS),
        fn.col(_MINE)[model.rating].alias(RATINGS),
    )
