"""The one decoder: strict, bounded, and saying in a line what is wrong."""

from __future__ import annotations

import tracemalloc
from typing import Annotated

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.artifact import GOLDEN, PROFILE, SCORING
from contract.decoding import Count, Decoder, Name, Share, shortened
from contract.lineage import LINEAGE
from contract.model_version import RESULTS, STATISTICS


class Fields(msgspec.Struct, forbid_unknown_fields=True):
    """Some of everything."""

    count: Count = 0
    share: Share = 0.0
    name: Name = "x"
    numbers: Annotated[tuple[float, ...], msgspec.Meta(max_length=3)] = ()


DECODER: Decoder[Fields] = Decoder(Fields, most_bytes=100_000, most_values=50)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b'{"count": 9007199254740992}', "<= 9007199254740991"),
        (b'{"count": ' + b"9" * 5000 + b"}", "out of range"),
        (b'{"count": 1.0}', "got `float`"),
        (b'{"count": true}', "got `bool`"),
        (b'{"count": "1"}', "got `str`"),
        (b'{"count": -1}', ">= 0"),
        (b'{"share": 1.01}', "<= 1"),
        (b'{"share": NaN}', "malformed"),
        (b'{"share": Infinity}', "malformed"),
        (b'{"share": 1e999}', "out of range"),
        (b'{"name": ""}', ">= 1"),
        (b'{"name": null}', "got `null`"),
        (b'{"name": "\xff"}', "not UTF-8"),
        (b'{"name": "\\ud800"}', "truncated"),
        (b'{"numbers": [1, 2, 3, 4]}', "length <= 3"),
        (b'{"numbers": {}}', "got `object` - at `$.numbers`"),
        (b'{"numbers": [1, [2]]}', "got `array` - at `$.numbers[1]`"),
        (b'{"other": 1}', "unknown field `other`"),
        (b"[" * 20_000, "more than 50 values"),
        (b"[]", "got `array`"),
        (b"{} {}", "trailing"),
        (b"", "truncated"),
        (b'{"numbers": [' + b"0," * 60 + b"0]}", "more than 50 values"),
        (b" " * 100_001, "it has 100,001 bytes, of which 100,000 are read at most"),
    ],
)
def test_what_is_not_meant_is_refused_with_its_place(body: bytes, problem: str) -> None:
    with pytest.raises(ValueError) as refused:
        DECODER.decode(body)
    assert problem in str(refused.value) and len(str(refused.value)) <= 300


def test_what_is_meant_is_read() -> None:
    body = b'{"count": 9007199254740991, "share": 1, "numbers": [1, -2.5, 1e300]}'
    assert DECODER.decode(body) == Fields(2**53 - 1, 1.0, "x", (1.0, -2.5, 1e300))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for decoder in (DECODER, SCORING, GOLDEN, PROFILE, LINEAGE, STATISTICS, RESULTS):
        try:
            decoder.decode(body)
        except ValueError as error:
            assert "\n" not in str(error)


def test_a_large_body_is_not_taken_apart() -> None:
    body = b'{"clusters": [' + b"[]," * 10_000_000 + b"[]]}"
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="values"):
            STATISTICS.decode(body)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_a_reason_is_one_line_of_300_characters() -> None:
    assert shortened("") == "" and shortened("a\nb") == "a"
    assert shortened("x" * 300) == "x" * 300 and shortened("x" * 301) == "x" * 299 + "…"
