"""Which files the records between two offsets came from, whatever lies between them, from a few headers."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from contract.origin import HEADER, Origin, origin_of
from pipeline.land.origins import NO_ORIGINS, HeadersOf, Origins
from pipeline.record_headers import UNREADABLE, WithHeaders

FILES = [f"{number:016x}" for number in range(3)]


class Record:
    """A record with its header, which counts how often it is asked for; replay's key is the row's number."""

    asked = 0

    def __init__(self, header: bytes | None, key: bytes | None = b"12") -> None:
        self._header = header
        self._key = key

    def key(self) -> bytes | None:
        return self._key

    def headers(self) -> list[tuple[str, bytes]] | None:
        Record.asked += 1
        return None if self._header is None else [("trace", b"1"), (HEADER, self._header)]

    def set_headers(self, headers: Any, /) -> None:
        raise AssertionError(headers)


class BadlyNamed:
    """A record with a header whose name is not UTF-8, as the client tells it: once. A second look ends the process."""

    def __init__(self) -> None:
        self._set: Any = None
        self._asked = False

    def key(self) -> bytes:
        return b"12"

    def headers(self) -> Any:
        if self._set is not None:
            return self._set
        assert not self._asked
        self._asked = True
        raise SystemError("<method 'headers' of 'cimpl.Message' objects> returned a result with an exception set")

    def set_headers(self, headers: Any, /) -> None:
        self._set = headers


def test_headers_that_the_client_cannot_tell_are_looked_at_once() -> None:
    good = Record(Origin(FILES[0], 0, 1, "0" * 24, 0).header())
    records: list[WithHeaders] = [good, BadlyNamed(), good]
    found = HeadersOf(records)
    assert [found[place] is UNREADABLE for place in (0, 1, 1, 2)] == [False, True, True, False]
    offsets = np.arange(3)
    assert [*Origins([BadlyNamed(), *records, BadlyNamed()], np.arange(5)).last(0, 5)] == [FILES[0]]
    assert [*Origins(records, offsets).last(0, 3)] == [FILES[0]]
    assert Origins(records, offsets).last(1, 2) == {}


# What a run of replay sends to one partition: of a file, from a row on, some of its rows unreadable.
runs = st.tuples(st.sampled_from(FILES), st.integers(0, 50), st.lists(st.integers(1, 3), min_size=1, max_size=8))
others: st.SearchStrategy[bytes | None] = st.sampled_from([None, b"", b"2 x", f"{FILES[0]} 7 1".encode()])


@st.composite
def topics(draw: st.DrawFn) -> list[bytes | None]:
    """Interleave some runs, and records of others."""
    sent: list[list[bytes | None]] = []
    for source, row, steps in draw(st.lists(runs, max_size=4)):
        rows = np.cumsum([row, *steps]).tolist()
        sent.append([Origin(source, row, 1, "0" * 24, number).header() for number, row in enumerate(rows)])
    sent.append(draw(st.lists(others, max_size=6)))
    topic: list[bytes | None] = []
    while sent := [run for run in sent if run]:
        run = draw(st.sampled_from(sent))
        count = draw(st.integers(1, 8))
        topic.extend(run[:count])
        del run[:count]
    return topic


@given(topics(), st.data())
def test_the_last_header_of_each_file(topic: list[bytes | None], data: st.DataObject) -> None:
    offsets = np.cumsum([data.draw(st.integers(1, 3)) for _ in topic]).astype(np.int64)
    first = data.draw(st.integers(0, 10))
    end = data.draw(st.integers(first, 60))
    inside = [header for header, offset in zip(topic, offsets, strict=True) if first <= offset < end]
    expected: dict[str, str] = {}
    for header in inside:
        if header is not None and (origin := origin_of(header)) is not None:
            expected.pop(origin.source, None)
            expected[origin.source] = header.decode()
    keys = st.sampled_from([None, b"", b"7", b"key", b"-1", b"\xff"])
    records = [Record(h, data.draw(keys) if h is None or origin_of(h) is None else b"7") for h in topic]
    found = Origins(records, offsets).last(first, end)
    assert list(found.items()) == list(expected.items())


def test_of_one_file_two_headers_are_read() -> None:
    records = [Record(Origin(FILES[0], row, 1, "0" * 24, row).header()) for row in range(10_000)]
    origins = Origins(records, np.arange(10_000))
    Record.asked = 0
    assert list(origins.last(100, 9_000)) == [FILES[0]]
    assert Record.asked <= 4
    assert NO_ORIGINS.last(0, 10) == {}


def test_of_records_that_others_sent_no_header_is_read() -> None:
    """With headers of their own, such as a trace's."""
    replayed = [Record(Origin(FILES[0], row, 1, "0" * 24, row).header()) for row in range(1_000)]
    others = [Record(b"", b"order %d" % number) for number in range(10_000)]
    for topic, most in ((others, 4), ([*others, *replayed, *others], 16)):
        Record.asked = 0
        found = Origins(topic, np.arange(len(topic))).last(0, len(topic))
        assert list(found) == ([FILES[0]] if len(topic) > len(others) else [])
        assert Record.asked <= most
    mixed = [record for pair in zip(others, replayed, strict=False) for record in pair]
    Record.asked = 0
    assert list(Origins(mixed, np.arange(len(mixed))).last(0, len(mixed))) == [FILES[0]]
    assert Record.asked <= 16


@given(st.builds(Origin, st.sampled_from(FILES), st.integers(0, 2**40), st.integers(1, 1000),
                 st.none() | st.just("ab" * 12), st.integers(0, 2**40)))  # fmt: skip
def test_a_header_says_what_it_was_made_of(origin: Origin) -> None:
    found = origin_of(origin.header())
    assert found == (origin if origin.digest else Origin(origin.source, origin.row, origin.partitions, None))


def test_where_columns_give_the_keys_all_records_are_asked() -> None:
    replayed = [Record(Origin(FILES[0], row, 1, "0" * 24, row).header(), b"key %d" % row) for row in range(10)]
    mixed = [record for pair in zip([Record(None, b"x")] * 10, replayed, strict=True) for record in pair]
    offsets = np.arange(len(mixed))
    assert list(Origins(mixed, offsets).last(0, 20)) == []
    for origins in (Origins(mixed, offsets, any_key=True), NO_ORIGINS.then(Origins(mixed, offsets, any_key=True), 0)):
        assert list(origins.last(0, 20)) == [FILES[0]]
