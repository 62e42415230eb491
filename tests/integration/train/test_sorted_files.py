"""What is stored of a version can be read by row group, however long its texts are."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from contract.model_version import ResultsFile
from pipeline.train.kinds import sorted_files
from pipeline.train.kinds.sorted_files import write_sorted
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


@pytest.mark.long
def test_a_row_group_has_as_many_rows_as_have_room_for_their_texts(
    spark: SparkOnDemand, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorted_files, "RESULTS_GROUP_TEXT_BYTES", MOST_BYTES)
    keys = [f"{n:04d}" for n in range(ROWS)]
    cases: dict[str, list[str | None]] = {
        # Equal texts are few bytes in the file, and as many as others where they are read; é has two.
        "equal": ["é" * 1000] * ROWS,
        "one-long": ["é" * 20_000, *[None] * 299, *["x"] * 300],
        "short": ["x" * 10] * ROWS,
        "longer-than-a-group": ["y" * 150_000, *["x"] * (ROWS - 1)],
    }
    most = {}
    for name, texts in cases.items():
        table = pa.table({"key": keys, "n": list(range(ROWS)), "text": pa.array(texts, pa.string())})
        rows = spark.session().createDataFrame(table)
        folder = f"results/{lab.name}/{name}"
        files = write_sorted(
            rows, lab.store, folder, ("key",), count=ROWS, files=2, row_group_rows=MOST_ROWS,
        )  # fmt: skip
        found = groups(lab, files)
        assert pa.concat_tables(found).to_pylist() == table.to_pylist()
        assert all(text_bytes(group) <= MOST_BYTES or group.num_rows == 1 for group in found), name
        most[name] = max(group.num_rows for group in found)
    assert most == {"equal": 49, "one-long": MOST_ROWS, "short": MOST_ROWS, "longer-than-a-group": 1}
