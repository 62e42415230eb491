"""Trains one version: from parts in the object store to checked numbers, in as few Spark jobs as can be."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark import StorageLevel

from contract.batch import Manifest
from contract.errors import DataError
from contract.stream import KRange, Stream
from pipeline.train.kinds.clusters import evaluate, quality
from pipeline.train.kinds.clusters.assign import Sample, assign, collect, thin
from pipeline.train.kinds.clusters.hard_points import check_parity, make_golden
from pipeline.train.kinds.clusters.k_curve import Sweep
from pipeline.train.kinds.clusters.prepared import SCALED, Prepared, prepare
from pipeline.train.kinds.kmeans.choose_k import sweep
from pipeline.train.kinds.kmeans.fit import Clustering, next_step, pipeline_model, scoring
from pipeline.train.kinds.kmeans.starts import fit_from_seeds
from pipeline.train.read.rows import check_rows, check_scale, check_trainable, measure, read_rows
from pipeline.train.stopwatch import Stopwatch
from scoring.golden import Golden
from scoring.kmeans import Assigner, Scoring

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel
    from pyspark.sql import DataFrame, SparkSession

logger = logging.getLogger(__name__)

# Rows brought to the driver to compare numpy with Spark.
SAMPLE_ROWS = 200_000
# Spark brings a gigabyte at most, and Python holds it several times.
SAMPLE_CELLS = 50_000_000


@dataclass(frozen=True)
class Trained:
    """A version's numbers, before anybody else knows of them. ``assigned`` is read again by the results."""

    prepared: Prepared
    clustering: Clustering
    scoring: Scoring
    clusters: list[evaluate.ClusterRows]
    assigned: DataFrame
    rows: int
    swept: Sweep | None
    """How k was chosen, where the stream file does not say it."""
    next_step: float
    """How far a centre would still move in one more iteration; 0 where Spark found that none does."""

    @property
    def model(self) -> PipelineModel:
        """The whole Spark model."""
        return pipeline_model(self.prepared, self.clustering)

    def named(self, labels: Sequence[str]) -> Trained:
        """Return the same with the clusters' ``labels``, by cluster number."""
        return dataclasses.replace(self, scoring=dataclasses.replace(self.scoring, labels=tuple(labels)))


@contextmanager
def prepared_rows(
    spark: SparkSession, bucket: str, stream: Stream, manifests: Sequence[Manifest], watch: Stopwatch
) -> Iterator[tuple[Prepared, int]]:
    """Read and check the rows of ``manifests``; give them, prepared and cached, for the length of the block.

    Raises
    ------
    DataError: the rows cannot be clustered.
    ChainError: the parts hold other rows than the manifests say.
    """
    said = sum(manifest.rows for manifest in manifests)
    clusters = _fewest(stream)
    if said < clusters:
        raise DataError(f"{said} rows are fewer than the {clusters} clusters asked for")
    rows = read_rows(spark, bucket, stream, manifests).persist(StorageLevel.MEMORY_AND_DISK)
    try:
        with watch.measured("read"):
            found, ranges = measure(rows, stream)
        check_rows(found, manifests)
        check_trainable(found, ranges, clusters)
        with watch.measured("prepare"):
            prepared = prepare(rows, stream)
        try:
            check_scale(ranges, prepared.scales)
            yield prepared, found
        finally:
            prepared.rows.unpersist()
    finally:
        rows.unpersist()


def _fewest(stream: Stream) -> int:
    k = stream.model.k
    return k.start if isinstance(k, KRange) else k


def train(prepared: Prepared, rows: int, stream: Stream, watch: Stopwatch) -> Trained:
    """Cluster ``prepared`` rows.

    Raises
    ------
    DataError: the rows hold fewer distinct points than clusters asked for.
    """
    model, swept = stream.model, None
    if isinstance(model.k, KRange):
        with watch.measured("k_search"):
            swept = sweep(prepared, rows, model, model.k)
    with watch.measured("fit"):
        wanted = swept.k if swept is not None else _fewest(stream)
        clustering = fit_from_seeds(prepared.rows.select(SCALED), model, wanted, model.tried_seeds)
        # Spark does not tell one that converged in its last iteration from one that was stopped.
        left = next_step(prepared, clustering) if clustering.iterations >= model.max_iter else 0.0
    k = len(clustering.centers)
    unnamed = scoring(prepared, clustering, stream, [str(i) for i in range(k)])
    assigned = assign(prepared.rows, clustering.model, unnamed)
    with watch.measured("statistics"):
        clusters = evaluate.cluster_rows(assigned, stream.features, k)
    return Trained(prepared, clustering, unnamed, clusters, assigned, rows, swept, left)


def prove(spark: SparkSession, trained: Trained, watch: Stopwatch) -> tuple[Golden, Sample]:
    """Compare numpy with Spark on the batch's rows and on hard points; return both.

    Raises
    ------
    ModelArtifactError: they disagree.
    """
    with watch.measured("parity"):
        limit = min(SAMPLE_ROWS, SAMPLE_CELLS // len(trained.scoring.features))
        sample = collect(thin(trained.assigned, trained.rows, limit), trained.scoring.features)
        golden = make_golden(spark, trained.model, trained.scoring, sample.rows)
        check_parity(trained.scoring, golden, sample)
    return golden, sample


def silhouette(trained: Trained, sample: Sample, watch: Stopwatch) -> float:
    """Return the silhouette of all rows, as Spark defines it; by Spark where ``sample`` has not all of them here.

    NaN where fewer than two clusters have rows.
    """
    with watch.measured("silhouette"):
        if len(sample.rows) == trained.rows:
            return quality.silhouette(Assigner(trained.scoring).scale(sample.rows), sample.clusters)
        if sum(cluster.size > 0 for cluster in trained.clusters) < 2:
            return math.nan
        return evaluate.silhouette(trained.clustering.model.transform(trained.prepared.rows))
