"""Fits ALS to the trained share, and brings its factors here, by the places of users and items."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.ml import PipelineModel
from pyspark.ml.feature import StringIndexerModel
from pyspark.ml.recommendation import ALS, ALSModel
from pyspark.sql import functions as fn

from contract.errors import DataError
from contract.kinds.als import Als
from pipeline.train.kinds.als.ratings import TRAINED, Ratings
from scoring.arrays import Floats
from scoring.factors import Recommender, Singles
from scoring.ids import Ids
from scoring.item_ratings import ItemRatings

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

# Names that no column of a stream can have.
USER_PLACE: Final = "_user_place"
ITEM_PLACE: Final = "_item_place"
PREDICTION: Final = "prediction"

# Spark's numbers of grouping sets: a bit for each column that is not in it.
_SET: Final = "_set"
_OF_USERS, _OF_ITEMS, _OF_ALL = 0b01, 0b10, 0b11

_INDEXER: Final = "org.apache.spark.ml.feature.StringIndexerModel"

# Ratings of one of the blocks that Spark solves at a time; few blocks make few tasks.
_BLOCK_RATINGS: Final = 1_000_000
_FEWEST_BLOCKS, _MOST_BLOCKS = 2, 200
# Of one user's equations: of a solution in doubles a tenth of the tolerance is rounding then.
_MOST_CONDITION: Final = 1e9
# Iterations: an unbroken chain of ten may overflow the stack of a JVM that has not compiled its code yet.
_CHECKPOINT_EVERY: Final = 3

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Vocabulary:
    """Who rated and what was rated in the trained share, in the order of their places.

    counts [m] and means [m] of items; counts [n] and means [n] of users; ``pairs`` are those held out as well.
    """

    users: Ids
    items: Ids
    of_items: ItemRatings
    user_counts: Counts
    user_means: Floats
    pairs: int
    low: float
    high: float
    mean: float
    deviation: float

    @property
    def ratings(self) -> int:
        """How many ratings there are."""
        return int(self.user_counts.sum())


@dataclass(frozen=True)
class Fitted:
    """What Spark fitted: the whole pipeline, which takes raw columns, its last stage, and its factors."""

    pipeline: PipelineModel
    als: ALSModel
    vocabulary: Vocabulary
    recommender: Recommender

    def indexed(self, rows: DataFrame) -> DataFrame:
        """Return ``rows`` with the places of user and item, of the unknown the number of all."""
        for stage in self.pipeline.stages[:2]:
            rows = stage.transform(rows)
        places = (fn.col(name).cast("int").alias(name) for name in (USER_PLACE, ITEM_PLACE))
        return rows.select(*(name for name in rows.columns if name not in {USER_PLACE, ITEM_PLACE}), *places)


def vocabulary(ratings: Ratings) -> Vocabulary:
    """Return the users and items of the trained share.

    Raises
    ------
    DataError: there are fewer than two items, or more text in the names than a version holds.
    """
    model, rated = ratings.model, _rated(ratings)
    users, user_counts, user_means = _by_name(rated, model.user, _OF_USERS)
    items, item_counts, item_means = _by_name(rated, model.item, _OF_ITEMS)
    if len(items) < 2:
        raise DataError(
            f"of the ratings, {int(user_counts.sum())} fell into the share of {model.train_share:g} that is fitted, of "
            f"{len(items)} items: too few to fit"
        )
    every = rated.filter(pc.field(_SET) == _OF_ALL)
    pairs, *spread = (every.column(name)[0].as_py() for name in ("_pairs", "_low", "_high", "_mean", "_deviation"))
    try:
        ids = Ids.of(users), Ids.of(items)
    except ValueError as error:
        raise DataError(f"the names of {len(users)} users and {len(items)} items are too long: {error}") from error
    return Vocabulary(*ids, ItemRatings(item_counts, item_means), user_counts, user_means, pairs, *spread)


def _rated(ratings: Ratings) -> pa.Table:
    """Return in one pass how often and how high each user and each item was rated in the trained share, and all."""
    model = ratings.model
    own = fn.when(fn.col(TRAINED), fn.col(model.rating)).cast("double")
    measured = {"_count": fn.count, "_low": fn.min, "_high": fn.max, "_mean": fn.avg, "_deviation": fn.stddev_pop}
    sets: list[list[Column]] = [[fn.col(model.user)], [fn.col(model.item)], []]
    grouped = ratings.rows.groupingSets(sets, model.user, model.item)
    return grouped.agg(
        fn.grouping_id().cast("int").alias(_SET),
        fn.count(fn.lit(1)).alias("_pairs"),
        *(measure(own).alias(name) for name, measure in measured.items()),
    ).toArrow()


def _by_name(rated: pa.Table, name: str, of: int) -> tuple[list[str], Counts, Floats]:
    """Return the distinct names, sorted by code point, with how often and how high each was rated."""
    table = rated.filter((pc.field(_SET) == of) & (pc.field("_count") > 0))
    names = table.column(name).to_pylist()
    order = sorted(range(len(names)), key=names.__getitem__)
    counts, means = (table.column(column).to_numpy()[order] for column in ("_count", "_mean"))
    return [names[i] for i in order], counts.astype(np.int64), means.astype(np.float64)


def fit(ratings: Ratings, known: Vocabulary, spark: SparkSession, directory: str) -> Fitted:
    """Fit ALS to the trained share; what Spark writes to ``directory`` it may read as long as the model is used.

    Raises
    ------
    DataError: what comes of it are no numbers.
    """
    model = ratings.model
    stages = [
        _indexer(spark, known.users, model.user, USER_PLACE),
        _indexer(spark, known.items, model.item, ITEM_PLACE),
    ]
    trained = ratings.trained
    for stage in stages:
        trained = stage.transform(trained)
    spark.sparkContext.setCheckpointDir(directory)
    als = _als(model, known.ratings).fit(trained)
    of_users, of_items = (_factors(of_all, model.rank) for of_all in (als.userFactors, als.itemFactors))
    _refuse_ill_conditioned(model, known, of_users, of_items)
    recommender = Recommender(
        known.users, known.items, of_users, of_items, reg=model.reg, alpha=model.alpha, implicit=model.implicit
    )
    return Fitted(PipelineModel(stages=[*stages, als]), als, known, recommender)


def _refuse_ill_conditioned(model: Als, known: Vocabulary, of_users: Singles, of_items: Singles) -> None:
    """Refuse equations whose solutions are noise: rounding decides them here otherwise than in Spark.

    Of a user with n ratings the largest eigenvalue is at most the trace, the least at least n·λ.
    """
    squares = np.einsum("ij,ij->i", of_items, of_items, dtype=np.float64)
    most = float(squares.max())
    if model.implicit:
        most = float(squares.sum()) + model.alpha * max(abs(known.low), abs(known.high)) * most
    if not (np.isfinite(of_users).all() and most <= _MOST_CONDITION * model.reg):
        raise DataError(
            f"a reg of {model.reg:g} is too small beside the ratings of column {model.rating!r}, which go from "
            f"{known.low:g} to {known.high:g}: the factors that come of them are noise; raise it"
        )


def _indexer(spark: SparkSession, ids: Ids, column: str, place: str) -> StringIndexerModel:
    """Return what gives each name of ``column`` its place; numbers are text to it, decimal digits, as in the ids."""
    if list(ids) == [""]:
        # No text joins one empty name.
        model = StringIndexerModel.from_labels([""], inputCol=column)
    else:
        model = StringIndexerModel._create_from_java_class(_INDEXER, _java_strings(spark, list(ids)))
    return model.setInputCol(column).setOutputCol(place).setHandleInvalid("keep")


def _java_strings(spark: SparkSession, names: Sequence[str]) -> Any:
    """Return ``names`` in the JVM, in one call: `from_labels` makes one of each, ten seconds of a hundred thousand."""
    gateway = spark.sparkContext._gateway
    assert gateway is not None  # noqa: S101 - there is a session
    separator = uuid.uuid4().hex
    split = gateway.jvm.org.apache.commons.lang3.StringUtils.splitByWholeSeparatorPreserveAllTokens
    return split(separator.join(names), separator)


def _als(model: Als, ratings: int) -> ALS:
    blocks = min(max(_FEWEST_BLOCKS, -(-ratings // _BLOCK_RATINGS)), _MOST_BLOCKS)
    als = ALS(
        userCol=USER_PLACE,
        itemCol=ITEM_PLACE,
        ratingCol=model.rating,
        rank=model.rank,
        regParam=model.reg,
        maxIter=model.iterations,
        implicitPrefs=model.implicit,
        alpha=model.alpha,
        seed=model.seed,
        numUserBlocks=blocks,
        numItemBlocks=blocks,
        coldStartStrategy="nan",
        checkpointInterval=_CHECKPOINT_EVERY,
    )
    return als.setPredictionCol(PREDICTION)


def _factors(of_all: DataFrame, rank: int) -> Singles:
    """Return the factors [n, rank] in the order of their places."""
    table = of_all.toArrow()
    order = np.argsort(table.column("id").to_numpy(), kind="stable")
    values = table.column("features").combine_chunks().values.to_numpy().astype(np.float32, copy=False)
    return np.ascontiguousarray(values.reshape(-1, rank)[order])
