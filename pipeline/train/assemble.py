"""Puts a trainer together; importing this imports mlflow and pyspark."""

from __future__ import annotations

import threading
from collections.abc import Callable

from pipeline.object_store import ObjectStore
from pipeline.train.kinds.kind import Opened, open_kind
from pipeline.train.lease import Lease
from pipeline.train.ledger.ledger import Ledger
from pipeline.train.ledger.registrations import Registrations
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
    registrations: Registrations,
    lease: Lease,
    spark: SparkOnDemand,
    stopping: threading.Event | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> Trainer:
    """Return a trainer of ``series``; what fails while ``stopping`` is set was killed, and ends as KILLED.

    ``told`` hears what is being done, again and again.
    """
    runs = Runs(tracking, series.stream.name, series.model)
    artifacts = ArtifactStore(runs, tracking.uri)
    ledger = Ledger(store, series.model)
    kind = open_kind(Opened(series, store, registry, artifacts))
    publisher = Publisher(
        series, registry, ledger, registrations=registrations, kind=kind, runs=runs, artifacts=artifacts, lease=lease,
        uri=tracking.uri,
    )  # fmt: skip
    builder = VersionBuilder(series, store=store, runs=runs, artifacts=artifacts, spark=spark, kind=kind, told=told)
    return Trainer(series, kind=kind, store=store, runs=runs, publisher=publisher, builder=builder, stopping=stopping)
