"""Ids: any names at all, found by halving, and files of others refused."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring import ids
from scoring.ids import Ids

NAMES = st.sets(st.text(st.characters(exclude_categories=())), min_size=1, max_size=20).map(sorted)


@given(NAMES, st.text())
def test_any_names_are_given_back_and_found(names: list[str], other: str) -> None:
    made = Ids(Ids.of(names).text)
    assert list(made) == names and len(made) == len(names) and made[1:3] == names[1:3] and made[-1] == names[-1]
    assert [made.find(name) for name in names] == list(range(len(names)))
    assert made.find(other) == (names.index(other) if other in names else None)


@given(NAMES, st.lists(st.text(), max_size=5))
def test_by_the_table_the_same_are_found_as_by_halving(names: list[str], others: list[str]) -> None:
    made = Ids.of(names)
    assert made.places([*names, *others]) == [made.find(name) for name in [*names, *others]]


def test_names_that_share_a_hash_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "hash", len, raising=False)
    made = Ids.of(["a", "b", "c", "dd"])
    assert made.places(["b", "e", "dd", "ee", "", "c"]) == [1, None, 3, None, None, 2]


def test_more_names_than_are_read_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "_BLOCK", 3)
    names = [f"{n:02d}" for n in range(10)]
    made = Ids.of(names)
    assert list(made) == names and made.places(names[::-1]) == list(range(10))[::-1]
    # The last of one block and the first of the next.
    for odd in ([*names[:3], *names[2:]], [*names[:3], "00", *names[3:]]):
        with pytest.raises(ValueError, match="sorted and distinct"):
            Ids.of(odd)


PIECES = st.lists(
    st.sampled_from(
        [b'"', b",", b"\n", b"\r", b"\\", b"a", b"b", b"\0", b"\xed\xa0\x80", b'"\n"', b'"a"\n', b"\\u0061"]
    ),
    max_size=12,
).map(b"".join)


@settings(max_examples=500)
@given(st.one_of(st.binary(max_size=60), PIECES.map(lambda body: body + b'"\n'), NAMES.map(lambda n: Ids.of(n).text)))
def test_any_bytes_are_ids_or_refused(body: bytes) -> None:
    try:
        made = Ids(body)
    except ValueError:
        return
    # Each line is a name by itself: it is answered as it stands.
    names = [json.loads(line) for line in body.decode().split("\n")[:-1]]
    assert all(type(name) is str for name in names) and [*made] == names == [made[place] for place in range(len(made))]
    assert made.places(names) == [made.find(name) for name in names] == [*range(len(names))]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "last line"),
        (b'"a"\n"b"', "last line"),
        (b"a\n", "a JSON string a line"),
        (b"1\n", "a JSON string a line"),
        (b'"a",\n"b"\n', "a JSON string a line"),
        (b'"a","b"\n', "a JSON string a line"),
        (b'["a"\n"b"]\n', "a JSON string a line"),
        (b'"zz\nb"\n"zzc","zzd"\n', "a JSON string a line"),
        (b'"a\rb"\n', "a JSON string a line"),
        (b'"a\\"\n', "a JSON string a line"),
        (b'"a\\\n"\n', "a JSON string a line"),
        (b'"\\x"\n', "a JSON string a line"),
        (b'"\xed\xa0\x80"\n', "a JSON string a line"),
        (b'"\xff"\n', "a JSON string a line"),
        (b"[" * 100_000 + b"\n", "a JSON string a line"),
        (b'"b"\n"a"\n', "sorted and distinct"),
        (b'"a"\n"a"\n', "sorted and distinct"),
        (b'"a"\n\n', "a JSON string a line"),
    ],
)
def test_what_is_no_file_of_ids_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Ids(body)


@pytest.mark.parametrize("body", [b"\n" * 2**24, b'""\n' * 2**22])
def test_lines_that_are_no_names_cost_no_memory(body: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"a JSON string a line|sorted and distinct"):
        Ids(body)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * len(body)


def test_a_file_of_too_many_bytes_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "MOST_BYTES", 3)
    with pytest.raises(ValueError, match="ids of 4 bytes, of which 3 are read at most"):
        Ids(b'"a"\n')
