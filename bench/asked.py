"""Every figure that is asked of the line: the one table, which the page, the exit code and the measurements read."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from bench.figures import Asked

# Rows of a request, connections, and what is asked: at least so many times A's and B's requests a second.
CASES: Final = ((1, 1, 1.0, 0.9), (1, 16, 1.0, 0.9), (1_000, 8, 8.0, 1.2), (10_000, 8, 8.0, 1.2))
# Each 100 ms at most with a thousand versions, once it is made.
PAGES: Final = MappingProxyType(
    {"openapi": "/openapi.json", "models": "/api/models", "ui": "/ui", "metrics": "/metrics"}
)


def case_figure(rows: int, connections: int, of: str) -> str:
    """Return the name of a figure of ``CASES``."""
    return f"serving.{rows}_rows_{connections}_connections_of_{of}"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _cases() -> list[Asked]:
    return [
        Asked(
            case_figure(rows, connections, of),
            f"predict, {_counted(rows, 'row')}, {_counted(connections, 'connection')}: times the rate of {of.upper()}",
            least=times,
        )
        for rows, connections, *both in CASES
        for of, times in zip("ab", both, strict=True)
    ]


_LANDING: Final = (
    Asked("landing.of_bare", "landing: of the best bare loop's rate", least=30, goal=40, unit="%"),
    Asked("landing.of_quix", "landing: times the rate of Quix Streams' S3 file sink", least=6),
    Asked("landing.of_one_at_a_time", "landing: times the rate of `json.loads`, one record at a time", least=3),
    Asked("landing.avro", "landing Avro: times the rate of JSON", least=0.25),
    Asked("landing.avro_array", "landing Avro with an array: times the rate of JSON", least=0.25),
    Asked("landing.mb", "landing: peak memory", most=500, unit="MB"),
    Asked(
        "landing.members.two", "landing, two members while both land, two partitions: times the rate of one", least=1.3
    ),
    Asked("landing.tenfold.mb", "landing ten times the records: times the memory of once", most=1.1),
    Asked("landing.nested.one_path", "landing, one column under a path: times the CPU of flat", most=1.15),
)
_DESCRIBING: Final = (
    Asked("describing.cpu", "describe: times the CPU of DuckDB", most=2),
    Asked("describing.cpu_quoted", "describe, text in quotes: times the CPU of DuckDB", most=2, quick=False),
    Asked("describing.mb", "describe: peak memory", most=1_000, unit="MB"),
)
_TRAINING: Final = (
    Asked(
        "training.of_plain", "three batches by `mlflow run`: times the plain script's seconds", most=1 / 4, goal=1 / 5
    ),
    Asked("training.first_s", "first version of an `mlflow run`", most=15, unit="s"),
    Asked("training.watch_s", "one more batch in `watch`, manifest to ready", most=6, unit="s"),
    Asked("training.watch_of_plain", "the same: times the plain script's batch", most=1 / 7, goal=1 / 8),
    Asked("training.sweep", "k from 2 to 8: times the seconds of a fixed k", most=2, quick=False),
    Asked(
        "training.nothing_s", "`mlflow run` with nothing to do: above an empty MLproject", most=3, unit="s", quick=False
    ),
    Asked("training.small_s", "twelve batches of 200 rows: a version", most=3, unit="s"),
    Asked("training.many.hundredth", "the 100th version: times the seconds of the 10th", most=1.1),
    Asked("training.large.us", "3,000,000 rows by `mlflow run`: a row", most=70, unit="µs"),
    Asked("training.large.mb", "3,000,000 rows by `mlflow run`: peak memory", most=3_000, unit="MB"),
    Asked("recommending.of_plain", "three batches of MovieLens: times the plain script's seconds", most=1 / 2),
)
_SERVING: Final = (
    *_cases(),
    Asked("serving.p99_1", "predict, 1 row, 1 connection: times the p99 of A", most=1.1),
    Asked("serving.p99_16", "predict, 1 row, 16 connections: times the p99 of A", most=1.0),
    Asked("serving.typed", "predict, 1 typed row, 16 connections: times the rate of five numbers", least=0.8),
    Asked("serving.beside_large_ms", "predict, 1 row beside requests of 10,000: p99", most=25, unit="ms"),
    Asked("serving.misbehaving.others_ms", "predict, 1 row beside any client that misbehaves: p99", most=50, unit="ms"),
    Asked("serving.versions_100.empty_s", "100 versions never seen: ready", most=5, unit="s"),
    Asked("serving.versions_100.filled_s", "100 versions, filled cache: ready", most=5, unit="s"),
    Asked("serving.versions_100.mb", "100 versions: memory", most=300, unit="MB"),
    Asked("serving.versions_100.idle", "100 versions: idle CPU", most=1, unit="%"),
    Asked("serving.versions_100.route", "100 versions, 16 connections: times the rate with three", least=0.9),
    Asked("serving.versions_1000.filled_s", "1,000 versions, filled cache: ready", most=10, unit="s"),
    Asked("serving.versions_1000.mb", "1,000 versions: memory", most=500, unit="MB"),
    Asked("serving.versions_1000.idle", "1,000 versions: idle CPU", most=1, unit="%"),
    *(
        Asked(f"serving.versions_1000.{name}_ms", f"1,000 versions: `{path}`, once made", most=100, unit="ms")
        for name, path in PAGES.items()
    ),
    Asked("serving.large_k.pickup_cpu_s", "k = 1,000, 20 features: CPU from registered to answered", most=1, unit="s"),
    Asked(
        "serving.recommending.rate",
        "recommend, 1,682 items, 16 connections: times the rate of 1-row predict",
        least=0.5,
    ),
    Asked("serving.recommending.p99_ms", "recommend, 100,000 items at rank 64, 4 connections: p99", most=40, unit="ms"),
    Asked("serving.recommending.beside_ms", "1-row predict beside that: p99", most=50, unit="ms"),
    Asked("serving.recommending.mb", "recommend, 100,000 items at rank 64: memory of a version", most=60, unit="MB"),
)
_LINE: Final = (
    Asked("line.first_s", "last record acknowledged → its route answers, in a line that just began", most=20, unit="s"),
    Asked("line.warm_s", "the same, once warm", most=10, unit="s"),
    Asked("first_minute.cached_s", "`make demo`, stopped, everything cached", most=60, unit="s"),
    Asked("first_minute.cold_s", "`make demo` on a machine with nothing", most=240, unit="s"),
    Asked("first_minute.tests.seconds", "`make test`, warm cache: times the seconds of the commit before", most=0.75),
)

ASKED: Final[Mapping[str, Asked]] = MappingProxyType(
    {each.name: each for each in (*_LANDING, *_DESCRIBING, *_TRAINING, *_SERVING, *_LINE)}
)
