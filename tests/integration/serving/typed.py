"""Made-up versions whose rows are typed: numbers, categories and times, as training fits them, without Spark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from contract.model_version import (
    GOLDEN_FILE,
    SCORING_FILE,
    STATISTICS_FILE,
    CategoryStatistics,
    ClusterStatistics,
    FeatureStatistics,
    TimeStatistics,
    statistics_to_json,
)
from contract.moment import us_text
from scoring.clock import SLOTS
from scoring.features import Encoding, Input
from scoring.forms import Category, Cyclic, Log, Number
from scoring.golden import Golden, rows_of
from scoring.kmeans import Assigner, Floats, Scoring

Columns = tuple[list[Any], ...]

CARRIERS = ("AA", "B6", 'héllo "quoted" \\ \'</script>', "other")
_ARROW = {
    "double": pa.float64(),
    "long": pa.int64(),
    "string": pa.string(),
    "boolean": pa.bool_(),
    "datetime": pa.timestamp("us", "UTC"),
}


def _circle(of: str) -> tuple[tuple[float, float], ...]:
    turns = [2 * math.pi * slot / SLOTS[of] for slot in range(SLOTS[of])]
    return tuple((math.sin(turn), math.cos(turn)) for turn in turns)


ENCODING = Encoding(
    (
        Input("dep delay"),
        Input("distance"),
        Input("carrier", "string"),
        Input("stops", "long"),
        Input("late", "boolean"),
        Input("at", "datetime"),
    ),
    (
        Number("dep delay", "dep delay"),
        Log("distance", "distance", flag=True),
        Category("carrier", "carrier", CARRIERS),
        Category("stops", "stops", (0, 1, 2**62 + 1), flag=True),
        Category("late", "late", (False, True)),
        Cyclic("at.hour", "at", "hour", _circle("hour")),
        Cyclic("at.weekday", "at", "weekday", _circle("weekday")),
    ),
)


def columns_of(n: int, seed: int) -> Columns:
    """Return ``n`` rows of cells, a column an input; a tenth of the cells is missing, and some values are others."""
    rng = np.random.default_rng(seed)
    found: Columns = (
        rng.normal(10, 20, n).round(1).tolist(),
        rng.lognormal(6, 2, n).round().tolist(),
        rng.choice([*CARRIERS, "ZZ", ""], n).tolist(),
        [(0, 1, 2**62 + 1, 7)[i] for i in rng.integers(0, 4, n)],
        rng.choice([True, False], n).tolist(),
        (1_357_016_400_000_000 + rng.integers(-(10**16), 10**15, n)).tolist(),
    )
    for column in found:
        for i in np.flatnonzero(rng.random(n) < 0.1).tolist():
            column[i] = None
    return found


def scoring_of(seed: int, k: int = 4) -> Scoring:
    """Return the numbers of a made-up version; another seed gives another one."""
    rows = ENCODING.rows(columns_of(200, seed))
    surrogates = np.nanmean(rows, axis=0)
    filled = np.where(np.isnan(rows), surrogates, rows)
    mean, std = filled.mean(axis=0), filled.std(axis=0)
    factors = [
        1.0 if feature.form in {"number", "log"} else 0.0 for feature in ENCODING.features for _ in feature.columns
    ]
    factors = [factor or float(x) for factor, x in zip(factors, std, strict=True)]
    chosen = np.random.default_rng(seed).choice(len(rows), k, replace=False)
    centers = (filled[chosen] - mean) / np.where(std == 0, 1, std) * factors

    def numbers(values: Any) -> tuple[float, ...]:
        return tuple(float(x) for x in values)

    return Scoring(
        ENCODING.names,
        numbers(surrogates),
        numbers(mean),
        numbers(std),
        tuple(map(numbers, centers)),
        tuple(f"C{i + 1}" for i in range(k)),
        numbers(factors),
        ENCODING,
    )


def artifact(seed: int = 1, spoil: str = "") -> dict[str, bytes]:
    """Return the files of an artifact that loads, by name."""
    return artifact_files(scoring_of(seed), columns_of(60, seed), spoil)


def artifact_files(scoring: Scoring, columns: Columns, spoil: str = "") -> dict[str, bytes]:
    """Return the files of a version's artifact by name."""
    encoded = scoring.encoding.rows(columns)
    clusters, distances = Assigner(scoring).assign(encoded)
    golden = distances[:50].copy()
    if spoil == "golden":
        golden[7] = np.nextafter(golden[7], np.inf)
    inputs = scoring.encoding.inputs
    types = tuple(each.type for each in inputs)
    rows = rows_of([list(row) for row in zip(*columns, strict=True)][:50], types)
    file = Golden(tuple(each.name for each in inputs), rows, clusters[:50], golden, types)
    return {
        SCORING_FILE: scoring.to_json() if spoil != "scoring" else b"{}",
        STATISTICS_FILE: statistics_to_json(statistics_of(scoring, columns, encoded, clusters)),
        GOLDEN_FILE: file.to_json(),
    }


def statistics_of(scoring: Scoring, columns: Columns, encoded: Floats, clusters: Any) -> list[ClusterStatistics]:
    """Return the statistics of rows that were given ``clusters`` [n]."""
    places = {each.name: j for j, each in enumerate(scoring.encoding.inputs)}
    found = []
    for cluster, label in enumerate(scoring.labels):
        own = np.flatnonzero(clusters == cluster).tolist()
        numbers, categories, times = dict[str, Any](), dict[str, Any](), dict[str, Any]()
        for feature in scoring.encoding.features:
            cells = [columns[places[feature.column]][i] for i in own]
            if isinstance(feature, Category):
                categories[feature.name] = _category(feature, cells)
            elif isinstance(feature, Cyclic):
                times[feature.name] = _times(feature, cells)
            else:
                numbers[feature.name] = _numbers(cells)
        means = encoded[own] if own else encoded
        with np.errstate(invalid="ignore"):
            centroid = tuple(float(x) for x in np.nan_to_num(np.nanmean(means, axis=0)))
        share = len(own) / len(clusters)
        found.append(ClusterStatistics(cluster, label, len(own), share, centroid, numbers, categories, times))
    return found


def _numbers(cells: Sequence[Any]) -> FeatureStatistics:
    there = [x for x in cells if x is not None]
    if not there:
        return FeatureStatistics(None, None, None, None, len(cells))
    std = float(np.std(there, ddof=1)) if len(there) > 1 else None
    return FeatureStatistics(float(np.mean(there)), std, min(there), max(there), len(cells) - len(there))


def _category(feature: Category, cells: Sequence[Any]) -> CategoryStatistics:
    n = max(1, len(cells))
    values = {text: cells.count(value) / n for text, value in zip(feature.texts, feature.values, strict=True)}
    other = sum(x is not None and x not in feature.values for x in cells) / n
    return CategoryStatistics(values, other, sum(x is None for x in cells))


def _times(feature: Cyclic, cells: Sequence[Any]) -> TimeStatistics:
    slots = feature.slots(list(cells))
    shares = [float((slots == slot).sum()) / max(1, len(cells)) for slot in range(SLOTS[feature.of])]
    return TimeStatistics(feature.of, tuple(shares), 5.5, int((slots == -1).sum()))  # type: ignore[arg-type] # an `Of`


def in_json(row: Sequence[Any]) -> list[Any]:
    """Return a row of cells as JSON has it."""
    return [
        us_text(cell) if each.type == "datetime" and cell is not None else cell
        for each, cell in zip(ENCODING.inputs, row, strict=True)
    ]


def table_of(columns: Columns) -> pa.Table:
    """Return the columns as results keep them."""
    arrays = {
        each.name: pa.array(column, pa.int64()).cast(_ARROW[each.type]) if each.type == "datetime"
        else pa.array(column, _ARROW[each.type])
        for each, column in zip(ENCODING.inputs, columns, strict=True)
    }  # fmt: skip
    return pa.table(arrays)
