"""What was landed again is proved: each object is named, altered or missing, and each offset was rejected once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from contract.batch import again_key
from contract.stream import Stream
from contract.stream_sections import Cut
from pipeline.land.again_chain import AgainChain
from pipeline.land.chain import Writer
from pipeline.land.chain_start import begin_or_read
from pipeline.land.formats.whole_records import WholeRecords
from pipeline.land.land_again import LandingAgain
from pipeline.land.lander import Lander
from pipeline.land.open_part import OpenPart
from pipeline.land.parsed_records import parsed_records
from pipeline.land.verify import Proof, verify_stream
from tests.memory_store import MemoryStore
from tests.property.test_chain_model import STREAM
from tests.unit.land.test_lander import Offsets, fetched

WRITER = Writer("w", "id")


def _taking(longest: int) -> Stream:
    return STREAM.model_copy(
        update={"rejects": STREAM.rejects.model_copy(update={"max_record_bytes": longest})},
    )


def _landed() -> MemoryStore:
    """Return a stream of one row and five rejects: two landed again and sealed, two that wait, one rejected."""
    store = MemoryStore()
    start = begin_or_read(store, "model", "model", "id", {0: 0})
    lander = Lander(
        _taking(20), Cut(rows=100), store=store, writer=WRITER, start=start, partitions=1, topic=Offsets()
    )  # fmt: skip
    lander.own(0, 1)
    lander.begin(1)
    pads = (0, 30, 90, 30, 90)
    values = [b'{"n":%d,"p":"%s"}' % (n, b"x" * pad) for n, pad in enumerate(pads)]
    lander.take(fetched(0, 0, [*values, b"poison"], _taking(20)))
    LandingAgain(store, _taking(60), WholeRecords(_taking(60)), WRITER).run()
    lander.land_tail()
    LandingAgain(store, _taking(60), WholeRecords(_taking(60)), WRITER).run()
    _seal_all(store)
    LandingAgain(store, _taking(200), WholeRecords(_taking(200)), WRITER).run()
    return store


def _seal_all(store: MemoryStore) -> None:
    start = begin_or_read(store, "model", "model", "id", {0: 0})
    lander = Lander(STREAM, Cut(rows=100), store=store, writer=WRITER, start=start, partitions=1, topic=Offsets())
    lander.own(0, 1)
    lander.begin(1)
    while not lander.land_tail():
        pass


def _problems(store: MemoryStore) -> str:
    return " | ".join(verify_stream(store, "model").problems)


def test_each_reject_is_counted_once() -> None:
    proof: Proof = verify_stream(_landed(), "model")
    assert proof.problems == []
    assert [(batch.rows, batch.rows_again, batch.rejected) for batch in proof.batches] == [(1, 0, 1), (2, 2, 0)]
    assert proof.batches[0].landed_again_in == {"2": 2, "": 2}
    assert (proof.lanes[0].rows, proof.lanes[0].rejected, proof.lanes[0].landed_again) == (1, 1, 4)
    assert proof.rows_again_unsealed == 2


def test_rejects_land_again_in_objects_of_at_most_a_batchs_bytes() -> None:
    store = MemoryStore()
    start = begin_or_read(store, "model", "model", "id", {0: 0})
    lander = Lander(
        _taking(20), Cut(rows=100), store=store, writer=WRITER, start=start, partitions=1, topic=Offsets()
    )  # fmt: skip
    lander.own(0, 1)
    lander.begin(1)
    values = [b'{"n":%d,"p":"%s"}' % (n, b"x" * 36) for n in range(9)]
    assert {len(value) for value in values} == {50}
    lander.take(fetched(0, 0, values, _taking(20)))
    lander.land_tail()
    by_bytes = _taking(60).model_copy(update={"cut": Cut(bytes=200)})
    seen: list[int] = []
    outcome = LandingAgain(store, by_bytes, WholeRecords(by_bytes), WRITER, seen.append).run()
    # As many as were rejected: what a bar shows.
    assert sum(seen) == 9
    assert [again.value_bytes for again in outcome.landed] == [200, 200, 50]
    assert _problems(store) == ""


def _delete_first(store: MemoryStore) -> None:
    store.delete(again_key("model", 0))


def _delete_all(store: MemoryStore) -> None:
    for number in (0, 1):
        store.delete(again_key("model", number))


def _alter(store: MemoryStore) -> None:
    found = store.head(again_key("model", 0))
    assert found is not None
    store.delete(found.key)
    store.put_if_absent(found.key, b"other bytes", found.metadata)


def _land(store: MemoryStore, offset: int) -> None:
    """Land offset ``offset`` again, as no run of ours would."""
    rows = parsed_records(fetched(0, offset, [b'{"n":1}']), offset)
    part = OpenPart(0, 0, offset, rows.rows.schema)
    part.add(rows)
    AgainChain(store, "model").commit(part, 2, np.array([offset]), WRITER)


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (_delete_first, "again/00000000.parquet is missing though model/again/00000001.parquet exists"),
        (_delete_all, "a manifest names model/again/00000000.parquet, which does not exist"),
        (_alter, "again/00000000.parquet was altered: batch 2 names it as"),
        (lambda store: _land(store, 1), "lane 0: 1 offsets were landed again twice, the first is 1"),
        (lambda store: _land(store, 0), "lane 0: 1 offsets were landed again and never rejected, the first is 0"),
    ],
    ids=["one missing", "all missing", "altered", "twice", "never rejected"],
)
def test_what_is_wrong_is_named(break_it: Callable[[MemoryStore], object], said: str) -> None:
    store = _landed()
    break_it(store)
    assert said in _problems(store)
