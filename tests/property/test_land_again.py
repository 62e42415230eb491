"""Rejects are landed again by several people, in any schedule of landing, crashes and lost answers: each once."""

from __future__ import annotations

import io
from collections import Counter

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from contract.batch import manifest_from_json, manifest_prefix
from contract.errors import ServiceDownError
from contract.stream import Stream
from contract.stream_sections import Cut
from pipeline.land import batches, sealing
from pipeline.land.chain import Writer
from pipeline.land.formats.whole_records import WholeRecords
from pipeline.land.land_again import LandingAgain
from pipeline.land.rejected_records import rejected_stream
from pipeline.land.verify import verify_stream
from tests.property.test_chain_model import STREAM, Schedule, lane_numbers, writers

NUMBER = 1_000_000_000
# Each correction of the stream file takes longer records.
LIMITS = (20, 60, 1_000)
POISON = b"poison"


def corrected(step: int) -> Stream:
    """Return the stream file after ``step`` corrections."""
    limits = STREAM.rejects.model_copy(update={"max_record_bytes": LIMITS[step]})
    return STREAM.model_copy(update={"rejects": limits})


class AgainSchedule(Schedule):
    """As :class:`Schedule`, with records that only a corrected stream file takes, and people who land them again."""

    def __init__(self) -> None:
        super().__init__()
        self.parser = type(self.parser)(corrected(0))

    @initialize(lanes=st.lists(lane_numbers, min_size=1, max_size=3, unique=True))
    def begin(self, lanes: list[int]) -> None:
        """A writer owns lanes, and rejects have landed in them."""
        for lane in lanes:
            self.produce_long(lane, 1, 2)
            self.produce_long(lane, 2, 1)
            self.own(0, lane)
        self.land_all(0)

    @rule(number=writers)
    def land_all(self, number: int) -> None:
        """A writer lands all that its lanes have."""
        self.read(number, 100)
        self.land_tail(number)

    @rule(lane=lane_numbers, step=st.sampled_from([1, 2]), count=st.integers(1, 7))
    def produce_long(self, lane: int, step: int, count: int) -> None:
        """Records come that only a corrected stream file takes."""
        for _ in range(count):
            n = NUMBER + lane * 1_000_000 + len(self.topic[lane])
            self._send(lane, 0, b'{"n":%d,"pad":"%s"}' % (n, b"x" * (LIMITS[step] - 30)))

    @rule(number=writers, step=st.integers(0, 2))
    def land_again(self, number: int, step: int) -> None:
        """Somebody lands rejects again, by a stream file that may be one correction behind; it may be killed."""
        try:
            LandingAgain(self.store, corrected(step), WholeRecords(corrected(step)), Writer(f"p{number}", "id")).run()
        except ServiceDownError:
            return

    @rule(first=st.integers(0, 2), second=st.integers(0, 2))
    def land_again_at_once(self, first: int, second: int) -> None:
        """Two people do at once: the second begins and ends while the first is between reading and its PUT."""
        one = LandingAgain(self.store, corrected(first), WholeRecords(corrected(first)), Writer("one", "id"))
        other = LandingAgain(self.store, corrected(second), WholeRecords(corrected(second)), Writer("other", "id"))
        commit = one._chain.commit

        def overtaken(*arguments: object) -> object:
            one._chain.commit = commit  # type: ignore[method-assign]
            other.run()
            return commit(*arguments)  # type: ignore[arg-type]

        one._chain.commit = overtaken  # type: ignore[method-assign,assignment]
        try:
            one.run()
        except ServiceDownError:
            return

    def teardown(self) -> None:
        """Land and land again all that is left: every record but the poison is in one batch, and none twice."""
        self.store.faults = []
        LandingAgain(self.store, corrected(1), WholeRecords(corrected(1)), Writer("tidy", "id")).run()
        self.landers[0], self.reading[0] = self._new(0), {}
        for lane in range(len(self.topic)):
            self.own(0, lane)
        for _ in range(1_000):
            self.read(0, 50)
            if all(offset >= len(self.topic[lane]) for lane, (_, offset) in self.reading[0].items()):
                break
        self._land_tail()
        LandingAgain(self.store, corrected(2), WholeRecords(corrected(2)), Writer("tidy", "id")).run()
        before = rejected_stream(self.store, "model")
        assert verify_stream(self.store, "model").rows_again_unsealed == before.waiting
        self._land_tail()
        proof = verify_stream(self.store, "model")
        assert proof.problems == [] and proof.rows_again_unsealed == 0
        poison = sum(lane.count(POISON) for lane in self.topic)
        long = sum(len(value or b"") > LIMITS[0] for lane in self.topic for value in lane)
        assert sum(lane.rejected for lane in proof.lanes.values()) == poison
        assert sum(lane.landed_again for lane in proof.lanes.values()) == long
        assert sum(batch.rows_again for batch in proof.batches) == long
        assert rejected_stream(self.store, "model").rejected == poison
        sent = Counter(_number(value) for lane in self.topic for value in lane if value not in {POISON, None})
        assert Counter(self._rows()) == sent
        for found in proof.lanes.values():
            total = found.rows + found.rejected + found.landed_again + found.gap_records + found.skipped
            assert total == len(self.topic[found.lane])

    def _land_tail(self) -> None:
        assert any(self.landers[0].land_tail() for _ in range(50)), "rejects that were landed again are never sealed"

    def _rows(self) -> list[int]:
        rows: list[int] = []
        for entry in self.store.list_objects(manifest_prefix("model")):
            body = self.store.get(entry.key)
            assert body is not None
            manifest = manifest_from_json(body[0], entry.key)
            inside: list[int] = []
            for held in manifest.objects:
                stored = self.store.get(held.key)
                assert stored is not None
                inside.extend(pq.read_table(io.BytesIO(stored[0]), columns=["n"]).column("n").to_pylist())
            assert len(inside) == manifest.rows
            rows.extend(inside)
        return rows


def _number(value: bytes | None) -> int:
    return int((value or b"")[5:-1].split(b",")[0])


@pytest.mark.parametrize("cut", [Cut(rows=5), Cut(rows=5, window=0.1)], ids=["rows", "rows and window"])
def test_any_schedule(cut: Cut, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "GRACE_S", 0.0)
    monkeypatch.setattr(sealing, "LOOK_S", 0.0)
    monkeypatch.setattr(batches, "_LOOK_AGAIN_S", 0.0)
    monkeypatch.setattr(AgainSchedule, "cut", cut)
    run_state_machine_as_test(
        AgainSchedule,
        settings=settings(
            max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
