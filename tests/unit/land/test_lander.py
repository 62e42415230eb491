"""What a writer was given and could not land is read again, never taken for a gap; what it holds is bounded."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import Future

import numpy as np
import pyarrow as pa
import pytest

from contract.stream import Cut, Stream
from pipeline.land import batches, lanes, sealing
from pipeline.land.chain import Writer
from pipeline.land.land_again import LandingAgain
from pipeline.land.lander import Lander
from pipeline.land.lanes import PART_BYTES
from pipeline.land.open_part import ROW_GROUP_BYTES, OpenPart
from pipeline.land.parse import Parsed, RecordParser
from pipeline.land.start import begin_or_read
from pipeline.land.stretch import Fetched, Stretch
from pipeline.land.verify import verify_stream
from tests.memory_store import MemoryStore
from tests.property.test_chain_model import STREAM

PARSER = RecordParser(STREAM)


class Offsets:
    """A topic of two lanes, all of whose records were read."""

    def high_watermarks(self, asked: Iterable[int]) -> dict[int, int]:
        return dict.fromkeys(asked, 0)

    def first_offsets_since(self, asked: Iterable[int], timestamp_ms: int) -> dict[int, int]:
        return {}


def _lander(store: MemoryStore, name: str, cut: Cut) -> Lander:
    start = begin_or_read(store, "model", "model", "id", {0: 0, 1: 0})
    return Lander(STREAM, cut, store=store, writer=Writer(name, "id"), start=start, partitions=2, topic=Offsets())


def fetched(
    lane: int, first: int, values: list[bytes], stream: Stream = STREAM, *, position: int | None = None
) -> Fetched:
    parsed: Future[Parsed] = Future()
    parsed.set_result((PARSER if stream is STREAM else RecordParser(stream)).parse(values))
    offsets = np.arange(first, first + len(values))
    at = first if position is None else position
    return Fetched(lane, 1, at, values, [None] * len(values), offsets, offsets * 10, parsed)


def _records(first: int, count: int) -> list[bytes]:
    return [b'{"n":%d}' % n for n in range(first, first + count)]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "GRACE_S", 0.0)
    monkeypatch.setattr(sealing, "LOOK_S", 0.0)
    monkeypatch.setattr(lanes, "REST_S", 0.0)


def test_a_lane_loses_nothing_when_another_lane_of_the_cut_was_landed_by_somebody_else() -> None:
    store = MemoryStore()
    stalled, faster = _lander(store, "stalled", Cut(rows=5)), _lander(store, "faster", Cut(rows=5))
    for lane in (0, 1):
        stalled.own(lane, 1)
    stalled.begin(2)
    stalled.take(fetched(1, 0, _records(100, 2)))
    faster.own(1, 1)
    faster.begin(2)
    faster.take(fetched(1, 0, _records(100, 3)))
    faster.reach_end(1, 1, 3, 3)
    faster.land_tail()
    # The cut falls inside this fetch, and lands lane 1 too, where the other writer has been.
    stalled.take(fetched(0, 0, _records(0, 8)))
    stalled.take(fetched(0, 8, _records(8, 4)))
    stalled.reach_end(0, 1, 12, 12)
    assert stalled.land_tail()
    proof = verify_stream(store, "model")
    assert proof.problems == []
    assert {lane: (found.rows, found.gap_records) for lane, found in proof.lanes.items()} == {0: (12, 0), 1: (3, 0)}


@pytest.mark.parametrize("position", [4, 7])
def test_what_does_not_continue_the_lane_is_read_again(position: int) -> None:
    lander = _lander(MemoryStore(), "one", Cut(rows=100))
    lander.own(0, 1)
    lander.begin(1)
    lander.take(fetched(0, 0, _records(0, 5)))
    lander.take(fetched(0, position, _records(position, 3), position=position))
    (moved,) = lander.moved
    assert (moved.lane, moved.next_offset, moved.seek_epoch) == (0, 0, 2)
    assert lander.open_rows == 0


@pytest.mark.parametrize("cut", [Cut(max_age=0.1), Cut(idle=0.1), Cut(window=0.1)], ids=["max_age", "idle", "window"])
def test_rejects_without_a_row_behind_them_are_landed(cut: Cut) -> None:
    store = MemoryStore()
    lander = _lander(store, "one", cut)
    for lane in (0, 1):
        lander.own(lane, 1)
        lander.reach_end(lane, 1, 0, 0)
    lander.begin(2)
    lander.take(fetched(0, 0, [b"poison"]))
    lander.reach_end(0, 1, 1, 1)
    deadline = time.monotonic() + 10
    while not lander.landed.rejected and time.monotonic() < deadline:
        lander.tick()
        time.sleep(0.01)
    assert lander.landed.rejected == 1 and lander.landed.batches.total() == 0
    lander.tick()
    # A row that comes later begins its own batch: it is not cut for the age of the reject.
    lander.take(fetched(0, 1, _records(1, 1)))
    assert lander.landed.rows == 0
    proof = verify_stream(store, "model")
    assert proof.problems == [] and proof.lanes[0].rejected == 1


def test_a_window_is_sealed_beside_a_lane_that_has_landed_nothing_but_rejects() -> None:
    store = MemoryStore()
    lander = _lander(store, "one", Cut(window=0.1))
    for lane in (0, 1):
        lander.own(lane, 1)
    lander.begin(2)
    lander.take(fetched(0, 0, [b"poison"]))
    lander.reach_end(0, 1, 1, 1)
    lander.tick()
    lander.take(fetched(1, 0, _records(0, 30)))
    lander.reach_end(1, 1, 30, 30)
    lander.land_tail()
    proof = verify_stream(store, "model")
    assert proof.problems == [] and [batch.rows for batch in proof.batches] == [10, 10, 10]
    assert proof.lanes[0].rejected == 1


def test_the_age_of_what_was_landed_again_cuts_its_own_batch_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_LOOK_AGAIN_S", 0.0)
    store = MemoryStore()
    lander = _lander(store, "one", Cut(max_age=0.2))
    lander.own(0, 1)
    lander.begin(1)
    lander.take(fetched(0, 0, [b'{"n":1,"pad":"%s"}' % (b"x" * 2_000_000), b"poison"]))
    lander.land_tail()
    longer = STREAM.model_copy(update={"rejects": STREAM.rejects.model_copy(update={"max_record_bytes": 3_000_000})})
    assert LandingAgain(store, longer, Writer("person", "id")).run().rows == 1
    deadline = time.monotonic() + 10
    while not lander.landed.batches and time.monotonic() < deadline:
        lander.tick()
        time.sleep(0.01)
    assert lander.landed.batches == {"max_age": 1}
    # The next row begins its own batch: it is not cut for the age of what has left.
    lander.take(fetched(0, 2, _records(2, 1)))
    lander.tick()
    assert lander.open_rows == 1
    assert verify_stream(store, "model").problems == []


def test_large_rows_are_encoded_before_they_fill_the_memory() -> None:
    schema = pa.schema([("s", pa.string())])
    part = OpenPart(0, 0, 0, schema)
    rng = np.random.default_rng(1)
    held = 0
    for first in range(0, 200, 10):
        texts = [rng.integers(32, 127, 900_000, dtype=np.uint8).tobytes().decode() for _ in range(10)]
        offsets = np.arange(first, first + 10)
        sizes = np.full(10, 900_000)
        part.add(Stretch(pa.table({"s": texts}), offsets, offsets, sizes, (), (), first, first + 10))
        held += 10 * 900_000
        assert part.encoded_bytes >= held // 2
        assert sum(table.nbytes for table in part._waiting) < ROW_GROUP_BYTES
        if part.encoded_bytes >= PART_BYTES:
            break
    assert part.encoded_bytes >= PART_BYTES
