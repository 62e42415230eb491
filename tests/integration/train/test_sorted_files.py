"""What is stored of a version can be read by row group, however long its texts are."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from contract.model_version import ResultsFile
from pipeline.train.kinds import sorted_files
from pipeline.train.kinds.sorted_files import write_sorted, write_sorted_here
from pipeline.train.read.spark_session import SparkOnDemand
from tests.integration.train.conftest import Lab

ROWS, MOST_ROWS, MOST_BYTES = 600, 200, 100_000


def groups(lab: Lab, files: tuple[ResultsFile, ...]) -> list[pa.Table]:
    found = []
    for file in files:
        body = lab.store.get(file.key)
        assert body is not None and file.bytes == len(body[0])
        opened = pq.ParquetFile(io.BytesIO(body[0]))
        found += [opened.read_row_group(at) for at in range(opened.num_row_groups)]
    return found


def text_bytes(group: pa.Table) -> int:
    return sum(pc.sum(pc.binary_length(group[name])).as_py() or 0 for name in ("key", "text"))


def cases() -> dict[str, pa.Table]:
    keys = [f"{n:04d}" for n in range(ROWS)]
    texts: dict[str, list[str | None]] = {
        # Equal texts are few bytes in the file, and as many as others where they are read; é has two.
        "equal": ["é" * 1000] * ROWS,
        "one-long": ["é" * 20_000, *[None] * 299, *["x"] * 300],
        "short": ["x" * 10] * ROWS,
        "longer-than-a-group": ["y" * 150_000, *["x"] * (ROWS - 1)],
    }
    return {
        name: pa.table({"key": keys, "n": list(range(ROWS)), "text": pa.array(of, pa.string())})
        for name, of in texts.items()
    }


MOST = {"equal": 49, "one-long": MOST_ROWS, "short": MOST_ROWS, "longer-than-a-group": 1}


def check(lab: Lab, name: str, table: pa.Table, files: tuple[ResultsFile, ...]) -> None:
    found = groups(lab, files)
    assert pa.concat_tables(found).to_pylist() == table.to_pylist()
    assert all(text_bytes(group) <= MOST_BYTES or group.num_rows == 1 for group in found), name
    assert max(group.num_rows for group in found) == MOST[name]


@pytest.mark.long
def test_a_row_group_has_as_many_rows_as_have_room_for_their_texts(
    spark: SparkOnDemand, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorted_files, "RESULTS_GROUP_TEXT_BYTES", MOST_BYTES)
    for name, table in cases().items():
        rows = spark.session().createDataFrame(table)
        folder = f"results/{lab.name}/{name}"
        files = write_sorted(
            rows, lab.store, folder, ("key",), count=ROWS, files=2, row_group_rows=MOST_ROWS,
        )  # fmt: skip
        check(lab, name, table, files)


def test_so_it_has_where_spark_is_not_asked(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorted_files, "RESULTS_GROUP_TEXT_BYTES", MOST_BYTES)
    for name, table in cases().items():
        backwards = table.take(list(range(ROWS))[::-1])
        folder = f"results/{lab.name}/{name}"
        # Twice, as by an attempt that was killed.
        for _ in range(2):
            files = write_sorted_here(backwards, lab.store, folder, ("key",), row_group_rows=MOST_ROWS)
        assert [entry.key for entry in lab.store.list_objects(f"{folder}/")] == [file.key for file in files]
        check(lab, name, table, files)


@pytest.mark.parametrize("keys", [("id", "lane", "offset"), ("cluster", "id", "lane", "offset")])
def test_both_sort_alike(spark: SparkOnDemand, lab: Lab, keys: tuple[str, ...]) -> None:
    # As bytes: UTF-16 has the face before the last letter of its plane, and locales have other orders.
    ids = ["b", "a", "", "B", "é", "e\u0301", "\uffee", "\U0001f600", "a", "a-1", "a\x00", "10", "9"] * 2
    count = len(ids)
    table = pa.table(
        {
            "id": ids,
            "lane": pa.array([n % 3 for n in range(count)], pa.int32()),
            "offset": pa.array(range(count - 1, -1, -1), pa.int64()),
            "cluster": pa.array([n % 2 for n in range(count)], pa.int32()),
            "x": pa.array([None if n % 5 == 0 else n / 7 for n in range(count)], pa.float64()),
            "at": pa.array([None, *range(1, count)], pa.timestamp("us", "UTC")),
        }
    )
    rows = spark.session().createDataFrame(table)
    folder = f"results/{lab.name}"
    theirs = write_sorted(rows, lab.store, f"{folder}/theirs", keys, count=count, files=1, row_group_rows=MOST_ROWS)
    ours = write_sorted_here(rows.toArrow(), lab.store, f"{folder}/ours", keys, row_group_rows=MOST_ROWS)
    (one,), (other,) = groups(lab, theirs), groups(lab, ours)
    assert one.schema.equals(other.schema, check_metadata=False) and one.equals(other)
    assert [(each.rows, each.first, each.last) for each in ours] == [(e.rows, e.first, e.last) for e in theirs]
