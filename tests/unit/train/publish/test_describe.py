"""What a version says of its batch, however many partitions that has."""

from __future__ import annotations

import json

import pytest

from contract.batch import Lane, Manifest, Part, seal
from contract.errors import ModelArtifactError
from contract.version_facts import facts_from_json, facts_to_json
from pipeline.train.mlflow_client.limits import REGISTRY_CHARS
from pipeline.train.publish import describe


def manifest(lanes: int) -> Manifest:
    held = []
    for lane in range(lanes):
        part = Part(
            key=f"s/lane={lane}/0.parquet", etag="e", bytes=1, sequence=0, first_offset=10**12, next_offset=10**12 + 5,
            rows=5, value_bytes=5, gap_records=0, rejects=None, min_timestamp_ms=0, max_timestamp_ms=86_400_000,
            window=None, late_rows=0, cut="rows", topic_id="t", writer="w",
        )  # fmt: skip
        held.append(Lane(lane, 10**12, 10**12 + 5, 1, (part,)))
    return seal(
        stream="s", batch=1, topic="s", topic_id="t", cut="rows", window=None, sealed_at_ms=0, writer="w", lanes=held
    )


@pytest.mark.parametrize("lanes", [1, 48, 1_000])
def test_offsets_of_any_number_of_partitions_are_whole_in_the_artifact(lanes: int) -> None:
    facts = describe.batch_facts([manifest(lanes)], (1_000, 2_500))
    assert facts_from_json(facts_to_json(facts), "") == facts
    assert facts.offsets is not None and len(facts.offsets) == lanes
    assert facts.event_window == "1970-01-01T00:00:01.000Z/1970-01-01T00:00:02.500Z"
    tags = describe.tags_of_facts(facts)
    assert all(len(value) <= REGISTRY_CHARS for value in tags.values())
    assert ("offsets" in tags) == (len(json.dumps(facts.offsets)) <= REGISTRY_CHARS)
    told = describe.version_description([manifest(lanes)], "b", "http://run", "http://route", ["."])
    assert len(told) < 1_500
    assert ("988 more" in told) == (lanes == 1_000)


def test_times_that_no_calendar_has_are_told_as_numbers() -> None:
    facts = describe.batch_facts([manifest(1)], (0, 10**17))
    assert facts.event_window == "1970-01-01T00:00:00.000Z/100000000000000000 ms"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"format": 2}', b'{"format": 1}', b'{"format": 1, "offsets": {"a": 1}}']
)
def test_what_are_no_facts_is_said(body: bytes) -> None:
    with pytest.raises(ModelArtifactError, match="version 3"):
        facts_from_json(body, "version 3")


def test_what_would_be_an_empty_chart_is_not_logged() -> None:
    metrics = {"missing_share/a": 0.0, "missing_share/b": 0.5, "identity/split": 0.0, "silhouette": 0.0}
    assert describe.charted(metrics) == {"missing_share/b": 0.5, "silhouette": 0.0}
