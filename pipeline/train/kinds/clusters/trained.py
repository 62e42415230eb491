"""A clustering of a batch: prepared rows, what Spark fitted on them, and the proof that numpy answers alike."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyspark import StorageLevel
from pyspark.ml import PipelineModel

from contract.errors import DataError
from contract.features import are_plain
from contract.kinds.clusters import ClusteringSection
from contract.stream import Stream
from pipeline.train.kinds.clusters import evaluate, quality
from pipeline.train.kinds.clusters.assign import PROBABILITIES, Sample, collect, sample_of, thin
from pipeline.train.kinds.clusters.hard_points import check_parity, make_golden
from pipeline.train.kinds.clusters.k_curve import Sweep
from pipeline.train.kinds.clusters.prepare_typed import prepare_typed
from pipeline.train.kinds.clusters.prepared import FitScaler, Prepared, prepare
from pipeline.train.kinds.clusters.trainable import check_scale, check_trainable
from pipeline.train.kinds.kind import Batch
from pipeline.train.read.rows import check_rows, measure, read_rows
from pipeline.train.stopwatch import Stopwatch
from scoring.golden import Golden
from scoring.scorer import ClusterNumbers

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.ml.base import Transformer
    from pyspark.sql import DataFrame, SparkSession

# Rows brought to the driver to compare numpy with Spark.
SAMPLE_ROWS = 200_000
# Spark brings a gigabyte at most, and Python holds it several times.
SAMPLE_CELLS = 50_000_000


@dataclass(frozen=True)
class Trained:
    """A clustering's numbers, before anybody else knows of them. ``assigned`` is read again by the results.

    ``clusterer`` is the last stage of Spark's model; ``params``, ``metrics`` and ``sentences`` are what its kind says
    of how it was fitted.
    """

    prepared: Prepared
    clusterer: Transformer
    scoring: ClusterNumbers
    clusters: list[evaluate.ClusterRows]
    assigned: DataFrame
    rows: int
    swept: Sweep | None = None
    """How k was chosen, where the stream file does not say it."""
    params: Mapping[str, object] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    sentences: Sequence[str] = ()

    @property
    def mean(self) -> tuple[float, ...]:
        """Mean [d] of the rows in the scaled space; the scaler was fitted on them."""
        return self.prepared.origin

    @property
    def model(self) -> PipelineModel:
        """The whole Spark model, whose input columns are the raw features."""
        return PipelineModel(stages=[*self.prepared.stages, self.clusterer])

    def named(self, labels: Sequence[str]) -> Trained:
        """Return the same with the clusters' ``labels``, by cluster number."""
        return dataclasses.replace(self, scoring=self.scoring.named(labels))


@contextmanager
def prepared_rows(
    batch: Batch, bucket: str, stream: Stream, fit_scaler: FitScaler, watch: Stopwatch
) -> Iterator[tuple[Prepared, int]]:
    """Read and check the rows of ``batch``; give them, prepared and cached, for the length of the block.

    Raises
    ------
    DataError: the rows cannot be clustered.
    ChainError: the parts hold other rows than the manifests say.
    """
    section, manifests = stream.section(ClusteringSection), batch.manifests
    said = sum(manifest.rows for manifest in manifests)
    clusters = section.fewest
    if said < clusters:
        raise DataError(f"{said} rows are fewer than the {clusters} clusters that must come of them")
    _refuse_absent(batch, stream, said)
    rows = read_rows(batch.spark, bucket, stream, manifests, batch.landed).persist(StorageLevel.MEMORY_AND_DISK)
    try:
        with watch.measured("read"):
            found, ranges = measure(rows, stream)
        check_rows(found, manifests)
        check_trainable(found, ranges, clusters)
        with watch.measured("prepare"):
            prepared = _prepared(rows, stream, section.impute, fit_scaler)
        try:
            check_scale(ranges, prepared.scales)
            yield prepared, found
        finally:
            prepared.rows.unpersist()
    finally:
        rows.unpersist()


def _refuse_absent(batch: Batch, stream: Stream, rows: int) -> None:
    """Tell a feature that was no column yet from one without values."""
    landed = {name for columns in batch.landed.values() for name, _ in columns.types}
    for name in stream.inputs:
        if landed and name not in landed:
            raise DataError(
                f"feature {name!r} has no value in any of the {rows} rows: they were landed before it was a column of "
                f"the stream file"
            )


def _prepared(rows: DataFrame, stream: Stream, impute: str, fit_scaler: FitScaler) -> Prepared:
    # What files with names alone have trained goes on to the last bit.
    if are_plain(stream.features):
        return prepare(rows, tuple(stream.inputs), impute, fit_scaler)
    return prepare_typed(rows, stream.features, stream.inputs, impute, fit_scaler)


@dataclass(frozen=True)
class Proof:
    """Rows of which numpy and Spark say the same: hard points, and the batch's own or a sample of them.

    ``apart``: of the sample, how many rows were set apart. ``all_rows`` are those to be written as results, if the
    sample is no sample but all of them.
    """

    golden: Golden
    sample: Sample
    apart: int
    all_rows: pa.Table | None


def prove(spark: SparkSession, trained: Trained, watch: Stopwatch) -> Proof:
    """Compare numpy with Spark on the batch's rows and on hard points.

    Raises
    ------
    ModelArtifactError: they disagree.
    """
    with watch.measured("parity"):
        limit = min(SAMPLE_ROWS, SAMPLE_CELLS // len(trained.scoring.features))
        encoding, all_rows = trained.scoring.encoding, None
        if trained.rows <= limit:
            found = trained.assigned.toArrow()
            sample = sample_of(found, encoding)
            all_rows = found.drop_columns([name for name in found.schema.names if name == PROBABILITIES])
        else:
            sample = collect(thin(trained.assigned, trained.rows, limit), encoding)
        golden = make_golden(spark, trained.model, trained.scoring, sample)
        apart = check_parity(trained.scoring, golden, sample)
    return Proof(golden, sample, apart, all_rows)


def silhouette(trained: Trained, sample: Sample, watch: Stopwatch) -> float:
    """Return the silhouette of all rows, as Spark defines it; by Spark where ``sample`` has not all of them here.

    NaN where fewer than two clusters have rows.
    """
    with watch.measured("silhouette"):
        if len(sample.rows) == trained.rows:
            return quality.silhouette(trained.scoring.assigner().scale(sample.rows), sample.clusters)
        if sum(cluster.size > 0 for cluster in trained.clusters) < 2:
            return math.nan
        return evaluate.silhouette(trained.clusterer.transform(trained.prepared.rows))
