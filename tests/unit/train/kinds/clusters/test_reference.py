"""The reference sample: kept once, the same space for all versions; and the rows of one batch among several."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from contract.batch import Lane, Manifest, Part, seal
from contract.errors import ChainError
from pipeline.train.kinds.clusters.assign import Sample
from pipeline.train.kinds.clusters.reference import (
    REFERENCE_ROWS,
    Reference,
    keep_reference,
    make_reference,
    reference_key,
)
from scoring.features import Encoding
from scoring.kmeans import Assigner, Floats, Scoring
from tests.memory_store import MemoryStore

SCORING = Scoring(
    ("a", "b"), (1.0, 2.0), (10.0, -5.0), (2.0, 4.0), ((0.0, 0.0), (3.0, 3.0), (-4.0, 1.0)), ("C1", "C2", "C3")
)


def rows(count: int, seed: int = 1) -> Floats:
    """Return rows [n, 2] around the centres of SCORING, some values missing."""
    rng = np.random.default_rng(seed)
    points = np.array(SCORING.centers)[rng.integers(0, 3, count)] + rng.normal(size=(count, 2)) * 0.3
    found: Floats = points * np.array(SCORING.std) + np.array(SCORING.mean)
    found[rng.random(found.shape) < 0.05] = np.nan
    return found


def test_it_is_kept_once_and_read_back_exactly() -> None:
    store = MemoryStore()
    first = keep_reference(store, "r", make_reference(SCORING, rows(7_000)))
    assert first.rows.shape == (REFERENCE_ROWS, 2) and np.isnan(first.rows).any()
    again = keep_reference(store, "r", make_reference(SCORING, rows(7_000, seed=2)))
    np.testing.assert_array_equal(again.rows, first.rows)
    assert (again.mean, again.std, again.surrogates) == (SCORING.mean, SCORING.std, SCORING.surrogates)


def test_other_features_have_another_one() -> None:
    assert reference_key("m", Encoding.plain(("a", "b"))) != reference_key("m", Encoding.plain(("b", "a")))


def test_what_is_no_reference_stops_the_line() -> None:
    store = MemoryStore()
    store.put("r", b"{}")
    with pytest.raises(ChainError, match="r in bucket"):
        keep_reference(store, "r", make_reference(SCORING, rows(10)))


@pytest.mark.parametrize(
    "edit",
    [
        lambda fields: fields["rows"][0].__setitem__(0, 10**400),
        lambda fields: fields["rows"][0].__setitem__(0, "1"),
        lambda fields: fields["rows"][0].__setitem__(0, True),
        lambda fields: fields["rows"][0].append(1.0),
        lambda fields: [row.append(1.0) for row in fields["rows"]],
        lambda fields: fields["rows"].clear(),
        lambda fields: fields.update(rows=5),
        lambda fields: fields.update(mean=[]),
        lambda fields: fields.update(std=[1.0, None]),
        lambda fields: fields.update(surrogates=["1", "2"]),
        lambda fields: fields.update(factors=[1.0]),
        lambda fields: fields.update(features=[1, 2]),
        lambda fields: fields.update(features=[]),
        lambda fields: fields.update(format=[]),
        lambda fields: fields.update(encoding=[]),
        lambda fields: fields.update(encoding=Encoding.plain(("b", "a")).to_fields()),
    ],
)
def test_a_body_that_was_edited_stops_the_line(edit: Callable[[dict[str, Any]], object]) -> None:
    fields = json.loads(make_reference(SCORING, rows(10)).to_json())
    edit(fields)
    store = MemoryStore()
    store.put("r", json.dumps(fields).encode())
    with pytest.raises(ChainError, match="r in bucket"):
        keep_reference(store, "r", make_reference(SCORING, rows(10)))


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"format":' * 100_000, b"[]", b"\xff", b"7"])
def test_a_body_that_is_nothing_of_the_kind_stops_the_line(body: bytes) -> None:
    store = MemoryStore()
    store.put("r", body)
    with pytest.raises(ChainError, match="r in bucket"):
        keep_reference(store, "r", make_reference(SCORING, rows(10)))


def test_two_versions_are_measured_in_one_space() -> None:
    """The same clustering in the units of another scaler has the same centres and the same quality."""
    reference = make_reference(SCORING, rows(2_000))
    mean, std = np.array([7.0, 1.0]), np.array([5.0, 0.5])
    centers = (np.array(SCORING.centers) * np.array(SCORING.std) + np.array(SCORING.mean) - mean) / std
    other = Scoring(
        SCORING.features, SCORING.surrogates, (7.0, 1.0), (5.0, 0.5), tuple(map(tuple, centers)), SCORING.labels
    )
    np.testing.assert_allclose(reference.centers(other), reference.centers(SCORING), atol=1e-12)
    np.testing.assert_allclose(reference.centers(SCORING), SCORING.centers, atol=1e-12)
    own = reference.score(SCORING, reference.rows)
    clusters, distances = Assigner(SCORING).assign(reference.rows)
    assert own["wssse_per_row"] == pytest.approx(float((distances**2).mean()))
    assert own["silhouette"] > 0.8 and own["min_cluster_share"] == np.bincount(clusters).min() / 2_000
    # The other one divides a plane otherwise: it may only be worse.
    assert reference.score(other, reference.rows)["wssse_per_row"] >= own["wssse_per_row"]


def manifest(batch: int, *spans: tuple[int, int, int]) -> Manifest:
    """Return a batch of (lane, first offset, next offset)."""
    lanes = []
    for lane, first, after in spans:
        part = Part(
            key="k", etag="e", bytes=1, sequence=0, first_offset=first, next_offset=after, rows=after - first,
            value_bytes=1, gap_records=0, rejects=None, min_timestamp_ms=0, max_timestamp_ms=1, window=None,
            late_rows=0, cut="rows", topic_id="t", writer="w",
        )  # fmt: skip
        lanes.append(Lane(lane, first, after, 1, (part,)))
    return seal(
        stream="s", batch=batch, topic="t", topic_id="t", cut="rows", window=None, sealed_at_ms=0, writer="w",
        lanes=lanes,
    )  # fmt: skip


def test_the_rows_of_one_batch_are_found_among_those_of_several() -> None:
    partitions = np.array([0, 0, 0, 1, 1, 2], np.int32)
    offsets = np.array([0, 1, 2, 0, 1, 0], np.int64)
    values = np.arange(12.0).reshape(6, 2)
    sample = Sample(values, partitions * 0, values[:, 0], partitions, offsets)
    found = sample.of(manifest(2, (0, 1, 3), (1, 1, 5)))
    assert list(zip(found.partitions.tolist(), found.offsets.tolist(), strict=True)) == [(0, 1), (0, 2), (1, 1)]
    assert found.rows.tolist() == values[[1, 2, 4]].tolist() and len(found.clusters) == len(found.distances) == 3
    assert sample.of(manifest(1, (0, 0, 3), (1, 0, 2), (2, 0, 1))) is sample


def test_a_body_of_another_format_is_refused() -> None:
    body = make_reference(SCORING, rows(10)).to_json().replace(b'"format": 1', b'"format": 3')
    with pytest.raises(ValueError, match="its format is neither 1 nor 2"):
        Reference.from_json(body)
