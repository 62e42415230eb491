"""Values that records carry as text become what parts have, or reject their record with the column and the reason."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from contract.stream import parse_stream
from pipeline.land.formats.whole_records import WholeRecords
from tests.chunks import chunk

STREAM = parse_stream(
    """
name: s
topic: s
columns:
  x: float64
  d: decimal(20,2)
  day: date
  at: time
  raw: binary
  t: {type: timestamp, zone: Europe/Berlin}
cut: {rows: 1}
features: [x]
model: {k: 2}
""",
    "s.yaml",
)


def landed(value: str) -> dict[str, Any] | str:
    """Return the row that a record becomes, or why it is rejected."""
    parsed = WholeRecords(STREAM).parse(chunk([b'{"x":1}', value.encode(), b'{"x":1}']))
    return parsed.rejected[0].reason if parsed.rejected else parsed.rows.to_pylist()[1]


@pytest.mark.parametrize(
    ("column", "value", "meant"),
    [
        ("d", '"123456789012345678.91"', Decimal("123456789012345678.91")),
        ("d", "123456789012345678.91", Decimal("123456789012345678.91")),
        ("day", '"2024-02-29"', date(2024, 2, 29)),
        ("at", '"10:30:00.25"', time(10, 30, 0, 250_000)),
        ("raw", '"aGk="', b"hi"),
        ("t", '"2024-07-01T12:00:00"', datetime(2024, 7, 1, 10, tzinfo=UTC)),
        ("t", '"2024-07-01T12:00:00Z"', datetime(2024, 7, 1, 12, tzinfo=UTC)),
        ("day", "null", None),
    ],
)
def test_a_value_is_what_its_column_says(column: str, value: str, meant: object) -> None:
    row = landed(f'{{"{column}": {value}}}')
    assert isinstance(row, dict) and row[column] == meant


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("d", '"1.234"', "1.234 requires scale 3"),
        ("d", "1234567890123456789.1", "column 'd': "),
        ("day", '"31.12.2024"', "column 'day': 31.12.2024 is no date, as 2024-01-31 is"),
        ("day", "5", "column 'day' is text for a date32[day], and holds 5"),
        ("at", '"25:00"', "column 'at': hour must be in"),
        ("raw", '"~"', "column 'raw': not Base64"),
        ("t", '"2024-10-27T02:30"', "column 't': 2024-10-27 02:30:00 is there twice"),
        ("t", "5", "column 't' is text for a timestamp"),
    ],
)
def test_what_is_not_rejects_its_record_alone(column: str, value: str, said: str) -> None:
    assert said in str(landed(f'{{"{column}": {value}}}'))
