"""Typed rows of several versions are compared though each encodes them in its own way."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest

from contract.lineage import Lineage
from contract.model_version import statistics_from_json, statistics_to_json
from pipeline.train.kinds.clusters import drift, encode, own_units
from pipeline.train.kinds.clusters.assign import Sample
from pipeline.train.kinds.clusters.cells import Cells
from pipeline.train.kinds.clusters.evaluate import ClusterRows, statistics
from pipeline.train.kinds.clusters.fit_encoding import circle
from pipeline.train.kinds.clusters.predecessor import Predecessor
from pipeline.train.kinds.clusters.reference import Reference, keep_reference, make_reference, reference_key
from pipeline.train.kinds.clusters.typed_points import typed_points
from scoring.clock import Zone
from scoring.features import Encoding, Input
from scoring.forms import Category, Cyclic, Log, Number
from scoring.kmeans import Scoring
from tests.memory_store import MemoryStore

LINEAGE = Lineage(("C1", "C2"), (), 3, None, ())
HOUR_US = 3_600_000_000
INPUTS = (Input("x"), Input("c", "string"), Input("t", "datetime"))


def encoding(*values: str, flag: bool = False) -> Encoding:
    features = (Log("x.log", "x"), Category("c", "c", values, flag), Cyclic("t.hour", "t", "hour", circle("hour")))
    return Encoding(INPUTS, features)


def numbers(own: Encoding) -> Scoring:
    """Return two clusters: of small x, the first value and the morning, and of the opposites."""
    width = own.width
    centers = np.zeros((2, width))
    centers[0, :2], centers[1, 0], centers[1, 2] = (-1, 1), 1, 1
    centers[:, -2] = (1, -1)
    mean, std = (2.0, *[0.5] * (width - 3), 0.0, 0.0), (1.0, *[0.5] * (width - 1))
    factors = (1.0, *[0.5] * (width - 1))
    return Scoring(
        own.names, (0.0,) * width, mean, std, tuple(map(tuple, centers.tolist())), ("C1", "C2"), factors, own
    )


def cells(own: Encoding, count: int, names: tuple[str, ...], seed: int = 1) -> Cells:
    rng = np.random.default_rng(seed)
    rows = [
        [
            None if rng.random() < 0.1 else float(rng.normal()),
            None if rng.random() < 0.1 else names[int(rng.integers(len(names)))],
            None if rng.random() < 0.1 else int(rng.integers(0, 24)) * HOUR_US,
        ]
        for _ in range(count)
    ]
    return Cells.of_rows(own, rows)


def test_the_reference_keeps_cells_and_measures_versions_of_other_values() -> None:
    first, later = encoding("a", "b"), encoding("b", "new")
    sample = cells(first, 300, ("a", "b", "rare"))
    made = make_reference(numbers(first), sample.encoded(first), sample)
    kept = keep_reference(MemoryStore(), "r", made)
    assert kept.cells is not None and kept.cells.rows().tolist() == sample.rows().tolist()
    np.testing.assert_array_equal(kept.rows, made.rows)
    assert reference_key("m", first) == reference_key("m", later) != reference_key("m", encoding("a", flag=True))
    # `new` is an other one here, and so is what is another one there; all else stands where it stood.
    there, here = own_units.unscaled(numbers(later)), kept.unscaled(numbers(later))
    names = {name: place for place, name in enumerate(later.names)}
    expected: dict[str, Any] = {
        "x.log": there[:, names["x.log"]], "c=a": 0, "c=b": there[:, names["c=b"]],
        "c=other": there[:, names["c=new"]] + there[:, names["c=other"]],
    }  # fmt: skip
    for name, column in expected.items():
        np.testing.assert_allclose(here[:, first.names.index(name)], column)
    assert kept.score(numbers(later), kept.rows, kept.cells).keys() == kept.score(numbers(first), kept.rows).keys()
    # What does not vary in the fixed space has no place in it, and is no NaN.
    flat = dataclasses.replace(kept, std=(0.0, *kept.std[1:]))
    assert not flat.points(kept.rows)[:, 0].any() and np.isfinite(flat.points(kept.rows)).all()


def in_zone(zone: Zone) -> Encoding:
    time = Cyclic("t.hour", "t", "hour", circle("hour"), zone)
    return Encoding(INPUTS, (*encoding("a").features[:2], time))


def test_versions_of_other_zones_are_not_compared_and_a_zone_whose_table_aged_is_the_same() -> None:
    utc, york = encoding("a"), in_zone(Zone((), (-18_000,), "America/New_York"))
    later = in_zone(Zone((0,), (-18_000, -14_400), "America/New_York"))
    tokyo = in_zone(Zone((), (32_400,), "Asia/Tokyo"))
    assert york.declared == later.declared and len({utc.declared, york.declared, tokyo.declared}) == 3
    assert reference_key("m", york) == reference_key("m", later)
    assert len({reference_key("m", each) for each in (utc, york, tokyo)}) == 3
    # Keys of before, which were those of UTC, stay.
    assert all(len(feature) == 4 for feature in utc.declared)


@pytest.mark.parametrize(
    ("column", "cell"), [(0, "1"), (0, 10**400), (1, 5), (1, True), (2, "1970"), (2, 2**63), (2, 0.5)]
)
def test_a_reference_whose_cells_are_of_another_type_is_refused(column: int, cell: object) -> None:
    own = encoding("a", "b")
    sample = cells(own, 20, ("a", "b"))
    fields = json.loads(make_reference(numbers(own), sample.encoded(own), sample).to_json())
    fields["rows"][3][column] = cell
    with pytest.raises(ValueError, match=r"a cell of type|does not fit 64 bits"):
        Reference.from_json(json.dumps(fields).encode())


def test_a_profile_that_is_not_of_the_version_beside_it_is_refused() -> None:
    own = encoding("a", "b")
    found = drift.profile_of_cells(cells(own, 50, ("a", "b")))
    number, category, time = found.features["x.log"], found.categories["c"], found.times["t.hour"]
    wrong: list[dict[str, Any]] = [
        {"features": {}},
        {"features": {"x.log": drift.FeatureProfile(number.edges[:-1], number.shares)}},
        {"features": {"x.log": number, "more": number}},
        {"categories": {}},
        {"categories": {"c": drift.CategoryProfile(("a",), category.shares)}},
        {"categories": {"c": drift.CategoryProfile(category.values, category.shares[1:])}},
        {"times": {"t.hour": drift.TimeProfile(time.shares[1:])}},
        {"times": {"other": time}},
        {"categories": {"t.hour": category}, "times": {"c": time}},
    ]
    for fields in wrong:
        with pytest.raises(ValueError, match="profile"):
            Predecessor(1, numbers(own), LINEAGE, dataclasses.replace(found, **fields), (0.5, 0.5))
    assert Predecessor(1, numbers(own), LINEAGE, found, (0.5, 0.5)).profile is found
    with pytest.raises(ValueError, match="2 clusters, its lineage 2, its statistics 1"):
        Predecessor(1, numbers(own), LINEAGE, found, (1.0,))
    with pytest.raises(ValueError, match="2 clusters, its lineage 3, its statistics 2"):
        Predecessor(1, numbers(own), dataclasses.replace(LINEAGE, labels=("C1", "C2", "C3")), found, (0.5, 0.5))


def test_drift_is_told_by_value_hour_and_number_and_a_new_value_is_a_figure() -> None:
    own = encoding("a", "b")
    before = drift.Profile.from_json(drift.profile_of_cells(cells(own, 2_000, ("a", "b"))).to_json())
    assert sum(before.categories["c"].shares) == pytest.approx(1) and len(before.times["t.hour"].shares) == 25
    calm = drift.psi_of_cells(before, cells(own, 2_000, ("a", "b"), 2))
    assert calm.keys() == {"x.log", "c", "t.hour"} and max(calm.values()) < drift.MODERATE
    moved = cells(encoding("a", "new"), 2_000, ("a", "new"), 3)
    assert drift.psi_of_cells(before, moved)["c"] > drift.LARGE
    assert drift.other_shares(before, moved)["c"] == pytest.approx(0.45, abs=0.05)
    assert drift.other_shares(before, cells(own, 100, ("a", "b")))["c"] == 0


def test_statistics_tell_shares_and_the_mean_of_a_clock() -> None:
    own = encoding("a", "b")
    scoring = numbers(own)
    counts = {"c": {0: 6, 2: 1, encode.MISSING_CODE: 3}, "t.hour": {23: 5, 1: 5}}
    (told, empty) = statistics(
        [ClusterRows(10, 1.0, 1.0, {}, counts), ClusterRows(0, 0.0, 0.0, {}, {"c": {}, "t.hour": {}})], scoring
    )
    assert told.categories["c"].values == {"a": 0.6, "b": 0.0} and told.categories["c"].other == 0.1
    assert told.categories["c"].missing == 3 and told.times["t.hour"].shares[23] == 0.5
    sine, cosine = own_units.unscaled(scoring)[0, -2:]
    mean = told.times["t.hour"].mean
    assert mean is not None and mean == pytest.approx(math.atan2(sine, cosine) / math.tau * 24 % 24)
    # A logarithm's centroid is in the units of the number.
    assert told.centroid[0] == pytest.approx(math.expm1(own_units.unscaled(scoring)[0, 0]))
    assert empty.categories["c"].other == 0 and statistics_from_json(statistics_to_json([told, empty]), "") == [
        told,
        empty,
    ]
    plain = ClusterRows(1, 0.0, 0.0, {})
    numbers_alone = Scoring(("x",), (0.0,), (0.0,), (1.0,), ((0.0,),), ("C1",))
    assert b"format" not in statistics_to_json(statistics([plain], numbers_alone))


def test_hard_points_have_cells_that_nobody_has_seen_and_rows_between_centres() -> None:
    own = encoding("a", "b")
    scoring = numbers(own)
    points = typed_points(scoring, cells(own, 200, ("a", "b")))
    texts = set(points.column("c").tolist())
    assert {None, "", "__THIS__", "'", "\\"} <= texts and None in points.column("t").tolist()
    scaled = scoring.assigner().scale(points.encoded(own))
    one, other = (np.linalg.norm(scaled - np.array(center), axis=1) for center in scoring.centers)
    assert np.count_nonzero(np.abs(one - other) < 1e-9) >= 3


def test_a_sample_goes_with_its_cells() -> None:
    own, later = encoding("a", "b"), encoding("b", "new")
    kept = cells(own, 20, ("a", "b", "new"))
    n = np.arange(20)
    rows = kept.encoded(own)
    sample = Sample(rows, n.astype(np.int32), rows[:, 0], n.astype(np.int32) * 0, n, cells=kept)
    assert sample.encoded(own) is rows and sample.encoded(later).shape == (20, later.width)
    assert np.array_equal(sample.encoded(later), kept.encoded(later), equal_nan=True)
    assert Cells.of_table(own, kept.table()).rows().tolist() == kept.rows().tolist()


def test_values_are_bytes_in_sql() -> None:
    hostile = "'; DROP TABLE x; -- \\ __THIS__ é"
    assert encode.literal(hostile) == f"CAST(X'{hostile.encode().hex()}' AS STRING)"
    assert [encode.literal(value) for value in (True, -5, "")] == [
        "TRUE",
        "CAST('-5' AS BIGINT)",
        "CAST(X'' AS STRING)",
    ]
    assert Number("x", "x").columns == ("x",)
