"""Manifests survive the way to the object store and back, and what is no manifest is refused."""

from __future__ import annotations

import pytest

from contract.batch import Lane, Manifest, Part, Rejects, manifest_from_json, manifest_to_json, seal
from contract.errors import ChainError


def _manifest() -> Manifest:
    part = Part(
        key="s/lane=0/00000000.parquet", etag="e", bytes=10, sequence=0, first_offset=5, next_offset=12, rows=4,
        value_bytes=400, gap_records=1, rejects=Rejects("r", "e2", 2), min_timestamp_ms=1, max_timestamp_ms=9,
        window=None, late_rows=0, cut="rows", topic_id="t", writer="w",
    )  # fmt: skip
    lanes = [Lane(0, 5, 12, 1, (part,)), Lane(1, 0, 0, 0, ())]
    return seal(
        stream="s", batch=1, topic="s", topic_id="t", cut="rows", window=None, sealed_at_ms=3, writer="w", lanes=lanes
    )


def test_round_trip() -> None:
    assert manifest_from_json(manifest_to_json(_manifest()), "k") == _manifest()


def test_totals_and_offsets() -> None:
    manifest = _manifest()
    assert (manifest.rows, manifest.rejected, manifest.gap_records) == (4, 2, 1)
    assert manifest.offsets == {0: (5, 12)}


@pytest.mark.parametrize("body", [b"", b"null", b"{}", b'{"format": 99}', b"[1]", b"\xff"])
def test_what_is_no_manifest_is_refused(body: bytes) -> None:
    with pytest.raises(ChainError, match="not a batch manifest"):
        manifest_from_json(body, "k")
