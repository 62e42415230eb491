"""Any schedule of writers, crashes, lost answers and zombies over several lanes: each offset is in one batch."""

from __future__ import annotations

import io
import json
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from contract.batch import TIMESTAMP, Manifest, Part, manifest_from_json, manifest_prefix, origin_key
from contract.errors import ServiceDownError
from contract.stream import parse_stream
from contract.stream_sections import Cut
from pipeline.land import batches, lander, open_part, owned_lane, sealing
from pipeline.land.chain import Writer
from pipeline.land.chain_start import ChainStart, begin_or_read
from pipeline.land.fetched_records import FetchedRecords
from pipeline.land.formats.format import ParsedValues
from pipeline.land.formats.whole_records import WholeRecords
from pipeline.land.lander import Lander
from pipeline.land.verify import verify_stream
from tests.chunks import chunk
from tests.memory_store import MemoryStore

LANES = 3
WRITERS = 3
MS_A_RECORD = 10
# A record that is late, one whose clock is wrong, and a pause; the clock of a lane goes 300 ms at once.
BACK_MS, AHEAD_MS, GAP_MS = 150, 2_000, 1_000
MAX_AHEAD_S = 0.3
STREAM = parse_stream(
    json.dumps(
        {
            "name": "model",
            "topic": "model",
            "columns": {"n": {"type": "int64", "required": True}},
            "cut": {"rows": 5},
            "records": {"tombstones": "skip"},
            "rejects": {"max_share": 1.0},
            "features": ["n"],
            "model": {"k": 2},
        }
    ),
    "model",
)


class FakeTime:
    """The clock of all writers: it goes on when a rule says so, and nothing waits for it."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def monotonic(self) -> float:
        """As `time.monotonic`."""
        return self.now_s

    def time(self) -> float:
        """As `time.time`."""
        return self.now_s


lane_numbers = st.integers(0, LANES - 1)
writers = st.integers(0, WRITERS - 1)


class Schedule(RuleBasedStateMachine):
    """Writers own lanes as they like, even the same one at once: what a group never does, and stalled members do."""

    cut = Cut(rows=5)
    clock = FakeTime()

    def __init__(self) -> None:
        super().__init__()
        self.store = MemoryStore()
        self.parser = WholeRecords(STREAM)
        self.start = begin_or_read(self.store, "model", "model", "id", dict.fromkeys(range(LANES), 0))
        self.topic: list[list[bytes | None]] = [[] for _ in range(LANES)]
        self.times: list[list[int]] = [[] for _ in range(LANES)]
        self.now_ms = [0] * LANES
        self.landers = [self._new(number) for number in range(WRITERS)]
        self.reading: list[dict[int, tuple[int, int]]] = [{} for _ in range(WRITERS)]
        """Per writer and lane: epoch and next offset."""
        self.starts = 0

    def _new(self, number: int) -> Lander:
        assert isinstance(self.start, ChainStart)
        return Lander(
            STREAM, self.cut, store=self.store, writer=Writer(f"w{number}", "id"), start=self.start, partitions=LANES,
            topic=self,
        )  # fmt: skip

    def high_watermarks(self, lanes: Iterable[int]) -> dict[int, int]:
        """As the broker says it."""
        return {lane: len(self.topic[lane]) for lane in lanes}

    def first_offsets_since(self, lanes: Iterable[int], timestamp_ms: int) -> dict[int, int]:
        """As the broker says it."""
        return {
            lane: next((offset for offset, at in enumerate(self.times[lane]) if at >= timestamp_ms), -1)
            for lane in lanes
        }

    def _attempt(self, number: int, call: Any) -> None:
        """Run ``call``; the process dies of a crash, and is started again without any lane."""
        try:
            call()
        except ServiceDownError:
            self.landers[number] = self._new(number)
            self.reading[number] = {}
            return
        while self.landers[number].chain_ends:
            move = self.landers[number].chain_ends.popleft()
            if move.seek_epoch is not None and move.lane in self.reading[number]:
                self.reading[number][move.lane] = (move.seek_epoch, move.next_offset)

    @rule(lane=lane_numbers, count=st.integers(0, 12), others=st.lists(st.sampled_from([b"poison", None]), max_size=3))
    def produce(self, lane: int, count: int, others: Sequence[bytes | None] = ()) -> None:
        """Records come, and such as are no rows: None is a tombstone."""
        for _ in range(count):
            self._send(lane, 0)
        for value in others:
            self._send(lane, 0, value)

    @precondition(lambda self: self.cut.window is not None)
    @rule(lane=lane_numbers, steps_ms=st.lists(st.sampled_from([-BACK_MS, AHEAD_MS]), min_size=1, max_size=2))
    def disorder(self, lane: int, steps_ms: list[int]) -> None:
        """A record comes late, or from a clock that is ahead of all others; the next one is as before."""
        for step in steps_ms:
            self._send(lane, step)

    @precondition(lambda self: self.cut.window is not None)
    @rule(lane=lane_numbers)
    def pause(self, lane: int) -> None:
        """For a while no record comes."""
        self.now_ms[lane] += GAP_MS

    def _send(self, lane: int, step_ms: int, value: bytes | None = b"") -> None:
        self.now_ms[lane] += MS_A_RECORD
        self.send_at(lane, self.now_ms[lane] + step_ms, value)

    def send_at(self, lane: int, at_ms: int, value: bytes | None = b"") -> None:
        """A record comes that says this of its time."""
        n = lane * 1_000_000 + len(self.topic[lane])
        self.topic[lane].append(b'{"n":%d}' % n if value == b"" else value)
        self.times[lane].append(max(0, at_ms))

    @initialize()
    def assign(self) -> None:
        """A group begins with a lane each."""
        for number in range(WRITERS):
            self.own(number, number)

    @rule(number=writers, lane=lane_numbers)
    def own(self, number: int, lane: int) -> None:
        """A writer takes a lane, whoever has it."""
        epoch = self.reading[number].get(lane, (0, 0))[0] + 1

        def take() -> None:
            self.reading[number][lane] = (epoch, self.landers[number].own(lane, epoch))
            self.landers[number].begin(LANES)

        self._attempt(number, take)

    @rule(number=writers, lane=lane_numbers)
    def disown(self, number: int, lane: int) -> None:
        """A writer lets a lane go."""
        self.landers[number].disown(lane)
        self.reading[number].pop(lane, None)

    @rule(number=writers, count=st.integers(1, 15))
    def read(self, number: int, count: int) -> None:
        """A writer is given records of all its lanes."""
        for lane in list(self.reading[number]):
            self._attempt(number, lambda lane=lane: self._read(number, lane, count))

    def _read(self, number: int, lane: int, count: int) -> None:
        if lane not in self.reading[number]:
            return
        epoch, offset = self.reading[number][lane]
        values = self.topic[lane][offset : offset + count]
        if values:
            self.reading[number][lane] = (epoch, offset + len(values))
            parsed: Future[ParsedValues] = Future()
            offsets = np.arange(offset, offset + len(values))
            keys = [b"key"] * len(values)
            records = chunk(values, keys=keys, times_ms=np.array(self.times[lane][offset : offset + len(values)]))
            parsed.set_result(self.parser.parse(records))
            self.landers[number].take(FetchedRecords(lane, epoch, offset, records, offsets, parsed))
        epoch, offset = self.reading[number][lane]
        if offset >= len(self.topic[lane]):
            self.landers[number].reach_end(lane, epoch, offset, offset)

    @rule(number=writers)
    def land_tail(self, number: int) -> None:
        """A writer cuts by idleness; it may wait for others, and is done only with nothing open."""
        lander = self.landers[number]
        self._attempt(number, lambda: self._check_tail(lander, landed=lander.land_tail()))

    def _check_tail(self, lander: Lander, *, landed: bool) -> None:
        assert not landed or lander.lanes.open_rows == 0, "a tail is said to have landed, with rows still open"

    @rule(number=writers)
    def tick(self, number: int) -> None:
        """A writer looks around."""
        self._attempt(number, self.landers[number].tick)

    @rule(seconds=st.sampled_from([0.6, 1.1, sealing.GRACE_S + 0.1]), stopped=st.none() | writers)
    def time_passes(self, seconds: float, stopped: int | None) -> None:
        """Parts grow old; a writer that is ``stopped`` does not see it."""
        self.clock.now_s += seconds
        for number in range(WRITERS):
            if number != stopped:
                self._attempt(number, self.landers[number].tick)

    @rule(stopped=writers, winner=writers, count=st.integers(1, 12), seconds=st.sampled_from([0.0, 0.6, 1.1]))
    def sleep(self, stopped: int, winner: int, count: int, seconds: float) -> None:
        """A writer is stopped while another one takes its lanes, lands and seals, and parts grow old; it wakes up."""
        for lane in list(self.reading[stopped]):
            self.own(winner, lane)
            self.produce(lane, count)
        self.read(winner, 15)
        self.time_passes(seconds, stopped)
        self.tick(stopped)

    @precondition(lambda self: not self.store.faults)
    @rule(faults=st.lists(st.sampled_from(["crash-before", "crash-after", "lost", ""]), min_size=1, max_size=3))
    def break_puts(self, faults: list[str]) -> None:
        """The next PUTs go wrong."""
        self.store.faults = list(faults)

    def teardown(self) -> None:
        """Land all that is left with one writer; then nothing may be lost, doubled or contradictory."""
        self.store.faults = []
        last = 0
        self.landers[last], self.reading[last] = self._new(last), {}
        for lane in range(LANES):
            self.own(last, lane)
        deadline = threading.Event()
        for _ in range(1_000):
            self.read(last, 50)
            if all(offset >= len(self.topic[lane]) for lane, (_, offset) in self.reading[last].items()):
                deadline.set()
                break
        assert deadline.is_set(), "a lane does not come to its end"
        while not self.landers[last].land_tail():
            self.clock.now_s += sealing.GRACE_S
        proof = verify_stream(self.store, "model")
        assert proof.problems == []
        sent = Counter(n for lane in self.topic for n in map(_number, lane) if n is not None)
        manifests = self.manifests()
        rows = [n for manifest in manifests for part in manifest.parts for n in self._column(part, "n").to_pylist()]
        assert Counter(rows) == sent
        assert sum(lane.rejected for lane in proof.lanes.values()) == sum(lane.count(b"poison") for lane in self.topic)
        assert sum(lane.skipped for lane in proof.lanes.values()) == sum(lane.count(None) for lane in self.topic)
        if self.cut.window is not None:
            self._check_windows(manifests)

    def _check_windows(self, manifests: list[Manifest]) -> None:
        over: int | None = None
        for manifest in manifests:
            if manifest.window is not None:
                assert over is None or manifest.window > over, f"window {manifest.window} came after {over} was sealed"
                over = manifest.window if manifest.cut == "window" else over
            for part in manifest.parts:
                if part.rows:
                    self._check_window(part)

    def _check_window(self, part: Part) -> None:
        origin = self.store.get(origin_key("model"))
        assert origin is not None and part.window is not None
        fields = json.loads(origin[0])
        times = np.array(self._column(part, TIMESTAMP).cast("int64").to_pylist())
        numbers = (times - fields["origin_ms"]) // fields["length_ms"]
        assert part.late_rows == (numbers < part.window).sum(), f"{part.key} does not count its late rows"
        assert part.early_rows >= (numbers > part.window).sum(), f"{part.key} does not count its early rows"

    def manifests(self) -> list[Manifest]:
        """Return what is sealed."""
        found = []
        for entry in self.store.list_objects(manifest_prefix("model")):
            body = self.store.get(entry.key)
            assert body is not None
            found.append(manifest_from_json(body[0], entry.key))
        return found

    def _column(self, part: Part, name: str) -> pa.ChunkedArray:
        stored = self.store.get(part.key)
        assert stored is not None
        return pq.read_table(io.BytesIO(stored[0]), columns=[name]).column(name)


def _number(value: bytes | None) -> int | None:
    return None if value in {b"poison", None} else int(value[5:-1])


CUTS = pytest.mark.parametrize(
    "cut",
    [
        Cut(rows=5),
        Cut(window=0.1, max_ahead=MAX_AHEAD_S),
        Cut(rows=5, window=0.1, max_ahead=MAX_AHEAD_S),
        Cut(bytes=40),
        Cut(rows=5, max_age=1.0),
        Cut(window=0.1, max_age=1.0, max_ahead=MAX_AHEAD_S),
    ],
    ids=["rows", "window", "rows and window", "bytes", "rows and age", "window and age"],
)


@CUTS
def test_any_schedule(cut: Cut, monkeypatch: pytest.MonkeyPatch) -> None:
    _run(cut, monkeypatch, examples=30, steps=30)


@pytest.mark.long
@CUTS
def test_many_schedules(cut: Cut, monkeypatch: pytest.MonkeyPatch) -> None:
    _run(cut, monkeypatch, examples=300, steps=40)


def test_a_lane_that_is_being_filled_is_not_settled_by_a_cut_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    _prepare(Cut(window=0.1, max_age=1.0, max_ahead=MAX_AHEAD_S), monkeypatch)
    state = Schedule()
    state.assign()
    for _ in range(2):
        state.pause(lane=0)
    state.produce(lane=2, count=2)
    state.disorder(lane=1, steps_ms=[AHEAD_MS])
    state.produce(lane=1, count=2)
    state.read(number=1, count=2)
    state.time_passes(seconds=0.6, stopped=None)
    # Writer 2 sees that the others cut by age when it lands its first row, with one in hand and one held.
    state.time_passes(seconds=0.6, stopped=2)
    state.disorder(lane=2, steps_ms=[AHEAD_MS])
    state.read(number=2, count=3)
    assert state.landers[2].lanes[2].held is not None
    state.teardown()


def test_what_came_behind_a_cut_by_age_is_landed_with_the_tail(monkeypatch: pytest.MonkeyPatch) -> None:
    _prepare(Cut(rows=50, max_age=1.0), monkeypatch)
    state = Schedule()
    state.assign()
    for lane in (0, 1):
        state.produce(lane, count=2)
    state.read(number=1, count=2)
    # Writer 1 cuts by age, and writer 0 sees it before it has anything.
    state.time_passes(seconds=1.1, stopped=0)
    state.time_passes(seconds=0.6, stopped=None)
    state.read(number=0, count=2)
    state.clock.now_s += sealing.GRACE_S + 0.1
    state.land_tail(number=0)
    assert state.landers[0].lanes.open_rows == 0
    state.teardown()


def test_no_window_is_over_while_rows_of_it_are_in_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    _prepare(Cut(rows=5, window=0.1, max_ahead=MAX_AHEAD_S), monkeypatch)
    state = Schedule()
    for lane in range(LANES):
        state.own(0, lane)
    for lane, times_ms in ((1, (1_000, 1_150, 1_150, 1_150)), (0, (1_000, 1_001))):
        for at in times_ms:
            state.send_at(lane, at)
        state.read(number=0, count=len(times_ms))
    # Lane 0 has no clock yet and holds both; there is room for one row in the batch, then for five.
    state.time_passes(seconds=0.6, stopped=None)
    state.teardown()
    parts = [part for manifest in state.manifests() for part in manifest.parts if "/lane=0/" in part.key]
    assert [(part.rows, part.window, part.late_rows) for part in parts] == [(1, 0, 0), (1, 0, 0)]


def _run(cut: Cut, monkeypatch: pytest.MonkeyPatch, *, examples: int, steps: int) -> None:
    _prepare(cut, monkeypatch)
    run_state_machine_as_test(
        Schedule,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def _prepare(cut: Cut, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeTime()
    for module in (batches, lander, open_part, owned_lane, sealing):
        monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(Schedule, "clock", clock)
    monkeypatch.setattr(Schedule, "cut", cut)
    if cut.max_age is None:
        monkeypatch.setattr(sealing, "GRACE_S", 0.0)
        monkeypatch.setattr(sealing, "LOOK_S", 0.0)
