"""Content codings: what a client takes, and bodies that come compressed."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import MalformedRequestError, UnsupportedMediaError
from serving.http.codings import coding_of, inflating, prefers, takes_gzip
from serving.http.conditional import entity_tag, has_already


@pytest.mark.parametrize(
    ("told", "takes"),
    [
        ("gzip", True),
        ("GZIP;q=0.1", True),
        ("*", True),
        ("br, gzip", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000, *", False),
        ("*;q=0", False),
        ("*;q=0, gzip", True),
        ("identity", False),
        ("br", False),
        ("xgzip", False),
        ("gzip;q=many", False),
        ("", False),
    ],
)
def test_gzip_is_given_to_those_who_take_it(told: str, takes: bool) -> None:
    assert takes_gzip(told) is takes


@pytest.mark.parametrize(
    ("accept", "lines"),
    [
        ("application/x-ndjson", True),
        ("application/json, application/x-ndjson", True),
        ("application/x-ndjson;q=0", False),
        ("application/json, application/x-ndjson;q=0.5", False),
        ("*/*", False),
        ("", False),
    ],
)
def test_lines_are_given_to_those_who_ask_for_them(accept: str, lines: bool) -> None:
    assert prefers(accept, "application/x-ndjson", "application/json") is lines


def _inflated(body: bytes, coding: str) -> bytes:
    return b"".join(inflating(body, coding))


def _bare(body: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(body) + stream.flush()


@given(st.binary(max_size=3000), st.integers(1, 400))
def test_what_was_compressed_comes_back(body: bytes, times: int) -> None:
    body *= times
    for coding, packed in (("gzip", gzip.compress(body)), ("x-gzip", gzip.compress(body)), ("deflate", _bare(body))):
        assert _inflated(packed, coding) == body
    assert _inflated(zlib.compress(body), "deflate") == body


@given(st.binary(max_size=200), st.binary(max_size=40), st.integers(0, 60), st.sampled_from(["gzip", "deflate"]))
def test_anything_else_is_refused_in_our_words(body: bytes, noise: bytes, at: int, coding: str) -> None:
    for packed in (noise, gzip.compress(body)[:at], gzip.compress(body)[:at] + noise, gzip.compress(body) + noise):
        try:
            _inflated(packed, coding)
        except MalformedRequestError as error:
            assert str(error)


def test_a_body_that_is_cut_or_goes_on_is_malformed() -> None:
    packed = gzip.compress(b"x" * 3_000_000)
    for body in (packed[:-1], packed + b"x", packed + packed, b"", b"no"):
        with pytest.raises(MalformedRequestError):
            _inflated(body, "gzip")


def test_a_bomb_comes_in_pieces() -> None:
    bomb = gzip.compress(b"\0" * 200 * 2**20, 9)
    assert len(bomb) < 250_000
    coming = inflating(bomb, "gzip")
    assert all(len(next(coming)) <= 256 * 1024 for _ in range(100))


def test_other_codings_are_refused() -> None:
    assert coding_of(None) is coding_of(b"identity") is None
    assert coding_of(b" GZip ") == "gzip"
    for told in (b"br", b"gzip, gzip", b"\xff", b"compress"):
        with pytest.raises(UnsupportedMediaError):
            coding_of(told)


def test_a_tag_stands_for_the_bytes_as_they_are_sent() -> None:
    plain, packed = entity_tag(b"x"), entity_tag(b"x", "gzip")
    assert plain != packed and plain == entity_tag(b"x") != entity_tag(b"y")
    assert (
        has_already([f'"a", W/{plain}'], plain) and has_already(['"a"', plain], plain) and has_already([" * "], plain)
    )
    assert not has_already([packed], plain) and not has_already(['"*"'], plain) and not has_already([], plain)
