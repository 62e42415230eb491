"""What a writer was given and could not land is read again, never taken for a gap; what it holds is bounded."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import Future

import numpy as np
import pyarrow as pa
import pytest

from contract.batch import manifest_from_json
from contract.stream import Stream
from contract.stream_sections import Cut
from pipeline.land import batches, open_part, owned_lane, sealing
from pipeline.land import lander as lander_module
from pipeline.land.chain import Chain, Writer
from pipeline.land.chain_start import begin_or_read
from pipeline.land.fetched_records import FetchedRecords
from pipeline.land.foreign_lanes import LaneOffsets
from pipeline.land.formats.format import ParsedValues
from pipeline.land.formats.whole_records import WholeRecords
from pipeline.land.land_again import LandingAgain
from pipeline.land.lander import Lander
from pipeline.land.lane_clock import LaneClock
from pipeline.land.open_part import PART_BYTES, ROW_GROUP_BYTES, OpenPart
from pipeline.land.parsed_records import ParsedRecords
from pipeline.land.verify import verify_stream
from tests.chunks import chunk
from tests.memory_store import MemoryStore
from tests.property.test_chain_model import STREAM, FakeTime

PARSER = WholeRecords(STREAM)


class Offsets:
    """A topic of a few lanes, all of whose records were read."""

    def high_watermarks(self, asked: Iterable[int]) -> dict[int, int]:
        return dict.fromkeys(asked, 0)

    def first_offsets_since(self, asked: Iterable[int], timestamp_ms: int) -> dict[int, int]:
        return {}


def _lander(store: MemoryStore, name: str, cut: Cut, lanes: int = 2, topic: LaneOffsets | None = None) -> Lander:
    start = begin_or_read(store, "model", "model", "id", dict.fromkeys(range(lanes), 0))
    return Lander(
        STREAM, cut, store=store, writer=Writer(name, "id"), start=start, partitions=lanes, topic=topic or Offsets()
    )


def fetched(
    lane: int, first: int, values: list[bytes], stream: Stream = STREAM, *, position: int | None = None
) -> FetchedRecords:
    offsets = np.arange(first, first + len(values))
    records = chunk(values, times_ms=offsets * 10)
    parsed: Future[ParsedValues] = Future()
    parsed.set_result((PARSER if stream is STREAM else WholeRecords(stream)).parse(records))
    at = first if position is None else position
    return FetchedRecords(lane, 1, at, records, offsets, parsed)


def _records(first: int, count: int) -> list[bytes]:
    return [b'{"n":%d}' % n for n in range(first, first + count)]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "GRACE_S", 0.0)
    monkeypatch.setattr(sealing, "LOOK_S", 0.0)
    monkeypatch.setattr(owned_lane, "REST_S", 0.0)


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
    (moved,) = lander.chain_ends
    assert (moved.lane, moved.next_offset, moved.seek_epoch) == (0, 0, 2)
    assert lander.lanes.open_rows == 0


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
    while not lander.counts.rejected and time.monotonic() < deadline:
        lander.tick()
        time.sleep(0.01)
    assert lander.counts.rejected == 1 and lander.counts.batches.total() == 0
    lander.tick()
    # A row that comes later begins its own batch: it is not cut for the age of the reject.
    lander.take(fetched(0, 1, _records(1, 1)))
    assert lander.counts.rows == 0
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
    assert LandingAgain(store, longer, WholeRecords(longer), Writer("person", "id")).run().rows == 1
    deadline = time.monotonic() + 10
    while not lander.counts.batches and time.monotonic() < deadline:
        lander.tick()
        time.sleep(0.01)
    assert lander.counts.batches == {"max_age": 1}
    # The next row begins its own batch: it is not cut for the age of what has left.
    lander.take(fetched(0, 2, _records(2, 1)))
    lander.tick()
    assert lander.lanes.open_rows == 1
    assert verify_stream(store, "model").problems == []


def test_large_rows_are_encoded_before_they_fill_the_memory() -> None:
    schema = pa.schema([("s", pa.string())])
    part = OpenPart(0, 0, 0, schema, LaneClock())
    rng = np.random.default_rng(1)
    held = 0
    for first in range(0, 200, 10):
        texts = [rng.integers(32, 127, 900_000, dtype=np.uint8).tobytes().decode() for _ in range(10)]
        offsets = np.arange(first, first + 10)
        sizes = np.full(10, 900_000)
        part.add(ParsedRecords(pa.table({"s": texts}), offsets, offsets, offsets, sizes, (), (), first, first + 10))
        held += 10 * 900_000
        assert part.encoded_bytes >= held // 2
        assert sum(table.nbytes for table in part._waiting) < ROW_GROUP_BYTES
        if part.encoded_bytes >= PART_BYTES:
            break
    assert part.encoded_bytes >= PART_BYTES


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    clock = FakeTime()
    for module in (batches, lander_module, open_part, owned_lane, sealing):
        monkeypatch.setattr(module, "time", clock)
    return clock


def test_a_member_that_was_stopped_follows_what_was_landed_and_sealed_meanwhile(
    monkeypatch: pytest.MonkeyPatch, clock: FakeTime
) -> None:
    monkeypatch.setattr(sealing, "GRACE_S", 2.0)
    store, cut = MemoryStore(), Cut(rows=30, max_age=1)
    stopped, winner, third = (_lander(store, name, cut, 3) for name in ("stopped", "winner", "third"))
    winner.own(0, 1), stopped.own(1, 1), third.own(2, 1)
    for member in (stopped, winner, third):
        member.begin(3)

    def give(member: Lander, lane: int, first: int, count: int) -> None:
        member.take(fetched(lane, first, _records(lane * 1000 + first, count)))
        member.tick()

    # The winner's row is cut by age; the other one lands what it has too, and gets more while the batch is waited for.
    give(stopped, 1, 0, 3)
    give(winner, 0, 0, 3)
    clock.now_s += 1.1
    winner.tick()
    stopped.tick()
    give(stopped, 1, 3, 3)
    # It is stopped: its lane is landed and sealed by the winner.
    clock.now_s += 2.2
    winner.tick()
    winner.own(1, 1)
    give(winner, 1, 3, 40)
    give(winner, 1, 43, 40)
    give(winner, 0, 3, 60)
    # A part that was cut by age waits for its batch when it wakes up.
    give(third, 2, 0, 1)
    clock.now_s += 1.1
    third.tick()
    stopped.tick()
    assert stopped.counts.adopted == 1
    clock.now_s += 2.1
    while not (third.land_tail() and winner.land_tail()):
        clock.now_s += 2.1
    proof = verify_stream(store, "model")
    assert proof.problems == []
    assert {lane: found.rows for lane, found in proof.lanes.items()} == {0: 63, 1: 83, 2: 1}


def test_a_window_stays_sealed_behind_a_batch_that_age_cut_and_its_late_rows_are_counted(clock: FakeTime) -> None:
    store, cut = MemoryStore(), Cut(window=0.1, max_age=1)
    one = _lander(store, "one", cut, 1)
    one.own(0, 1)
    one.begin(1)
    # Ten rows a window: the first is sealed, age cuts the second, and two rows of the first come.
    one.take(fetched(0, 0, _records(0, 15)))
    one.tick()
    clock.now_s += 1.1
    one.tick()
    late = fetched(0, 15, _records(15, 2))
    late.chunk.timestamps_ms[:] = 5
    # The next member has only what is stored.
    other = _lander(store, "other", cut, 1)
    other.own(0, 1)
    other.begin(1)
    other.take(late)
    other.take(fetched(0, 17, _records(17, 20)))
    other.tick()
    assert other.counts.late_rows == 2
    stored = [(key, body) for key, (body, _) in sorted(store._objects.items()) if "/_batches/" in key]
    found = [manifest_from_json(body, key) for key, body in stored]
    assert [(batch.window, batch.rows, batch.cut) for batch in found][:3] == [
        (0, 10, "window"), (None, 5, "max_age"), (1, 5, "window"),
    ]  # fmt: skip
    assert verify_stream(store, "model").problems == []


def test_parts_of_before_there_was_a_clock_are_gone_on_from(clock: FakeTime) -> None:
    store, cut = MemoryStore(), Cut(window=0.1, max_ahead=0.5)
    one = _lander(store, "one", cut, 1)
    one.own(0, 1)
    one.begin(1)
    one.take(fetched(0, 0, _records(0, 15)))
    key = "model/lane=0/00000000.parquet"
    body, metadata = store._objects[key]
    new = {"early_rows", "clock_ms", "ahead_ms"}
    store._objects[key] = body, {name: value for name, value in metadata.items() if name not in new}
    other = _lander(store, "other", cut, 1)
    other.own(0, 1)
    other.begin(1)
    (part,) = Chain(store, "model", 0).parts_from(0)
    assert part.early_rows == 0
    far = fetched(0, 10, _records(10, 10))
    far.chunk.timestamps_ms[3] = 60_000
    other.take(far)
    assert other.land_tail() and other.counts.early_rows == 1


def test_what_waits_behind_a_row_that_is_ahead_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owned_lane, "PART_BYTES", 2**20)
    monkeypatch.setattr(open_part, "PART_BYTES", 2**20)
    store = MemoryStore()
    lander = _lander(store, "one", Cut(window=0.1), 1)
    lander.own(0, 1)
    lander.begin(1)
    lander.take(fetched(0, 0, _records(0, 1)))
    # A lane's first row is held, and so are the rejects behind it.
    for offset in range(1, 21):
        lander.take(fetched(0, offset, [b"?" * 2**18]))
        held = lander.lanes[0].held
        assert held is None or held.size_bytes <= 2**20
    assert (lander.counts.rows, lander.counts.parts["part_size"]) == (1, 4)
    assert verify_stream(store, "model").problems == []


def test_fetches_of_one_reject_each_do_not_add_up_to_a_table_of_empty_chunks() -> None:
    lander = _lander(MemoryStore(), "one", Cut(window=0.1), 1)
    lander.own(0, 1)
    lander.begin(1)
    lander.take(fetched(0, 0, _records(0, 1)))
    for offset in range(1, 200):
        lander.take(fetched(0, offset, [b"?"]))
    held = lander.lanes[0].held
    assert held is not None and len(held.rejects) == 199 and held.rows.column(0).num_chunks == 1


def test_what_a_member_holds_lands_when_another_one_cuts_by_age(
    monkeypatch: pytest.MonkeyPatch, clock: FakeTime
) -> None:
    monkeypatch.setattr(sealing, "GRACE_S", 2.0)
    store, cut = MemoryStore(), Cut(window=100, max_age=1)
    one, other = (_lander(store, name, cut) for name in ("one", "other"))
    one.own(0, 1), other.own(1, 1)
    for member in (one, other):
        member.begin(2)
    one.take(fetched(0, 0, _records(0, 5)))
    clock.now_s += 0.9
    # A lane's first row is held: it may be the wrong one.
    other.take(fetched(1, 0, _records(0, 1)))
    clock.now_s += 0.2
    one.tick()
    other.tick()
    assert other.lanes.open_rows == 0 and other.counts.rows == 1
    clock.now_s += 2.1
    one.tick()
    proof = verify_stream(store, "model")
    assert proof.problems == [] and [(batch.rows, batch.cut) for batch in proof.batches] == [(6, "max_age")]


def test_windows_that_are_over_are_sealed_in_one_tick() -> None:
    store, cut = MemoryStore(), Cut(window=0.1)
    lander = _lander(store, "one", cut)
    lander.own(0, 1), lander.own(1, 1)
    lander.begin(2)
    # Lane 0 is ahead by three windows; they wait for lane 1.
    lander.take(fetched(0, 0, _records(0, 35)))
    lander.tick()
    assert not lander.counts.batches
    lander.reach_end(1, 1, 0, 0)
    lander.tick()
    assert lander.counts.batches == {"window": 3}


class Topic:
    """A topic of two lanes whose records have these timestamps, in ms."""

    def __init__(self, times_ms: list[list[int]]) -> None:
        self.times_ms = times_ms

    def high_watermarks(self, asked: Iterable[int]) -> dict[int, int]:
        return {lane: len(self.times_ms[lane]) for lane in asked}

    def first_offsets_since(self, asked: Iterable[int], timestamp_ms: int) -> dict[int, int]:
        return {lane: next((o for o, at in enumerate(self.times_ms[lane]) if at >= timestamp_ms), -1) for lane in asked}


def _two_members(times_ms: list[list[int]], cut: Cut) -> tuple[MemoryStore, Lander, Lander]:
    """Return members that own a lane each, of which the first has read and landed what it can."""
    store = MemoryStore()
    one, other = (_lander(store, name, cut, topic=Topic(times_ms)) for name in ("one", "other"))
    for lane, member in enumerate((one, other)):
        member.own(lane, 1)
        member.begin(2)
    _give(one, 0, 0, _records(0, len(times_ms[0])), times_ms[0])
    return store, one, other


def _give(member: Lander, lane: int, first: int, values: list[bytes], times_ms: list[int]) -> None:
    records = fetched(lane, first, values)
    records.chunk.timestamps_ms[:] = times_ms
    member.take(records)


def test_a_window_waits_for_another_members_lane_whose_first_row_may_be_a_wrong_one(clock: FakeTime) -> None:
    hours = 20 * 3_600_000
    times_ms = [list(range(0, 150, 10)), [hours, 20, 30, 40]]
    store, one, other = _two_members(times_ms, Cut(window=0.1))
    clock.now_s += 1
    one.tick()
    assert not one.counts.batches
    _give(other, 1, 0, _records(0, 4), times_ms[1])
    other.reach_end(1, 1, 4, 4)
    clock.now_s += 1
    other.tick()
    clock.now_s += 1
    one.tick()
    proof = verify_stream(store, "model")
    assert proof.problems == [] and [batch.rows for batch in proof.batches][:1] == [14]
    assert (other.counts.early_rows, other.counts.late_rows) == (1, 0)


def test_no_window_waits_for_ever_for_a_lane_of_rejects(clock: FakeTime) -> None:
    store, one, other = _two_members([list(range(0, 150, 10)), [500] * 1000], Cut(window=0.1))
    # One after the other, it never comes to its end, nor rests.
    for offset in range(10):
        other.take(fetched(1, offset, [b"?"]))
        clock.now_s += 0.06
        other.tick()
        one.tick()
    assert one.counts.batches == {"window": 1}
    assert verify_stream(store, "model").problems == []


def test_rows_that_landed_without_windows_do_not_set_the_clock_of_those_with(clock: FakeTime) -> None:
    store = MemoryStore()
    one = _lander(store, "one", Cut(rows=10), 1)
    one.own(0, 1)
    one.begin(1)
    far = fetched(0, 0, _records(0, 11))
    far.chunk.timestamps_ms[4] = 20 * 3_600_000
    one.take(far)
    one.reach_end(0, 1, 11, 11)
    one.land_tail()
    other = _lander(store, "other", Cut(window=0.1), 1)
    other.own(0, 1)
    other.begin(1)
    other.take(fetched(0, 11, _records(11, 40)))
    other.tick()
    assert other.counts.batches["window"] == 3
    assert other.land_tail() and other.counts.late_rows == 0
    assert verify_stream(store, "model").problems == []
