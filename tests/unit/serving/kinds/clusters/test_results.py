"""Pages and rows over sorted files, with the object store replaced by a directory of bytes."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.batch import OFFSET, PARTITION
from contract.errors import InvalidRequestError, UnknownNameError
from contract.model_version import (
    CLUSTER,
    DISTANCE,
    ROW_ID,
    TAG_RESULTS,
    ResultsFile,
    ResultsManifest,
    results_to_json,
)
from serving.kinds.clusters.results import COLUMNS, Results, read_cursor, write_cursor
from serving.stored_rows.footer import Key
from serving.stored_rows.range_cache import RangeCache
from serving.stored_rows.sorted_file import SortedFiles, first_group
from serving.versions.catalogue import Version
from tests.unit.serving.served_numbers import version
from tests.unit.serving.stored_rows.counting_store import CountingStore

LABELS = ("C1", "C2")


def _file(rows: list[tuple[str, int]], group: int) -> tuple[bytes, ResultsFile]:
    table = pa.table(
        {
            ROW_ID: pa.array([row_id for row_id, _ in rows], pa.string()),
            PARTITION: pa.array([0] * len(rows), pa.int32()),
            OFFSET: pa.array([offset for _, offset in rows], pa.int64()),
            CLUSTER: pa.array([0] * len(rows), pa.int32()),
            DISTANCE: pa.array([0.5] * len(rows)),
            "f": pa.array([1.0] * len(rows)),
        }
    )
    buffer = io.BytesIO()
    pq.write_table(table, buffer, row_group_size=group)
    body = buffer.getvalue()
    ends = [(row_id, 0, offset) for row_id, offset in (rows[0], rows[-1])]
    return body, ResultsFile("k", "e", len(body), len(rows), ends[0], ends[1])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(
    ids=st.lists(st.text("abé\U0001f600", max_size=3), min_size=1, max_size=40),
    group=st.integers(1, 7),
    wanted=st.text("abé\U0001f600", max_size=3),
)
def test_the_first_group_never_passes_over_a_key(tmp_path: Path, ids: list[str], group: int, wanted: str) -> None:
    rows = sorted((row_id, offset) for offset, row_id in enumerate(ids))
    body, file = _file(rows, group)
    store: Any = CountingStore({"k": body})
    files = SortedFiles(RangeCache(store, tmp_path, 0), COLUMNS)
    footer = files.footer(file, (ROW_ID, PARTITION, OFFSET))
    starts: list[Key] = [(), (wanted,), (wanted, 0, 3)]
    for start in starts:
        skipped = rows[: first_group(footer.upper, start) * group]
        assert all((row_id, 0, offset)[: len(start)] < start for row_id, offset in skipped)
        if skipped and start:
            # No more than one group is read in vain.
            rest = rows[len(skipped) : len(skipped) + 2 * group]
            assert len(rest) < 2 * group or any((r, 0, o)[: len(start)] >= start for r, o in rest)


def test_a_row_group_is_one_ranged_read_and_none_when_warm(tmp_path: Path) -> None:
    body, file = _file([(f"{i:03d}", i) for i in range(100)], 10)
    store: Any = CountingStore({"k": body})
    ranges = RangeCache(store, tmp_path, 10**6)
    ranges.prepare()
    for files, reads in ((SortedFiles(ranges, COLUMNS), 2), (SortedFiles(ranges, COLUMNS), 0)):
        store.reads = 0
        footer = files.footer(file, (ROW_ID, PARTITION, OFFSET))
        for _ in range(3):
            assert files.table(file, footer, 4).column(ROW_ID)[0].as_py() == "040"
        assert store.reads == reads


def test_the_cache_keeps_to_its_size_and_forgets_the_oldest(tmp_path: Path) -> None:
    store: Any = CountingStore({"k": b"x" * 1000})
    ranges = RangeCache(store, tmp_path, 500)
    ranges.prepare()
    for first in range(0, 1000, 100):
        assert ranges.get("k", "e", first, first + 100) == b"x" * 100
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 500
    store.reads = 0
    ranges.get("k", "e", 900, 1000)
    assert store.reads == 0
    ranges.get("k", "e", 0, 100)
    assert store.reads == 1


def test_an_altered_range_is_fetched_anew(tmp_path: Path) -> None:
    store: Any = CountingStore({"k": b"0123456789"})
    ranges = RangeCache(store, tmp_path, 500)
    ranges.get("k", "e", 2, 5)
    (cached,) = tmp_path.iterdir()
    cached.write_bytes(cached.read_bytes()[:-1] + b"!")
    assert ranges.get("k", "e", 2, 5) == b"234"
    assert store.reads == 2


@given(st.text(), st.integers(0, 99), st.integers(0, 2**62), st.one_of(st.none(), st.integers(0, 9)))
def test_a_cursor_survives_the_round_trip(row_id: str, partition: int, offset: int, cluster: int | None) -> None:
    if any(0xD800 <= ord(letter) <= 0xDFFF for letter in row_id):
        return
    cursor = write_cursor("run", cluster, (row_id, partition, offset))
    assert read_cursor(cursor, "run", cluster) == (row_id, partition, offset)
    for run, other in (("else", cluster), ("run", 99)):
        with pytest.raises(InvalidRequestError):
            read_cursor(cursor, run, other)


def _stored(tmp_path: Path, ids: list[str], group: int) -> tuple[Results, Version]:
    rows = sorted((row_id, offset) for offset, row_id in enumerate(ids))
    body, file = _file(rows, group)
    by_cluster = replace(file, first=(0, *file.first), last=(0, *file.last))
    manifest = ResultsManifest("m", "run-1", len(rows), ("f",), (file,), (by_cluster,))
    ranges = RangeCache(CountingStore({"k": body, "manifest": results_to_json(manifest)}), tmp_path, 0)  # type: ignore[arg-type] # what it reads of a store
    return Results(ranges), version(1, tags={TAG_RESULTS: "manifest"})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(
    ids=st.lists(st.sampled_from(["a", "b", "bb", "c"]), min_size=1, max_size=40),
    group=st.integers(1, 7),
    limit=st.integers(1, 9),
)
def test_the_rows_of_an_id_that_many_share_come_by_page(tmp_path: Path, ids: list[str], group: int, limit: int) -> None:
    results, served = _stored(tmp_path, ids, group)
    for row_id in set(ids):
        found: list[int] = []
        cursor: str | None = None
        while cursor is not None or not found:
            page = results.rows_of(served, LABELS, row_id, limit=limit, cursor=cursor)
            assert 1 <= len(page.rows) <= limit and {row["row_id"] for row in page.rows} == {row_id}
            found += [row["offset"] for row in page.rows]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert found == [offset for offset, other in enumerate(ids) if other == row_id]
    with pytest.raises(UnknownNameError):
        results.rows_of(served, LABELS, "nobody", limit=limit, cursor=None)
    with pytest.raises(InvalidRequestError):
        results.rows_of(served, LABELS, ids[0], limit=limit, cursor=write_cursor("run-1", None, ("nobody", 0, 0)))


def test_lines_are_the_rows_in_pieces(tmp_path: Path) -> None:
    ids = [f"{i:06d}" for i in range(12_000)]
    results, served = _stored(tmp_path, ids, 12_000)
    pieces = list(results.export(served, LABELS, cluster=None))
    assert max(map(len, pieces)) < 2**20 and len(pieces) > 1
    assert [json.loads(line)["row_id"] for piece in pieces for line in piece.splitlines()] == ids


@given(st.text(max_size=80))
def test_any_other_text_is_no_cursor(text: str) -> None:
    with pytest.raises(InvalidRequestError):
        read_cursor(text, "run", None)
