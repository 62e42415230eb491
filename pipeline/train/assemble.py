"""Puts a trainer together; importing this imports mlflow and pyspark."""

from __future__ import annotations

import threading

from pipeline.object_store import ObjectStore
from pipeline.train.kinds.clusters.comparison import Comparer
from pipeline.train.kinds.clusters.predecessor import History
from pipeline.train.lease import Lease
from pipeline.train.ledger.ledger import Ledger
from pipeline.train.mlflow_client.registry import Registry
from pipeline.train.mlflow_client.runs import Runs
from pipeline.train.mlflow_client.upload import ArtifactStore
from pipeline.train.publish.publisher import Publisher
from pipeline.train.read.spark_session import SparkOnDemand
from pipeline.train.series import Series
from pipeline.train.settings import TrackingSettings
from pipeline.train.trainer import Trainer
from pipeline.train.version_builder import VersionBuilder


def open_trainer(
    series: Series,
    *,
    store: ObjectStore,
    tracking: TrackingSettings,
    registry: Registry,
    lease: Lease,
    spark: SparkOnDemand,
    stopping: threading.Event | None = None,
) -> Trainer:
    """Return a trainer of ``series``; what fails while ``stopping`` is set was killed, and ends as KILLED."""
    runs = Runs(tracking, series.stream.name, series.model)
    artifacts = ArtifactStore(runs, tracking.uri)
    ledger = Ledger(store, series.model)
    publisher = Publisher(series, registry, ledger, runs=runs, artifacts=artifacts, lease=lease, uri=tracking.uri)
    comparer = Comparer(store, series.model, History(registry, artifacts, series.commands), series.stream.identity)
    builder = VersionBuilder(series, store=store, runs=runs, artifacts=artifacts, spark=spark, comparer=comparer)
    return Trainer(series, store=store, runs=runs, publisher=publisher, builder=builder, stopping=stopping)
