"""Tags: what they say, or nothing."""

from __future__ import annotations

import pytest

from serving.versions import tags

TOO_LONG = "9" * 5000


@pytest.mark.parametrize("tag", [None, "", "²", "١", "-1", "1.0", "1e3", "1_0", " 1", TOO_LONG, "9" * 16])
def test_what_is_no_whole_number_is_absent(tag: str | None) -> None:
    assert tags.whole(tag) is None


@pytest.mark.parametrize("tag", [None, "", "nan", "inf", "-Infinity", "1e999", "1_0", "٣.5", "0x1", TOO_LONG])
def test_what_is_no_finite_number_is_absent(tag: str | None) -> None:
    assert tags.real(tag) is None


@pytest.mark.parametrize(
    "tag", [None, "", "x", "x/y", "/", "2020-01-01T00:00:00Z", "2020/2021", "٢٠٢٠-01-01/2020-01-02"]
)
def test_what_is_no_interval_is_absent(tag: str | None) -> None:
    assert tags.interval(tag) is None


@pytest.mark.parametrize(
    "tag",
    [None, "", "[]", "5", '{"0": 1}', '{"x": [1, 2]}', '{"0": [1, 1e30]}', '{"0": [1, -2]}', '{"0":' + "[" * 9000],
)
def test_what_are_no_offsets_is_absent(tag: str | None) -> None:
    assert tags.offsets(tag) is None


def test_what_training_writes_is_read() -> None:
    assert (tags.whole("0"), tags.whole("112260")) == (0, 112260)
    numbers = (0.4375, 1e-05, -1.0, 5e-324, 1.7976931348623157e308)
    assert tuple(tags.real(repr(x)) for x in numbers) == numbers
    window = "2013-01-01T10:00:00.000Z/2013-05-02T21:59:00.000Z"
    assert tags.interval(window) == window
    assert tags.instant("2013-01-01T10:00:00.000Z") and tags.instant("yesterday") is None
    assert tags.offsets('{"0": [0, 9223372036854775807], "47": [3, 3]}') == {"0": (0, 2**63 - 1), "47": (3, 3)}
    assert tags.text("x" * 5000) and tags.text("x" * 5001) is None
    assert tags.word("none", ("champion", "none")) == "none" and tags.word("None", ("none",)) is None
