"""Puts a trainer together; importing this imports mlflow and pyspark."""

from __future__ import annotations

import threading

from pipeline.object_store import ObjectStore
from pipeline.train.build import VersionBuilder
from pipeline.train.comparison import Comparer
from pipeline.train.history import History
from pipeline.train.lease import Lease
from pipeline.train.ledger import Ledger
from pipeline.train.publish import Publisher
from pipeline.train.registry import Registry
from pipeline.train.runs import Runs
from pipeline.train.series import Series
from pipeline.train.session import SparkOnDemand
from pipeline.train.settings import TrackingSettings
from pipeline.train.trainer import Trainer
from pipeline.train.upload import ArtifactStore


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
