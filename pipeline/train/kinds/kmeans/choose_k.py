"""k by evidence: several k tried from several seeds on a sample of the batch, and the best one fitted on all rows.

Spark's KMeans has no restarts of its own, and its silhouette grows with k only by accident: a guard keeps a k out
that splits off a handful of rows.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from pyspark import StorageLevel

from contract.errors import DataError
from contract.kinds.clusters import KRange
from contract.kinds.kmeans import KMeans
from contract.model_version import CLUSTER
from pipeline.train.kinds.clusters import evaluate
from pipeline.train.kinds.clusters.assign import thin
from pipeline.train.kinds.clusters.distinct import distinct_points, too_few
from pipeline.train.kinds.clusters.k_curve import KPoint, Sweep, choose
from pipeline.train.kinds.clusters.prepared import SCALED, Prepared
from pipeline.train.kinds.kmeans.fit import PARALLEL, Clustering, fit_kmeans
from pipeline.train.kinds.kmeans.starts import THREADS, best, fit_from_seeds

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

logger = logging.getLogger(__name__)

# A fit is some twenty small jobs, whose overhead more rows than these would hardly add to.
SAMPLE_ROWS: Final = 20_000


def sweep(prepared: Prepared, rows: int, model: KMeans, tried: KRange) -> Sweep:
    """Try every k of ``tried`` on about ``SAMPLE_ROWS`` of the ``rows`` prepared rows.

    Raises
    ------
    DataError: the rows hold fewer distinct points than the smallest k.
    """
    for limit in (SAMPLE_ROWS, rows):
        sample = thin(prepared.rows, rows, limit).select(SCALED).coalesce(1).persist(StorageLevel.MEMORY_AND_DISK)
        try:
            # Counted before the fits begin together: the rows are cached now.
            distinct = distinct_points(sample).limit(tried.to).count()
            if distinct >= tried.start:
                points = _curve(sample, model, tried, range(tried.start, min(tried.to, distinct) + 1))
                k, reason = choose(points, tried.min_cluster_share)
                logger.info("k=%d reason=%s", k, reason)
                return Sweep(points, k, reason)
        finally:
            sample.unpersist()
        if rows <= SAMPLE_ROWS:
            break
    raise DataError(too_few(distinct, tried.start))


def _curve(sample: DataFrame, model: KMeans, tried: KRange, numbers: Sequence[int]) -> tuple[KPoint, ...]:
    """Return a point for each k of which any seed finds all centres; where there is none, for the smallest."""
    wanted = [(k, model.seed + turn) for k in numbers for turn in range(tried.seeds)]
    with ThreadPoolExecutor(THREADS) as pool:
        fitted = list(pool.map(lambda pair: (pair[0], fit_kmeans(sample, model, *pair)), wanted))
        found = [best([each for of, each in fitted if of == k], k) for k in numbers]
        full = [each for each in found if each is not None]
        if not full:
            full = [fit_from_seeds(sample, model, numbers[0], [seed for k, seed in wanted if k == numbers[0]])]
        return tuple(pool.map(lambda each: _measure(sample, each), full))


def _measure(sample: DataFrame, clustering: Clustering) -> KPoint:
    sizes = _sizes(sample, clustering)
    rows = sum(sizes)
    # A silhouette compares clusters; rows that all fall into one have none.
    several = sum(size > 0 for size in sizes) > 1
    score = evaluate.silhouette(clustering.model.transform(sample)) if several else -1.0
    return KPoint(len(clustering.centers), clustering.wssse / rows, score, min(sizes) / rows)


def _sizes(sample: DataFrame, clustering: Clustering) -> list[int]:
    if clustering.start == PARALLEL:
        return list(clustering.model.summary.clusterSizes)
    # Fitted on distinct points, of which each may be many rows.
    counted = clustering.model.transform(sample).groupBy(CLUSTER).count().collect()
    found = {row[CLUSTER]: row["count"] for row in counted}
    return [found.get(i, 0) for i in range(len(clustering.centers))]
