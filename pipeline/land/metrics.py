"""Prometheus metrics of a landing process, on a loopback port; read from its state when they are asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Histogram, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from contract.batch import CutReason
from contract.errors import ConfigurationError
from pipeline.land.broker_state import BrokerState
from pipeline.land.lag import Lag
from pipeline.land.lander import Lander
from pipeline.land.patient_store import PatientStore
from pipeline.land.schema_registry import SchemaRegistry

PUT_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class LandingCollector(Collector):
    """Turns the state of a lander into metrics."""

    def __init__(
        self, lander: Lander, stream: str, *, lag: Lag, store: PatientStore, broker: BrokerState,
        registry: SchemaRegistry | None = None,
    ) -> None:  # fmt: skip
        self._lander = lander
        self._stream = stream
        self._lag = lag
        self._store = store
        self._broker = broker
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics as of now."""
        landed = self._lander.counts
        yield self._counter("rows", "Rows landed", landed.rows)
        yield self._counter("rejected_records", "Records rejected", landed.rejected)
        yield self._counter("skipped_records", "Records meant to make no row, and skipped", landed.skipped)
        yield self._counter("deletes", "Change events, of the skipped, that say a row is gone", landed.deletes)
        yield self._counter("late_rows", "Rows that came after their window", landed.late_rows)
        yield self._counter("early_rows", "Rows too far ahead of their lane's clock to move it", landed.early_rows)
        yield self._counter(
            "ignored_keys",
            "Keys that are not in the schema, about: of many records a sample is counted",
            landed.ignored_keys,
        )
        yield self._counter("rows_without_columns", "Rows of records with none of the columns", landed.strangers)
        yield self._counter("conflicts_adopted", "Parts that another writer landed first", landed.adopted)
        yield self._by_reason("batches", "Batches sealed", dict(landed.batches.items()))
        yield self._by_reason("parts", "Parts landed", dict(landed.parts.items()))
        yield self._gauge("open_rows", "Rows read and not landed yet", self._lander.lanes.open_rows)
        since = self._lander.lanes.open_since
        yield self._gauge(
            "open_age_seconds", "Age of the oldest such row", 0 if since is None else time.monotonic() - since
        )
        yield self._gauge(
            "store_down", "1 while landing waits for the object store", int(self._store.failure is not None)
        )
        yield self._gauge("kafka_down", "1 while landing waits for the broker", int(self._broker.failure is not None))
        if self._registry is not None:
            down = int(self._registry.failure is not None)
            yield self._gauge("schema_registry_down", "1 while landing waits for the schema registry", down)
        lag = GaugeMetricFamily(
            "swathe_land_lag_records", "Records not landed yet, per partition", labels=["stream", "partition"]
        )
        for lane, records in self._lag.records.items():
            lag.add_metric([self._stream, str(lane)], records)
        yield lag

    def _counter(self, name: str, text: str, value: float) -> Metric:
        family = CounterMetricFamily(f"swathe_land_{name}", text, labels=["stream"])
        family.add_metric([self._stream], value)
        return family

    def _gauge(self, name: str, text: str, value: float) -> Metric:
        family = GaugeMetricFamily(f"swathe_land_{name}", text, labels=["stream"])
        family.add_metric([self._stream], value)
        return family

    def _by_reason(self, name: str, text: str, counts: Mapping[CutReason, int]) -> Metric:
        family = CounterMetricFamily(f"swathe_land_{name}", f"{text}, by cut", labels=["stream", "cut"])
        for reason, count in counts.items():
            family.add_metric([self._stream, reason], count)
        return family


def put_histogram(registry: CollectorRegistry, stream: str) -> Histogram:
    """Return the histogram of the seconds that one PUT took."""
    histogram = Histogram(
        "swathe_land_put_seconds", "Seconds that a PUT took", ["stream"], registry=registry, buckets=PUT_SECONDS
    )
    return histogram.labels(stream)


@contextmanager
def served(registry: CollectorRegistry, port: int | None) -> Iterator[None]:
    """Serve ``registry`` on 127.0.0.1:``port`` inside the block; without a port, nothing.

    Raises
    ------
    ConfigurationError: the port is taken.
    """
    if port is None:
        yield
        return
    try:
        server, thread = start_http_server(port, addr="127.0.0.1", registry=registry)
    except OSError as error:
        raise ConfigurationError(f"--metrics-port {port} cannot be listened on: {error.strerror}") from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
