"""Manifests survive the way to the object store and back, and what is no manifest is refused."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from contract.batch import Lane, Manifest, Part, Rejects, as_sealed, manifest_from_json, manifest_to_json, seal
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


def _format_1() -> dict[str, Any]:
    """Return a manifest as the first format holds it, byte for byte but for the white space."""
    fields: dict[str, Any] = json.loads(
        """{"format": 1, "stream": "s", "batch": 1, "topic": "s", "topic_id": "t", "cut": "rows", "window": null,
        "rows": 4, "rejected": 2, "gap_records": 1, "min_timestamp_ms": 1, "max_timestamp_ms": 9, "sealed_at_ms": 3,
        "writer": "w", "lanes": [{"lane": 0, "first_offset": 5, "next_offset": 12, "next_sequence": 1, "parts": [
        {"key": "s/lane=0/00000000.parquet", "etag": "e", "bytes": 10, "sequence": 0, "first_offset": 5,
        "next_offset": 12, "rows": 4, "value_bytes": 400, "gap_records": 1, "rejects": {"key": "r", "etag": "e2",
        "rows": 2}, "min_timestamp_ms": 1, "max_timestamp_ms": 9, "window": null, "late_rows": 0, "cut": "rows",
        "topic_id": "t", "writer": "w"}]}, {"lane": 1, "first_offset": 0, "next_offset": 0, "next_sequence": 0,
        "parts": []}]}"""
    )
    return fields


def test_a_manifest_of_the_first_format_is_read() -> None:
    assert manifest_from_json(json.dumps(_format_1()).encode(), "k") == dataclasses.replace(_manifest(), format=1)


def test_a_manifest_of_the_second_format_is_read_and_knows_nothing_of_skipped_records() -> None:
    fields = json.loads(manifest_to_json(dataclasses.replace(_manifest(), format=2)))
    part = fields["lanes"][0]["parts"][0]
    for held, later in ((fields, ["skipped"]), (part, ["skipped", "deletes"])):
        for name in later:
            del held[name]
    assert manifest_from_json(json.dumps(fields).encode(), "k") == dataclasses.replace(_manifest(), format=2)
    for held, name in ((fields, "skipped"), (part, "deletes")):
        held[name] = 0
        with pytest.raises(ChainError, match=f"format 2 has no field '{name}'"):
            manifest_from_json(json.dumps(fields).encode(), "k")
        del held[name]


def test_a_part_is_told_as_its_manifest_could() -> None:
    landed = dataclasses.replace(_manifest().parts[0], skipped=3, deletes=1, early_rows=2)
    assert as_sealed(landed, 3) == landed
    assert as_sealed(landed, 2) == dataclasses.replace(landed, skipped=0, deletes=0)
    assert as_sealed(landed, 1) == dataclasses.replace(landed, skipped=0, deletes=0, early_rows=0)


def _later_fields(kind: type[Manifest | Lane | Part]) -> list[str]:
    known = {Manifest: _format_1(), Lane: _format_1()["lanes"][0], Part: _format_1()["lanes"][0]["parts"][0]}[kind]
    return [field.name for field in dataclasses.fields(kind) if field.name not in known]


@pytest.mark.parametrize("kind", [Manifest, Lane, Part])
def test_what_came_later_has_a_default_and_is_not_in_the_first_format(
    kind: type[Manifest | Lane | Part],
) -> None:
    for name in [*_later_fields(kind), "unheard_of"]:
        fields = _format_1()
        place = {Manifest: fields, Lane: fields["lanes"][0], Part: fields["lanes"][0]["parts"][0]}[kind]
        place[name] = 0
        with pytest.raises(ChainError, match=f"format 1 has no field '{name}'"):
            manifest_from_json(json.dumps(fields).encode(), "k")


@pytest.mark.parametrize("number", [0, 4, "2", None])
def test_an_unknown_format_is_refused_with_a_word(number: object) -> None:
    with pytest.raises(ChainError, match="use the version that wrote it"):
        manifest_from_json(json.dumps({**_format_1(), "format": number}).encode(), "k")


@pytest.mark.parametrize("body", [b"", b"null", b"{}", b'{"format": 99}', b"[1]", b"\xff", b"[" * 100_000])
def test_what_is_no_manifest_is_refused(body: bytes) -> None:
    with pytest.raises(ChainError, match="not a batch manifest"):
        manifest_from_json(body, "k")
