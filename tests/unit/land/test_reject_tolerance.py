"""Records without a single column stop the line, and the message says what they may have been meant to be."""

from __future__ import annotations

import logging

import pytest

from contract.errors import SchemaBrokenError
from contract.stream import Stream, parse_stream
from contract.stream_sections import Cut
from pipeline.land.chain import Writer
from pipeline.land.chain_start import begin_or_read
from pipeline.land.formats.whole_records import WholeRecords
from pipeline.land.lander import Lander
from tests.memory_store import MemoryStore
from tests.unit.land.test_lander import Offsets, fetched

TEXT = """
name: s
topic: s
columns: {id: {type: int64}, x: {type: float64}}
cut: {rows: 100}
rejects: {min_records: 10, max_share: 0.5, no_column: stop}
features: [x]
model: {k: 2}
"""
STREAM = parse_stream(TEXT, "s.yaml")
GOOD = b'{"id":1,"x":1.5}'


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b'{"Id":1,"X":1.5}', "'Id' is not 'id', 'X' is not 'x': letter case counts"),
        (b'{"before":null,"after":{"id":1,"x":1.5},"op":"c"}', "an envelope, under 'after'"),
        (b'{"schema":{"type":"struct"},"payload":{"after":{"id":1}}}', "an envelope, under 'payload.after'"),
        (b'{"idd":1}', "the record has 'idd', did you mean that by 'id'?"),
        (b'{"a":1,"b":2}', "its keys are 'a', 'b'"),
        (b"{}", "it has no keys"),
    ],
)
def test_the_hint(value: bytes, said: str) -> None:
    assert said in str(WholeRecords(STREAM).why_no_column(value))


@pytest.mark.parametrize("value", [None, b"", b"[1]", b"\xff", b'{"id":null}'])
def test_no_hint_for_what_is_no_object_or_has_a_column(value: bytes | None) -> None:
    assert WholeRecords(STREAM).why_no_column(value) is None


def _lander(store: MemoryStore, stream: Stream, rows: int = 100) -> Lander:
    start = begin_or_read(store, "s", "s", "id", {0: 0})
    lander = Lander(
        stream,
        Cut(rows=rows),
        store=store,
        writer=Writer("w", "id"),
        start=start,
        partitions=1,
        topic=Offsets(),
        hint=WholeRecords(stream).why_no_column,
    )
    lander.own(0, 1)
    lander.begin(1)
    return lander


def _land(lander: Lander, values: list[bytes], stream: Stream = STREAM, first: int = 0) -> None:
    lander.take(fetched(0, first, values, stream))
    lander.reach_end(0, 1, first + len(values), first + len(values))
    lander.land_tail()


@pytest.mark.parametrize("name", ["debezium.jsonl", "letter_case.jsonl"])
def test_one_record_is_enough_where_nothing_has_landed(name: str) -> None:
    value = {"debezium.jsonl": b'{"before":null,"after":{"id":1,"x":1.5}}', "letter_case.jsonl": b'{"Id":1,"X":1.5}'}
    store = MemoryStore()
    with pytest.raises(SchemaBrokenError, match=r"have none of the columns.*offset 0: .*no_column: warn"):
        _land(_lander(store, STREAM), [value[name]])
    assert not list(store.list_objects("s/lane=0/"))


def test_a_broken_producer_stops_the_line_when_enough_was_seen() -> None:
    lander = _lander(MemoryStore(), STREAM, rows=10)
    _land(lander, [GOOD] * 10)
    _land(lander, [b'{"Id":1}', *[GOOD] * 9], first=10)
    with pytest.raises(SchemaBrokenError, match="6 of the last 10 records of topic 's' have none"):
        _land(lander, [*[GOOD] * 4, *[b'{"Id":1}'] * 6], first=20)
    assert lander.counts.rows == 20 and lander.counts.strangers == 1


def test_rejects_and_strangers_add_up() -> None:
    lander = _lander(MemoryStore(), STREAM)
    with pytest.raises(SchemaBrokenError, match="have none of the columns"):
        _land(lander, [*[b"?"] * 3, *[b'{"Id":1}'] * 3, *[GOOD] * 4])


def test_a_row_of_nulls_that_is_meant_is_none_of_them() -> None:
    lander = _lander(MemoryStore(), STREAM)
    _land(lander, [b'{"id":null}', b'{"id":null,"more":1}'] * 10)
    assert (lander.counts.rows, lander.counts.strangers) == (20, 0)
    assert lander.counts.present == {"_partition", "_offset", "_timestamp"}


def test_a_record_without_keys_has_no_column_either() -> None:
    store = MemoryStore()
    with pytest.raises(SchemaBrokenError, match=r"50 of the last 50 .* it has no keys"):
        _land(_lander(store, STREAM), [b"{}", b" { }\n"] * 25)
    assert not list(store.list_objects("s/lane=0/"))


@pytest.mark.parametrize("beside", [b'{"id":null}', b'{"id":null,"more":1}'])
def test_a_record_without_keys_is_counted_among_others(beside: bytes) -> None:
    lander = _lander(MemoryStore(), STREAM)
    _land(lander, [GOOD, beside, b"{}", b'{"x":null}', GOOD, GOOD, GOOD, GOOD])
    assert (lander.counts.rows, lander.counts.strangers) == (8, 1)


def test_told_to_warn_it_warns_once_and_lands(caplog: pytest.LogCaptureFixture) -> None:
    stream = parse_stream(TEXT.replace("stop", "warn"), "s.yaml")
    lander = _lander(MemoryStore(), stream)
    with caplog.at_level(logging.WARNING):
        for first in (0, 20):
            _land(lander, [b'{"Id":1}'] * 20, stream, first=first)
    assert lander.counts.strangers == 40
    assert [record.message.count("letter case counts") for record in caplog.records] == [1]


def test_a_required_column_that_never_comes_is_explained_too() -> None:
    stream = parse_stream(TEXT.replace("{type: int64}", "{type: int64, required: true}"), "s.yaml")
    with pytest.raises(
        SchemaBrokenError, match=r"'id' is required, and absent \(the first: .*; 'Id' is not 'id': letter"
    ):
        _land(_lander(MemoryStore(), stream), [b'{"Id":1}'] * 10, stream)
