"""What a terminal is shown of rejected bytes, what is one reason, and flags that do not go together."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import ConfigurationError
from pipeline.land.land_again import LandAgainOutcome
from pipeline.land.reject import Reject
from pipeline.land.reject_reasons import SHOWN, RejectReasons, form
from pipeline.land.rejects_command import _say, rejects, shown

STREAM = Path(__file__).parents[3] / "streams" / "flights.yaml"


@given(st.binary(max_size=200))
def test_any_bytes_are_shown_as_printable_text(value: bytes) -> None:
    assert shown(value).isprintable() and len(shown(value)) < 1_000


def test_bytes_are_told_apart() -> None:
    assert shown(None) == "(no value)" and shown(b"") == ""
    assert shown("a\u202eb\x1b[1m".encode()) == "a\\u202eb\\x1b[1m"
    assert shown(b"x" * 100) == "x" * 80 + "… (100 bytes)"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("oversized: the value has 2014 bytes, 1000 are taken", "oversized: the value has 7 bytes, 5 are taken"),
        ("not JSON: trailing comma: line 1 column 7 (char 6)", "not JSON: trailing comma: line 2 column 1 (char 99)"),
        ("holds the number 17: if it counts from 1970, say so", "holds the number 3.5: if it counts from 1970, say so"),
        ("Failed to convert JSON to int64, couldn't parse:1.5", "Failed to convert JSON to int64, couldn't parse:x y"),
    ],
)
def test_reasons_of_one_form_are_one(one: str, other: str) -> None:
    assert form(one) == form(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("column 'x1' is required, and absent", "column 'x2' is required, and absent"),
        ("Column(/x1) changed from number to string", "Column(/x2) changed from number to string"),
        ("Failed to convert JSON to int32, couldn't parse:1", "Failed to convert JSON to int64, couldn't parse:1"),
    ],
)
def test_reasons_of_two_columns_or_types_are_two(one: str, other: str) -> None:
    assert form(one) != form(other)


def test_the_first_reasons_are_kept_and_all_are_counted() -> None:
    reasons = RejectReasons()
    for offset in range(1_000):
        reasons.count(3, [Reject(offset, 0, None, b"", f"odd {'x' * (offset % 40)}")])
    lines = reasons.lines()
    assert len(lines) == SHOWN + 1
    assert lines[0] == "25 × odd  (the first: lane 3, offset 0)"
    assert lines[-1] == "875 for other reasons"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--after", "nonsense"], "write 0-1234"),
        (["--land-again", "--lane", "1"], "goes with --stream alone"),
        (["--land-again", "--json"], "goes with --stream alone"),
    ],
)
def test_flags_that_cannot_be_meant(flags: list[str], message: str) -> None:
    found = CliRunner().invoke(rejects, ["--stream", str(STREAM), *flags])
    assert isinstance(found.exception, ConfigurationError) and message in str(found.exception)


def test_what_the_stream_file_skips_by_now_is_told_to_stay_rejected(capsys: pytest.CaptureFixture[str]) -> None:
    _say("s.yaml", LandAgainOutcome([], RejectReasons(), rejected=3, skipped=2))
    said = "2 of them the stream file skips by now: they were counted as rejected, and stay so"
    assert said in capsys.readouterr().out
    _say("s.yaml", LandAgainOutcome([], RejectReasons(), rejected=3))
    assert "skips" not in capsys.readouterr().out
