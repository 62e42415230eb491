"""Any schedule of writers, crashes, lost answers and zombies over several lanes: each offset is in one batch."""

from __future__ import annotations

import io
import threading
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from contract.batch import manifest_from_json, manifest_prefix
from contract.errors import ServiceDownError
from contract.stream import Cut, Stream
from pipeline.land import sealing
from pipeline.land.chain import Writer
from pipeline.land.lander import Lander
from pipeline.land.parse import Parsed, RecordParser
from pipeline.land.start import ChainStart, begin_or_read
from pipeline.land.stretch import Fetched
from pipeline.land.verify import verify_stream
from tests.memory_store import MemoryStore

LANES = 3
WRITERS = 3
MS_A_RECORD = 10
STREAM = Stream.model_validate(
    {
        "name": "model",
        "topic": "model",
        "columns": {"n": {"type": "int64", "required": True}},
        "cut": {"rows": 5},
        "rejects": {"max_share": 1.0},
        "features": ["n"],
        "model": {"k": 2},
    }
)

lane_numbers = st.integers(0, LANES - 1)
writers = st.integers(0, WRITERS - 1)


class Schedule(RuleBasedStateMachine):
    """Writers own lanes as they like, even the same one at once: what a group never does, and stalled members do."""

    cut = Cut(rows=5)

    def __init__(self) -> None:
        super().__init__()
        self.store = MemoryStore()
        self.parser = RecordParser(STREAM)
        self.start = begin_or_read(self.store, "model", "model", "id", dict.fromkeys(range(LANES), 0))
        self.topic: list[list[bytes]] = [[] for _ in range(LANES)]
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
        first = max(0, -(-timestamp_ms // MS_A_RECORD))
        return {lane: first if first < len(self.topic[lane]) else -1 for lane in lanes}

    def _attempt(self, number: int, call: Any) -> None:
        """Run ``call``; the process dies of a crash, and is started again without any lane."""
        try:
            call()
        except ServiceDownError:
            self.landers[number] = self._new(number)
            self.reading[number] = {}
            return
        while self.landers[number].moved:
            move = self.landers[number].moved.popleft()
            if move.seek_epoch is not None and move.lane in self.reading[number]:
                self.reading[number][move.lane] = (move.seek_epoch, move.next_offset)

    @rule(lane=lane_numbers, count=st.integers(1, 12), poison=st.booleans())
    def produce(self, lane: int, count: int, *, poison: bool) -> None:
        """Records come."""
        for _ in range(count):
            n = lane * 1_000_000 + len(self.topic[lane])
            self.topic[lane].append(b'{"n":%d}' % n)
        if poison:
            self.topic[lane].append(b"poison")

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
            parsed: Future[Parsed] = Future()
            parsed.set_result(self.parser.parse(values))
            offsets = np.arange(offset, offset + len(values))
            self.landers[number].take(
                Fetched(lane, epoch, offset, values, [None] * len(values), offsets, offsets * MS_A_RECORD, parsed)
            )
        epoch, offset = self.reading[number][lane]
        if offset >= len(self.topic[lane]):
            self.landers[number].reach_end(lane, epoch, offset, offset)

    @rule(number=writers)
    def time_passes(self, number: int) -> None:
        """A writer cuts by time."""
        self._attempt(number, self.landers[number].land_tail)

    @rule(number=writers)
    def tick(self, number: int) -> None:
        """A writer looks around."""
        self._attempt(number, self.landers[number].tick)

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
        assert self.landers[last].land_tail()
        proof = verify_stream(self.store, "model")
        assert proof.problems == []
        sent = Counter(n for lane in self.topic for n in map(_number, lane) if n is not None)
        assert Counter(self._rows()) == sent
        assert sum(lane.rejected for lane in proof.lanes.values()) == sum(lane.count(b"poison") for lane in self.topic)

    def _rows(self) -> list[int]:
        rows: list[int] = []
        for entry in self.store.list_objects(manifest_prefix("model")):
            body = self.store.get(entry.key)
            assert body is not None
            for part in manifest_from_json(body[0], entry.key).parts:
                stored = self.store.get(part.key)
                assert stored is not None
                rows.extend(pq.read_table(io.BytesIO(stored[0]), columns=["n"]).column("n").to_pylist())
        return rows


def _number(value: bytes) -> int | None:
    return None if value == b"poison" else int(value[5:-1])


@pytest.mark.parametrize(
    "cut",
    [Cut(rows=5), Cut(window=0.1), Cut(rows=5, window=0.1), Cut(bytes=40)],
    ids=["rows", "window", "rows and window", "bytes"],
)
def test_any_schedule(cut: Cut, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "GRACE_S", 0.0)
    monkeypatch.setattr(sealing, "LOOK_S", 0.0)
    monkeypatch.setattr(Schedule, "cut", cut)
    run_state_machine_as_test(
        Schedule,
        settings=settings(
            max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
