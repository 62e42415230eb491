"""k centres from rows that have k distinct points, also where Spark's first try finds fewer.

Spark's k-means|| draws its candidates by chance: of few points, or of some that lie far from all others, it may draw
fewer than k and return as many centres as it has.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from pyspark import StorageLevel

from contract.errors import DataError
from contract.kinds.kmeans import KMeans
from pipeline.train.kinds.clusters.distinct import distinct_points, too_few
from pipeline.train.kinds.kmeans.fit import RANDOM, Clustering, fit_kmeans

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

logger = logging.getLogger(__name__)

# A fit waits for the scheduler most of its time.
THREADS: Final = 4
# Tries of each kind after the seeds that were asked for have all fallen short.
_TRIES: Final = 3


def fit_from_seeds(scaled: DataFrame, model: KMeans, k: int, seeds: Sequence[int]) -> Clustering:
    """Fit ``k`` clusters on ``scaled`` from each of ``seeds`` and return the one of the lowest WSSSE.

    Where all of them fall short of ``k`` centres, other starts are made, in an order that the seeds decide.

    Raises
    ------
    DataError: the rows hold fewer distinct points than ``k``.
    """
    return best(_at_once(lambda seed: fit_kmeans(scaled, model, k, seed), seeds), k) or _from_other_starts(
        scaled, model, k, seeds
    )


def best(fitted: Iterable[Clustering], k: int) -> Clustering | None:
    """Return the one of the lowest WSSSE among those with ``k`` centres, or None where none has as many."""
    full = [each for each in fitted if len(each.centers) == k]
    return min(full, key=lambda clustering: (clustering.wssse, clustering.seed), default=None)


def _from_other_starts(scaled: DataFrame, model: KMeans, k: int, seeds: Sequence[int]) -> Clustering:
    points = distinct_points(scaled).persist(StorageLevel.MEMORY_AND_DISK)
    try:
        distinct = points.count()
        if distinct < k:
            raise DataError(too_few(distinct, k))
        logger.info("k=%d seeds=%s distinct=%d reason=%s", k, list(seeds), distinct, "fewer centres than k")
        others = range(seeds[-1] + 1, seeds[-1] + 1 + _TRIES)
        found = best(_at_once(lambda seed: fit_kmeans(scaled, model, k, seed), others), k)
        if found is None:
            # k of the distinct points, drawn without putting one back, are k centres; each weighs as its rows do.
            found = best(_at_once(lambda seed: fit_kmeans(points, model, k, seed, RANDOM), others), k)
    finally:
        points.unpersist()
    assert found is not None  # noqa: S101 - Lloyd's iterations keep a centre that loses its last row
    return found


def _at_once(fit: Callable[[int], Clustering], seeds: Sequence[int]) -> list[Clustering]:
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(fit, seeds))
