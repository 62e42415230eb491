"""Stored lists: one row group a user, and files that are not what training writes are refused with a word."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import ModelArtifactError, UnknownNameError, VersionUnavailableError
from contract.model_version import ResultsFile
from contract.recommender import IdColumn, ListsManifest, lists_to_json
from serving.kinds.als.stored_lists import StoredList, StoredLists
from serving.stored_rows.range_cache import RangeCache
from serving.versions.catalogue import Version
from tests.unit.serving.stored_rows.counting_store import CountingStore

N = 20
USERS = [f"u{i:02d}" for i in range(0, 2 * N, 2)]
FLOATS, TEXTS = pa.list_(pa.float32()), pa.list_(pa.string())


def columns(users: list[str]) -> dict[str, Any]:
    numbers = [int(user[1:]) for user in users]
    return {
        "_user": pa.array(users),
        # Some rated nearly all, and some nothing.
        "items": pa.array([[f"i{n}", "ü"][: n % 3] for n in numbers], TEXTS),
        "scores": pa.array([[n / 8, 0.5][: n % 3] for n in numbers], FLOATS),
        "rated_items": pa.array([[f"r{i}" for i in range(n)] for n in numbers], TEXTS),
        "ratings": pa.array([[float(i) for i in range(n)] for n in numbers], FLOATS),
    }


def parquet(users: list[str] = USERS, **changed: Any) -> bytes:
    told = {name: column for name, column in {**columns(users), **changed}.items() if column is not None}
    buffer = io.BytesIO()
    pq.write_table(pa.table(told), buffer, row_group_size=6)
    return buffer.getvalue()


class Stored:
    """A version whose lists are in these files."""

    def __init__(self, directory: Path, *bodies: bytes, tag: str = "m", run_id: str = "r") -> None:
        self.store = CountingStore({f"k{i}": body for i, body in enumerate(bodies)})
        share = N // len(bodies)
        files = tuple(
            ResultsFile(f"k{i}", "e", max(1, len(body)), share, (USERS[i * share],), (USERS[(i + 1) * share - 1],))
            for i, body in enumerate(bodies)
        )
        self.store.objects["m"] = lists_to_json(ListsManifest("a", run_id, N, files))
        store: Any = self.store
        ranges = RangeCache(store, directory, 10**8)
        ranges.prepare()
        self.lists = StoredLists(ranges)
        self.version = Version("a", 1, "r", "s", "ready", {"results": tag} if tag else {}, 0)

    def of(self, user: str) -> StoredList:
        return self.lists.of(self.version, user, IdColumn("item", "string"))


def test_every_user_s_list_is_read_with_one_row_group(tmp_path: Path) -> None:
    stored = Stored(tmp_path, parquet(USERS[:10]), parquet(USERS[10:]))
    for user in USERS:
        n = int(user[1:])
        assert stored.of(user) == StoredList(
            [f"i{n}", "ü"][: n % 3], [n / 8, 0.5][: n % 3], [f"r{i}" for i in range(n)], [float(i) for i in range(n)]
        )
    # A manifest, two footers and, of ten users in groups of six, two groups each.
    assert stored.store.reads == 1 + 2 + 2 * 2
    fresh = Stored(tmp_path / "fresh", parquet())
    assert fresh.of("u14").items and fresh.store.reads == 3


@pytest.mark.parametrize("user", ["u01", "a", "u13", "z", ""])
def test_who_has_no_list_is_told(tmp_path: Path, user: str) -> None:
    with pytest.raises(UnknownNameError, match="no user"):
        Stored(tmp_path, parquet()).of(user)


def test_lists_of_another_run_or_none_at_all(tmp_path: Path) -> None:
    with pytest.raises(ModelArtifactError, match="of another run"):
        Stored(tmp_path, parquet(), run_id="other").of("u02")
    for tag in ("", "k" * 1025):
        with pytest.raises(VersionUnavailableError, match="no stored lists"):
            Stored(tmp_path, parquet(), tag=tag).of("u02")


def each(value: Any, of: pa.DataType) -> Any:
    return pa.array([value] * N, of)


NO_TEXT = pa.ListArray.from_arrays([*range(N + 1)], each(b"\xed\xa0\x80", pa.binary()).view(pa.string()))


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "not a file of results"),
        (parquet()[:-1], "not a file of results"),
        (parquet(items=None), "no column items"),
        (parquet(items=each("a", pa.string())), "nested"),
        (parquet(items=each([["a"]], pa.list_(TEXTS))), "nested"),
        (parquet(items=each({"a": "b"}, pa.struct([("a", pa.string())]))), "nested"),
        (parquet(scores=each([1.0], pa.list_(pa.float64()))), "no column scores of its type"),
        (parquet(ratings=each(["1"], TEXTS)), "no column ratings"),
        (parquet(_user=pa.array(range(N), pa.int64())), "no column _user"),
        (parquet(more=each([1.0], FLOATS)), "nested"),
        (parquet(scores=each([1.0, 2.0, 3.0], FLOATS)), "lists of 1, 3, 22, 22 values"),
        (parquet(scores=each(None, FLOATS)), "lists of 1, 0, 22, 22 values"),
        (parquet(scores=each([None], FLOATS)), "a value missing"),
        (parquet(items=each([None], TEXTS)), "a value missing"),
        (parquet(items=NO_TEXT, scores=each([0.0], FLOATS)), "row group .* cannot be read"),
        (parquet(scores=each([float("nan")], FLOATS), items=each(["a"], TEXTS)), "NaN or infinite"),
        (parquet(items=each(["y" * 2**20] * 40, TEXTS), scores=each([0.0] * 40, FLOATS)), "items of more than"),
    ],
)
def test_another_file_is_refused_with_a_word(tmp_path: Path, body: bytes, problem: str) -> None:
    with pytest.raises(ModelArtifactError, match=problem) as refused:
        Stored(tmp_path, body).of("u22")
    assert len(str(refused.value)) < 500


def test_lists_that_are_few_bytes_are_not_unpacked(tmp_path: Path) -> None:
    users = pa.array(["u22"])
    n = 34_000_000
    many = pa.ListArray.from_arrays([0, n], pa.DictionaryArray.from_arrays(np.zeros(n, np.int8), ["a"]))
    table = pa.table(
        {**{name: column.slice(0, 1) for name, column in columns(USERS).items()}, "_user": users, "items": many}
    )
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    body = buffer.getvalue()
    assert len(body) < 200_000
    stored = Stored(tmp_path, body)
    file = ResultsFile("k0", "e", len(body), 1, ("u22",), ("u22",))
    stored.store.objects["m"] = lists_to_json(ListsManifest("a", "r", 1, (file,)))
    with pytest.raises(ModelArtifactError, match="a row group has 1 rows"):
        stored.of("u22")


GOOD = parquet()


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(1, 3500), st.integers(0, 255)), min_size=1, max_size=4),
    st.booleans(),
    st.sampled_from(USERS),
)
def test_any_bytes_are_a_list_or_refused(changes: list[tuple[int, int]], at_the_end: bool, user: str) -> None:
    body = bytearray(GOOD)
    for at, byte in changes:
        body[(-at if at_the_end else at) % len(body)] = byte
    with tempfile.TemporaryDirectory() as directory:
        try:
            found = Stored(Path(directory), bytes(body)).of(user)
            assert len(found.items) == len(found.scores) and len(found.rated_items) == len(found.ratings)
        except (ModelArtifactError, UnknownNameError) as error:
            assert len(str(error)) < 500
