"""k by evidence: several k tried from several seeds on a sample of the batch, and the best one fitted on all rows.

Spark's KMeans has no restarts of its own, and its silhouette grows with k only by accident: a guard keeps a k out
that splits off a handful of rows.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyspark import StorageLevel

from contract.errors import DataError
from contract.stream import KRange, Model
from pipeline.train import evaluate
from pipeline.train.assign import thin
from pipeline.train.fit import SCALED, Clustering, Prepared, fit_kmeans

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

logger = logging.getLogger(__name__)

# A fit is some twenty small jobs, whose overhead more rows than these would hardly add to.
SAMPLE_ROWS: Final = 20_000
# A fit waits for the scheduler most of its time.
_THREADS: Final = 4


@dataclass(frozen=True)
class KPoint:
    """One k on the sample: its best seed's WSSSE per row, silhouette, and the smallest cluster's share of rows."""

    k: int
    wssse_per_row: float
    silhouette: float
    min_cluster_share: float


@dataclass(frozen=True)
class Sweep:
    """The curve, the k that was chosen, and the sentence that says why."""

    points: tuple[KPoint, ...]
    k: int
    reason: str

    def curves(self) -> dict[str, dict[int, float]]:
        """Return each metric's values by k, for MLflow to draw with k as the step."""
        names = ("silhouette", "wssse_per_row", "min_cluster_share")
        return {f"k_search/{name}": {point.k: getattr(point, name) for point in self.points} for name in names}


def sweep(prepared: Prepared, rows: int, model: Model, tried: KRange) -> Sweep:
    """Try every k of ``tried`` on about ``SAMPLE_ROWS`` of the ``rows`` prepared rows.

    Raises
    ------
    DataError: the sample holds fewer distinct points than the smallest k.
    """
    sample = thin(prepared.rows, rows, SAMPLE_ROWS).select(SCALED).coalesce(1).persist(StorageLevel.MEMORY_AND_DISK)
    try:
        # Counted before the fits begin together: the rows are cached now, and more centres than points make Spark fail.
        distinct = sample.distinct().limit(tried.to).count()
        if distinct < tried.start:
            raise DataError(f"{distinct} distinct points are fewer than the {tried.start} clusters asked for")
        with ThreadPoolExecutor(_THREADS) as pool:
            numbers = range(tried.start, min(tried.to, distinct) + 1)
            wanted = [(k, model.seed + turn) for k in numbers for turn in range(tried.seeds)]
            fitted = [each for each in pool.map(lambda pair: _fit_or_none(sample, model, *pair), wanted) if each]
            points = tuple(pool.map(lambda k: _measure(sample, _best(fitted, k)), _numbers_of(fitted)))
    finally:
        sample.unpersist()
    if not points:
        raise DataError(f"Spark finds fewer than the {tried.start} clusters asked for")
    k, reason = choose(points, tried.min_cluster_share)
    logger.info("k=%d reason=%s", k, reason)
    return Sweep(points, k, reason)


def choose(points: Sequence[KPoint], min_cluster_share: float) -> tuple[int, str]:
    """Return the k of the highest silhouette among those that keep every cluster large enough, and why.

    Where none does, the k whose smallest cluster is the largest.
    """
    span = f"k = {points[0].k} to {points[-1].k}"
    large = [point for point in points if point.min_cluster_share >= min_cluster_share]
    if not large:
        best = max(points, key=lambda point: (point.min_cluster_share, -point.k))
        return best.k, (
            f"none of {span} keeps every cluster at {min_cluster_share:.1%} of the rows; k = {best.k} comes closest, "
            f"with {best.min_cluster_share:.1%}"
        )
    best = max(large, key=lambda point: (point.silhouette, -point.k))
    return best.k, (
        f"k = {best.k} has the highest silhouette of {span}, {best.silhouette:.3f}, among those whose smallest cluster "
        f"holds {min_cluster_share:.1%} of the rows"
    )


def best_of_seeds(rows: DataFrame, model: Model, k: int, seeds: int) -> Clustering:
    """Fit ``k`` clusters from ``seeds`` seeds at the same time; return the one of the lowest WSSSE.

    Raises
    ------
    DataError: the rows hold fewer distinct points than ``k``.
    """
    with ThreadPoolExecutor(_THREADS) as pool:
        numbers = range(model.seed, model.seed + seeds)
        fitted = list(pool.map(lambda seed: fit_kmeans(rows, model, k, seed), numbers))
    return _best(fitted, k)


def _best(fitted: Sequence[Clustering], k: int) -> Clustering:
    return min(
        (each for each in fitted if len(each.centers) == k), key=lambda clustering: (clustering.wssse, clustering.seed)
    )


def _numbers_of(fitted: Sequence[Clustering]) -> list[int]:
    return sorted({len(clustering.centers) for clustering in fitted})


def _fit_or_none(sample: DataFrame, model: Model, k: int, seed: int) -> Clustering | None:
    try:
        return fit_kmeans(sample, model, k, seed)
    except DataError:
        return None


def _measure(sample: DataFrame, clustering: Clustering) -> KPoint:
    sizes = clustering.model.summary.clusterSizes
    rows = sum(sizes)
    # A silhouette compares clusters; rows that all fall into one have none.
    several = sum(size > 0 for size in sizes) > 1
    score = evaluate.silhouette(clustering.model.transform(sample)) if several else -1.0
    return KPoint(len(clustering.centers), clustering.wssse / rows, score, min(sizes) / rows)
