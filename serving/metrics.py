"""What can be counted, in Prometheus' form. One process answers all requests, so one registry holds everything."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from serving.kinds.kind import Counted, Kind
from serving.versions.catalogue import Catalogue, Version

logger = logging.getLogger(__name__)

_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class _CatalogueGauges(Collector):
    """Gauges that are read off the catalogue when somebody looks."""

    def __init__(self, catalogue: Callable[[], Catalogue]) -> None:
        self._catalogue = catalogue

    def collect(self) -> Iterator[GaugeMetricFamily]:
        catalogue = self._catalogue()
        age = GaugeMetricFamily("swathe_registry_age_seconds", "Since the registry last answered")
        if catalogue.checked_at is not None:
            age.add_metric([], max(0.0, time.time() - catalogue.checked_at))
        yield age
        state = GaugeMetricFamily(
            "swathe_version_state", "1 for the state that a version is in", labels=["model", "version", "state"]
        )
        alias = GaugeMetricFamily("swathe_alias_version", "Version that an alias means", labels=["model", "alias"])
        for model in catalogue.models.values():
            for version in model.versions.values():
                state.add_metric([model.name, str(version.number), version.state], 1)
            for name, number in model.aliases.items():
                alias.add_metric([model.name, name], number)
        yield state
        yield alias


class Metrics:
    """The server's metrics. Labels take values from the catalogue and the route table only, so they stay few."""

    def __init__(self, catalogue: Callable[[], Catalogue], kinds: Mapping[str, Kind]) -> None:
        self._registry = CollectorRegistry()
        labels = ("model", "version", "route")
        self._requests = Counter("swathe_requests", "Requests answered", (*labels, "code"), registry=self._registry)
        self._seconds = Histogram(
            "swathe_request_seconds",
            "From first byte in to last byte out",
            labels,
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._rows = Counter("swathe_rows", "Rows predicted", ("model", "version"), registry=self._registry)
        counted = dict.fromkeys(kind.counted for kind in kinds.values() if kind.counted)
        self._words = {name: kind.counted.outcomes for name, kind in kinds.items() if kind.counted}
        pair = ("model", "champion", "challenger")
        self._compared = Counter("swathe_canary_rows", "Rows given to both", pair, registry=self._registry)
        self._differing = Counter(
            "swathe_canary_disagreements", "Rows that the two give another label", pair, registry=self._registry
        )
        self._in_flight = Gauge("swathe_requests_in_flight", "Requests being answered", registry=self._registry)
        # After the server's own, whose names no kind can take.
        outcomes = {each: self._outcome(each) for each in counted}
        found = {name: outcomes[kind.counted] for name, kind in kinds.items() if kind.counted}
        self._outcomes = {name: counter for name, counter in found.items() if counter is not None}
        # Looking labels up costs more than counting.
        self._children = lru_cache(maxsize=4096)(self._labelled)
        self._row_children = lru_cache(maxsize=1024)(self._labelled_rows)
        self._registry.register(_CatalogueGauges(catalogue))

    def _outcome(self, counted: Counted) -> Counter | None:
        """Return the counter of a kind; None where it cannot be had, which costs the kind its figures alone."""
        labels = ("model", "version", counted.label)
        try:
            return Counter(counted.name, counted.documentation, labels, registry=self._registry)
        except ValueError as error:
            logger.warning("counter of a kind left out name=%s error=%s", counted.name, error)
            return None

    def began(self) -> None:
        """Count a request in."""
        self._in_flight.inc()

    def ended(self, version: Version | None, route: str, code: int, seconds: float) -> None:
        """Count a request out."""
        self._in_flight.dec()
        model, number = (version.model, str(version.number)) if version else ("", "")
        requests, histogram = self._children(model, number, route, code)
        requests.inc()
        histogram.observe(seconds)

    def predicted(self, version: Version, counts: Sequence[int]) -> None:
        """Count the rows predicted by a ready version; ``counts`` are those of each outcome."""
        kind = version.required_numbers().kind.name
        rows, outcomes = self._row_children(kind, version.model, str(version.number), len(counts))
        rows.inc(sum(counts))
        # No outcomes, where its kind has none to tell apart.
        for counter, count in zip(outcomes, counts, strict=False):
            if count:
                counter.inc(count)

    def _labelled(self, model: str, number: str, route: str, code: int) -> tuple[Counter, Histogram]:
        counter = self._requests.labels(model, number, route, str(code))
        return counter, self._seconds.labels(model, number, route)

    def _labelled_rows(self, kind: str, model: str, number: str, outcomes: int) -> tuple[Counter, tuple[Counter, ...]]:
        counter = self._outcomes.get(kind)
        words = self._words.get(kind) or tuple(map(str, range(outcomes)))
        each = (counter.labels(model, number, word) for word in words[:outcomes]) if counter else ()
        return self._rows.labels(model, number), tuple(each)

    def compared(self, champion: Version, challenger: Version, rows: int, differing: int) -> None:
        """Count rows that champion and challenger both were given, and those on which they disagree."""
        pair = (champion.model, str(champion.number), str(challenger.number))
        self._compared.labels(*pair).inc(rows)
        self._differing.labels(*pair).inc(differing)

    def text(self) -> bytes:
        """Return all metrics as Prometheus reads them."""
        return generate_latest(self._registry)
