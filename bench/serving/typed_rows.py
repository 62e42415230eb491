"""A version of as many inputs as the one of numbers, two of them categories and one a time, and a row for it."""

from __future__ import annotations

import json
import math

import numpy as np

from bench.serving.model import CLUSTERS
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
from scoring.features import Encoding, Input
from scoring.forms import Category, Cyclic, Number
from scoring.golden import Golden, rows_of
from scoring.kmeans import Assigner, Scoring

# Those of the demo's flights.
CARRIERS = ("9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV")
ORIGINS = ("EWR", "JFK", "LGA")
_HOURS = tuple((math.sin(math.pi * hour / 12), math.cos(math.pi * hour / 12)) for hour in range(24))
_COLUMNS = (
    [75.0, -3.0],
    [1400.0, 719.0],
    ["AA", "never seen"],
    ["JFK", "LGA"],
    [1_357_016_400_000_000, 1_372_696_200_000_000],
)

ENCODING = Encoding(
    (
        Input("dep_delay"),
        Input("distance"),
        Input("carrier", "string"),
        Input("origin", "string"),
        Input("time_hour", "datetime"),
    ),
    (
        Number("dep_delay", "dep_delay"),
        Number("distance", "distance"),
        Category("carrier", "carrier", CARRIERS),
        Category("origin", "origin", ORIGINS),
        Cyclic("time_hour.hour", "time_hour", "hour", _HOURS),
    ),
)


def scoring() -> Scoring:
    """Return made-up numbers."""
    rng, width = np.random.default_rng(1), ENCODING.width
    centers = tuple(tuple(row) for row in rng.normal(size=(CLUSTERS, width)).tolist())
    labels = tuple(f"C{i + 1}" for i in range(CLUSTERS))
    zeros, ones = (0.0,) * width, (1.0,) * width
    return Scoring(ENCODING.names, zeros, zeros, ones, centers, labels, ones, ENCODING)


def files() -> dict[str, bytes]:
    """Return the files of the version's artifact."""
    numbers = scoring()
    clusters, distances = Assigner(numbers).assign(ENCODING.rows(_COLUMNS))
    types = tuple(each.type for each in ENCODING.inputs)
    rows = rows_of([list(row) for row in zip(*_COLUMNS, strict=True)], types)
    names = tuple(each.name for each in ENCODING.inputs)
    return {
        SCORING_FILE: numbers.to_json(),
        STATISTICS_FILE: statistics_to_json([_statistics(i, label) for i, label in enumerate(numbers.labels)]),
        GOLDEN_FILE: Golden(names, rows, clusters, distances, types).to_json(),
    }


def _statistics(cluster: int, label: str) -> ClusterStatistics:
    numbers = dict.fromkeys(("dep_delay", "distance"), FeatureStatistics(0.0, 1.0, -1.0, 1.0, 0))
    categories = {
        "carrier": CategoryStatistics(dict.fromkeys(CARRIERS, 1 / len(CARRIERS)), 0.0, 0),
        "origin": CategoryStatistics(dict.fromkeys(ORIGINS, 1 / len(ORIGINS)), 0.0, 0),
    }
    times = {"time_hour.hour": TimeStatistics("hour", (1 / 24,) * 24, None, 0)}
    centroid = (0.0,) * ENCODING.width
    return ClusterStatistics(cluster, label, 10, 1 / CLUSTERS, centroid, numbers, categories, times)


def body() -> bytes:
    """Return a request of one row."""
    names = [each.name for each in ENCODING.inputs]
    *cells, time = (column[0] for column in _COLUMNS)
    return json.dumps({"dataframe_records": [dict(zip(names, [*cells, us_text(int(time))], strict=True))]}).encode()
