"""A time means the same in a cell, in a record and in Parquet, to the microsecond, or is refused in all three."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from contract.errors import SourceFileError
from contract.moment import PER_SECOND, EpochUnit, epoch_digits, text_us
from contract.stream import Stream, parse_stream
from pipeline.land.formats.whole_records import WholeRecords
from pipeline.replay.limits import limits_of
from pipeline.replay.position import as_sent
from pipeline.replay.rows import SourceRow
from pipeline.replay.source import read_rows
from tests.chunks import chunk

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _stream(unit: str | None) -> Stream:
    epoch = f", epoch: {unit}" if unit else ""
    return parse_stream(
        f"name: s\ntopic: s\ncolumns: {{x: {{type: int32}}, t: {{type: timestamp{epoch}}}}}\n"
        "cut: {rows: 1}\nfeatures: [x]\nmodel: {k: 2}\n",
        "s.yaml",
    )


STREAMS = {unit: _stream(unit) for unit in (None, *PER_SECOND)}


def _landed(stream: Stream, values: list[bytes]) -> list[int | str]:
    """Return what landing makes of the records: microseconds since 1970, or why they are rejected."""
    parsed = WholeRecords(stream).parse(chunk(values))
    found: list[int | str] = [""] * len(values)
    for index, us in zip(parsed.indexes.tolist(), parsed.rows.column("t").cast(pa.int64()).to_pylist(), strict=True):
        found[index] = us
    for record in parsed.rejected:
        found[record.index] = record.reason
    return found


def _stop(error: SourceFileError) -> None:
    raise error


def _replayed(stream: Stream, path: Path) -> int | str:
    """Return what landing makes of the file's one row, as replay sends it, or why replay refuses it."""
    try:
        limits = limits_of(stream, None, {})
        (sent,) = as_sent(read_rows(path, stream, _stop), limits, str(path), _stop)
    except SourceFileError as error:
        return str(error)
    return _landed(stream, [sent.value])[0]


def _from_csv(stream: Stream, cell: str, path: Path) -> int | str:
    with (path / "t.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["x", "t"], ["1", cell]])
    return _replayed(stream, path / "t.csv")


def _from_parquet(stream: Stream, values: pa.Array, path: Path) -> int | str:
    pq.write_table(pa.table({"x": [1], "t": values}), path / "t.parquet")
    return _replayed(stream, path / "t.parquet")


moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30))
fractions = st.text("0123456789", max_size=9)
zones = st.sampled_from(["", "Z", "+01:00", "-0930", "+05"])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moments, fractions, zones, st.sampled_from("T "))
@example(datetime(1969, 12, 31, 23, 59, 59), "999999999", "", "T")
def test_text(tmp_path: Path, moment: datetime, digits: str, zone: str, between: str) -> None:
    text = moment.strftime(f"%Y-%m-%d{between}%H:%M:%S").rjust(19, "0") + (f".{digits}" if digits else "") + zone
    whole = moment.replace(microsecond=0, tzinfo=UTC) - timedelta(
        hours={"+01:00": 1, "-0930": -9.5, "+05": 5}.get(zone, 0)
    )
    expected = (whole - EPOCH) // timedelta(microseconds=1) + int(digits.ljust(9, "0")[:6])
    stream = STREAMS[None]
    record = json.dumps({"x": 1, "t": text}).encode()
    assert _landed(stream, [record]) == [expected]
    assert _landed(stream, [record, b'{"x":1,"t":"2020-01-01"}', record])[::2] == [expected] * 2
    assert _from_csv(stream, text, tmp_path) == expected
    assert _from_parquet(stream, pa.array([text]), tmp_path) == expected


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(list(PER_SECOND)), st.integers(-(10**18), 10**18), st.data())
@example("ns", -1, None)
def test_epoch_numbers(tmp_path: Path, unit: EpochUnit, ns: int, data: Any) -> None:
    digits = epoch_digits(unit)
    number = Decimal(ns).scaleb(-digits) if data is None or data.draw(st.booleans()) else Decimal(ns // 10**digits)
    expected = int((number * 10**6 / PER_SECOND[unit]).to_integral_value("ROUND_FLOOR"))
    text = f"{number:f}"
    stream = STREAMS[unit]
    assert _landed(stream, [b'{"x":1,"t":%b}' % text.encode()]) == [expected]
    assert _landed(stream, [b'{"x":1,"t":"%b"}' % text.encode()]) == [expected]
    assert _from_csv(stream, text, tmp_path) == expected
    assert _from_parquet(stream, pa.array([number], pa.decimal128(38, digits)), tmp_path) == expected
    if number == int(number):
        assert _from_parquet(stream, pa.array([int(number)], pa.int64()), tmp_path) == expected
    time = pa.array([ns], pa.int64()).cast(pa.timestamp("ns"))
    if number == Decimal(ns).scaleb(-digits):
        at_unit = ns // 10**digits
        assert _from_parquet(stream, time, tmp_path) == at_unit * 10**6 // PER_SECOND[unit]
        assert _from_parquet(STREAMS[None], time, tmp_path) == ns // 1000


NO_TEXT = ["1700000000000", "1700100112345", "1.5", "-17000000000", "soon", "2024-01-01T00:00:00.1234567890Z",
           "2024-13-01", "0001-01-01T00:00:00+23:00", "9999-12-31T23:00:00-23:00", " ", "2013-01-01x05",
           "2013-01-01+01:00", "2013-01-01T05:00x+01:00"]  # fmt: skip
NO_NUMBER = ["2024-01-01", "nan", "inf", "1e400", "1_000", "٣", "0x10", "1.0000000001", "9" * 30, "-", "true"]


@pytest.mark.parametrize("between", [*"t_\x00\n-é", "  "])
def test_date_and_time_have_a_t_or_a_space_between_them(between: str) -> None:
    with pytest.raises(ValueError, match="ISO 8601"):
        text_us(f"2013-01-01{between}05:00:00")


@pytest.mark.parametrize("text", ["2013-01-01T06:00+01:00", "2013-01-01 05:00:00 Z", "2013-01-01T05:00:00,0+0000",
                                  "2013-01-01T05:53:28+00:53:28", "2013-01-01 05",
                                  "20130101T05", "20130101T050000Z", "2013-01-01T0500", "2013-W01-2T05"])  # fmt: skip
def test_what_landed_lands_again(text: str) -> None:
    assert text_us(text) == 1_357_016_400_000_000


@pytest.mark.parametrize("cell", NO_TEXT)
def test_what_is_no_time_is_refused_everywhere(tmp_path: Path, cell: str) -> None:
    stream = STREAMS[None]
    found = [
        _landed(stream, [json.dumps({"x": 1, "t": cell}).encode()])[0],
        _from_csv(stream, cell, tmp_path),
        _from_parquet(stream, pa.array([cell]), tmp_path),
    ]
    assert all(isinstance(said, str) and "'t'" in said for said in found), found


@pytest.mark.parametrize("cell", NO_NUMBER)
def test_what_is_no_epoch_number_is_refused_everywhere(tmp_path: Path, cell: str) -> None:
    stream = STREAMS["s"]
    found = [
        _landed(stream, [json.dumps({"x": 1, "t": cell}).encode()])[0],
        _from_csv(stream, cell, tmp_path),
        _from_parquet(stream, pa.array([cell]), tmp_path),
    ]
    assert all(isinstance(said, str) and "'t'" in said for said in found), found


@pytest.mark.parametrize("unit", [None, "s"])
def test_a_number_is_read_as_told_or_the_key_is_named(tmp_path: Path, unit: EpochUnit | None) -> None:
    stream, number = STREAMS[unit], 1_700_000_000
    found = [
        _landed(stream, [b'{"x":1,"t":%d}' % number])[0],
        _from_csv(stream, str(number), tmp_path),
        _from_parquet(stream, pa.array([number]), tmp_path),
        _from_parquet(stream, pa.array([float(number)]), tmp_path),
    ]
    if unit:
        assert found == [number * 10**6] * 4
    else:
        assert all(isinstance(said, str) and "epoch: s" in said for said in found), found


@settings(max_examples=150, deadline=None)
@given(st.from_regex(r"[0-9]{3,5}-?[0-9]{2}-?[0-9]{0,2}([T ][0-9:.,]{0,12})?(Z|[+-][0-9:]{0,5})?", fullmatch=True))
def test_a_record_alone_and_behind_finer_times_means_the_same(text: str) -> None:
    """Arrow reads times itself until it meets one that is too fine for it."""
    stream = STREAMS[None]
    record = json.dumps({"x": 1, "t": text}, ensure_ascii=False).encode()
    finer = b'{"x":1,"t":"2024-01-01T00:00:00.123456789Z"}'
    parser = WholeRecords(stream)
    parser.parse(chunk([finer]))
    alone, behind = WholeRecords(stream).parse(chunk([record])), parser.parse(chunk([record]))
    assert alone.rows.to_pylist() == behind.rows.to_pylist()


def test_the_reason_for_a_long_value_is_short() -> None:
    values = [b'{"x":1,"t":"%b"}' % (b"z" * 500_000), b'{"x":"%b"}' % (b"z" * 500_000)]
    for stream in (STREAMS[None], STREAMS["s"]):
        assert all(len(str(reason)) <= 300 for reason in _landed(stream, values))


def test_rows_of_parquet_know_their_line(tmp_path: Path) -> None:
    times = pa.array(["2024-01-01", "x", "2024-01-03"])
    pq.write_table(pa.table({"x": [1, 2, 3], "t": times}), tmp_path / "t.parquet")
    bad: list[SourceFileError] = []
    rows: list[SourceRow] = list(read_rows(tmp_path / "t.parquet", STREAMS[None], bad.append))
    assert [(row.number, row.line) for row in rows] == [(0, 1), (2, 3)]
    assert [error.line for error in bad] == [2]
