"""What is skipped is counted wherever offsets are, is no sign of a broken schema, and keeps a part's footer small."""

from __future__ import annotations

import dataclasses
import json
from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest

from contract.batch import FOOTER_KEY, Manifest, manifest_from_json, manifest_key
from contract.stream import Stream, parse_stream
from contract.stream_sections import Cut
from pipeline.land import open_part, sealing
from pipeline.land.chain import Writer
from pipeline.land.chain_start import begin_or_read
from pipeline.land.fetched_records import FetchedRecords
from pipeline.land.formats.format import ParsedValues
from pipeline.land.formats.whole_records import WholeRecords
from pipeline.land.land_again import LandingAgain
from pipeline.land.lander import Lander
from pipeline.land.parsed_records import stretches
from pipeline.land.verify import verify_stream
from pipeline.parquet_bytes import parquet_file
from pipeline.record_headers import UNREADABLE, Headers
from tests.chunks import chunk
from tests.memory_store import MemoryStore
from tests.property.test_chain_model import STREAM
from tests.unit.land.test_lander import Offsets

WRITER = Writer("w", "id")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "GRACE_S", 0.0)


def _taken(
    values: list[bytes | None], of: Stream = STREAM, cut: Cut | None = None, headers: list[Headers] | None = None
) -> tuple[MemoryStore, Lander]:
    store = MemoryStore()
    start = begin_or_read(store, "model", "model", "id", {0: 0})
    lander = Lander(of, cut or Cut(rows=4), store=store, writer=WRITER, start=start, partitions=1, topic=Offsets())
    lander.own(0, 1)
    lander.begin(1)
    records = chunk(values, keys=[b"k"] * len(values), headers=headers)
    parsed: Future[ParsedValues] = Future()
    parsed.set_result(WholeRecords(of).parse(records))
    lander.take(FetchedRecords(0, 1, 0, records, np.arange(len(values)), parsed))
    while not lander.land_tail():
        pass
    return store, lander


@pytest.mark.parametrize(
    ("deletes", "said"), [([1], ""), ([0, 1, 1], "3 deletes are more than the 2 records that were skipped")]
)
def test_deletes_are_of_the_skipped(deletes: list[int], said: str) -> None:
    store = MemoryStore()
    start = begin_or_read(store, "model", "model", "id", {0: 0})
    lander = Lander(STREAM, Cut(rows=1), store=store, writer=WRITER, start=start, partitions=1, topic=Offsets())
    lander.own(0, 1)
    lander.begin(1)
    records = chunk([None, None, b'{"n":1}'], keys=[b"k"] * 3)
    found = WholeRecords(STREAM).parse(records)
    parsed: Future[ParsedValues] = Future()
    parsed.set_result(dataclasses.replace(found, deletes=np.array(deletes)))
    lander.take(FetchedRecords(0, 1, 0, records, np.arange(3), parsed))
    proof = verify_stream(store, "model")
    assert [batch.deletes for batch in proof.batches] == [len(deletes)]
    assert [problem.partition(": ")[2] for problem in proof.problems] == ([said] if said else [])


def _manifest(store: MemoryStore, batch: int) -> Manifest:
    body = store.get(manifest_key("model", batch))
    assert body is not None
    return manifest_from_json(body[0], "k")


ROWS: list[bytes | None] = [b'{"n":1}', None, None, b'{"n":2}', b"poison", None, b'{"n":3}', b'{"n":4}', None,
                            b'{"n":5}', None]  # fmt: skip


def test_skipped_records_are_in_parts_manifests_footers_and_the_proof() -> None:
    store, lander = _taken(ROWS)
    first, last = (_manifest(store, batch) for batch in (1, 2))
    assert (first.rows, first.rejected, first.gap_records, first.skipped) == (4, 1, 0, 3)
    assert (last.rows, last.skipped, last.format) == (1, 2, 3)
    (part,) = first.parts
    assert part.next_offset - part.first_offset == part.rows + part.rejected + part.gap_records + part.skipped
    stored = store.get(part.key)
    assert stored is not None
    footer = json.loads(parquet_file(stored[0]).metadata.metadata[FOOTER_KEY])
    assert (footer["skipped"], footer["skipped_records"]) == ([[1, 3], [5, 6]], "3")
    proof = verify_stream(store, "model")
    assert proof.problems == [] and [batch.skipped for batch in proof.batches] == [3, 2]
    assert (proof.lanes[0].rows, proof.lanes[0].rejected, proof.lanes[0].skipped) == (5, 1, 5)
    assert (lander.counts.skipped, lander.counts.rows, lander.counts.rejected) == (5, 5, 1)


def test_a_manifest_of_the_version_before_over_parts_that_skipped_is_verified() -> None:
    store, _ = _taken(ROWS)
    for batch in (1, 2):
        fields: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(_manifest(store, batch))))
        for held, later in ((fields, {"skipped"}), (fields["lanes"][0]["parts"][0], {"skipped", "deletes"})):
            for name in later:
                del held[name]
        store.put(manifest_key("model", batch), json.dumps({**fields, "format": 2}).encode())
    proof = verify_stream(store, "model")
    assert proof.problems == [] and proof.lanes[0].skipped == 5


@pytest.mark.parametrize(
    ("change", "said"), [({"skipped_records": "4"}, "skipped 3 is now 4"), ({"deletes": "1"}, "deletes 0 is now 1")]
)
def test_a_count_that_was_changed_is_found(change: dict[str, str], said: str) -> None:
    store, _ = _taken(ROWS)
    metadata = store._objects[_manifest(store, 1).parts[0].key][1]
    assert isinstance(metadata, dict)
    metadata.update(change)
    assert any("was altered" in problem and said in problem for problem in verify_stream(store, "model").problems)


def test_a_topic_of_tombstones_is_no_broken_schema_and_its_lane_goes_on() -> None:
    careful = STREAM.model_copy(
        update={"rejects": STREAM.rejects.model_copy(update={"max_share": 0.1, "min_records": 10})}
    )
    store, lander = _taken([None] * 5_000, careful)
    assert lander.counts.skipped == 5_000 and not lander.counts.rejected_all
    proof = verify_stream(store, "model")
    assert proof.problems == [] and (proof.lanes[0].next_offset, proof.batches) == (5_000, [])


def test_a_part_of_many_stretches_is_landed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_part, "MOST_STRETCHES", 10)
    store = MemoryStore()
    start = begin_or_read(store, "model", "model", "id", {0: 0})
    lander = Lander(STREAM, Cut(rows=1_000), store=store, writer=WRITER, start=start, partitions=1, topic=Offsets())
    lander.own(0, 1)
    lander.begin(1)
    for first in range(0, 60, 6):
        records = chunk([b'{"n":1}', None] * 3, keys=[b"k"] * 6)
        parsed: Future[ParsedValues] = Future()
        parsed.set_result(WholeRecords(STREAM).parse(records))
        lander.take(FetchedRecords(0, 1, first, records, np.arange(first, first + 6), parsed))
    assert lander.counts.parts == {"part_size": 2}
    assert verify_stream(store, "model").problems == []


def test_stretches_have_no_hole() -> None:
    assert stretches(np.array([], dtype=np.int64)) == []
    assert stretches(np.array([3])) == [(3, 4)]
    assert stretches(np.array([3, 4, 6, 8, 9])) == [(3, 5), (6, 7), (8, 10)]


def test_rejects_keep_their_headers_and_are_landed_again_whole() -> None:
    text = """
name: model
topic: model
columns:
  n: {{type: int64, required: true}}
  who: {{type: {of}, header: user}}
records: {{tombstones: {tombstones}}}
rejects: {{max_share: 1.0}}
cut: {{rows: 4}}
features: [n]
model: {{k: 2}}
"""
    first = parse_stream(text.format(of="int32", tombstones="reject"), "s.yaml")
    corrected = parse_stream(text.format(of="string", tombstones="skip"), "s.yaml")
    headers: list[Headers] = [[("user", b"7")], [("user", b"me"), ("raw", None)], [], UNREADABLE]
    store, lander = _taken([b'{"n":1}', b'{"n":2}', None, b'{"n":3}'], first, headers=headers)
    assert lander.counts.rejected == 3
    outcome = LandingAgain(store, corrected, WholeRecords(corrected), WRITER).run()
    # What the client could not tell is not known by now either.
    assert (outcome.rows, outcome.rejected, outcome.skipped) == (1, 2, 1)
    stored = store.get(outcome.landed[0].key)
    assert stored is not None
    assert parquet_file(stored[0]).read(["n", "who"]).to_pylist() == [{"n": 2, "who": "me"}]
    assert verify_stream(store, "model").problems == []
