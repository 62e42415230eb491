"""Files of results that are not what training writes: refused with a word, before they cost anything."""

from __future__ import annotations

import io
import json
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contract.errors import ModelArtifactError, VersionUnavailableError
from contract.model_version import ResultsFile, ResultsManifest, results_from_json, results_to_json
from contract.moment import EARLIEST_US, LATEST_US
from serving.budget import Budget
from serving.kinds.clusters import results
from serving.stored_rows.footer import row_groups
from serving.stored_rows.range_cache import RangeCache
from serving.stored_rows.sorted_file import SortedFiles
from serving.versions.catalogue import Version
from tests.unit.serving.stored_rows.counting_store import CountingStore

N = 100
LABELS = ("C1", "C2")
COLUMNS: dict[str, Any] = {
    "_row_id": pa.array([f"{i:03d}" for i in range(N)]),
    "_partition": pa.array([0] * N, pa.int32()),
    "_offset": pa.array(range(N), pa.int64()),
    "_cluster": pa.array([i % 2 for i in range(N)], pa.int32()),
    "_distance": pa.array([0.5] * N),
    "x": pa.array([1.0] * N),
}
FACTS: dict[str, Any] = {"key": "k", "etag": "e", "rows": N, "first": ("000", 0, 0), "last": ("099", 0, 99)}


def _parquet(**changed: Any) -> bytes:
    columns = {name: column for name, column in {**COLUMNS, **changed}.items() if column is not None}
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, row_group_size=30)
    return buffer.getvalue()


class Stored:
    """A version whose results are one file of these bytes."""

    def __init__(self, directory: Path, body: bytes, *, tag: str = "m", types: Any = (), **facts: Any) -> None:
        file = ResultsFile(**{**FACTS, "bytes": len(body), **facts})
        manifest = ResultsManifest("a", "r", N, ("x",), (file,), (), types)
        store: Any = CountingStore({"k": body, "m": results_to_json(manifest)})
        ranges = RangeCache(store, directory, 10**8)
        ranges.prepare()
        self.results = results.Results(ranges)
        self.version = Version("a", 1, "r", "s", "ready", {"results": tag}, 0)

    def page(self) -> list[dict[str, Any]]:
        return self.results.page(self.version, LABELS, limit=1000, cursor=None, cluster=None).rows


def test_what_training_writes_is_read(tmp_path: Path) -> None:
    rows = Stored(tmp_path, _parquet()).page()
    assert [row["row_id"] for row in rows] == [f"{i:03d}" for i in range(N)]
    assert rows[1] == {
        "row_id": "001", "partition": 0, "offset": 1, "cluster": 1, "label": "C2", "distance": 0.5,
        "features": {"x": 1.0},
    }  # fmt: skip


TYPED = {
    "double": (pa.array([0.1, None, 1e308, *[1.0] * (N - 3)]), [0.1, None, 1e308]),
    "long": (pa.array([2**62 + 1, None, -(2**63), *[1] * (N - 3)]), [2**62 + 1, None, -(2**63)]),
    "boolean": (pa.array([True, None, False, *[True] * (N - 3)]), [True, None, False]),
    "string": (pa.array(["", None, "é\0</script>", *["a"] * (N - 3)]), ["", None, "é\0</script>"]),
    "datetime": (
        pa.array([EARLIEST_US, None, 1_357_016_400_000_001, *[0] * (N - 3)]).cast(pa.timestamp("us", "UTC")),
        ["0001-01-01T00:00:00Z", None, "2013-01-01T05:00:00.000001Z"],
    ),
}


@pytest.mark.parametrize("kind", TYPED)
def test_typed_values_come_as_they_landed(tmp_path: Path, kind: str) -> None:
    column, told = TYPED[kind]
    stored = Stored(tmp_path, _parquet(x=column), types=(kind,))
    assert [row["features"]["x"] for row in stored.page()[:3]] == told
    lines = b"".join(stored.results.export(stored.version, LABELS, cluster=None)).splitlines()
    assert [json.loads(line)["features"]["x"] for line in lines[:3]] == told


@pytest.mark.parametrize(
    ("kind", "column"),
    [
        ("long", pa.array([1.0] * N)),
        ("double", pa.array([1] * N)),
        ("string", pa.array([b"\xff"] * N)),
        ("string", pa.array([1] * N)),
        ("boolean", pa.array([1] * N)),
        ("datetime", pa.array([1] * N)),
        ("datetime", pa.array([LATEST_US + 1] * N).cast(pa.timestamp("us", "UTC"))),
        ("datetime", pa.array([1] * N).cast(pa.timestamp("us"))),
        ("datetime", pa.array([1] * N).cast(pa.timestamp("ns", "UTC"))),
        ("string", pa.array(["y" * (5 * 2**20), *[""] * (N - 1)])),
        ("string", pa.array(["a"] * N, pa.large_string())),
        ("string", pa.array(["a"] * N).dictionary_encode()),
    ],
)
def test_values_of_another_type_are_refused(tmp_path: Path, kind: str, column: Any) -> None:
    try:
        stored = Stored(tmp_path, _parquet(x=column), types=(kind,))
        rows = stored.page()
    except ModelArtifactError as error:
        assert len(str(error)) < 500
    else:
        # Arrow's own name for texts is no other type.
        assert kind == "string" and rows[1]["features"]["x"] == "a"


def _one(value: Any, name: str) -> Any:
    return pa.array([value, *COLUMNS[name].to_pylist()[1:]], COLUMNS[name].type)


ENDS = b"".join(i.to_bytes(4, "little") for i in range(N + 1))
NOT_TEXT = pa.Array.from_buffers(pa.string(), N, [None, pa.py_buffer(ENDS), pa.py_buffer(b"\xff" * N)])


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "does not end as a Parquet file"),
        (b"PAR1", "not a file of results"),
        (b"x" * 5000, "does not end as a Parquet file"),
        (b"PAR1" + b"\0" * 100 + (50).to_bytes(4, "little") + b"PAR1", "not a file of results"),
        (_parquet()[:-100] + b"\xff" * 50 + _parquet()[-50:], "not a file of results"),
        (_parquet(_row_id=None), "no column _row_id"),
        (_parquet(_cluster=pa.array(["0"] * N)), "no column _cluster of its type"),
        (_parquet(_row_id=pa.array(range(N))), "no column _row_id of its type"),
        (_parquet(x=pa.array([[1.0]] * N)), "nested"),
        (_parquet(x=pa.array(["1"] * N)), "not of type double"),
        (_parquet(x=None), "no column 'x'"),
        (_parquet(_cluster=_one(7, "_cluster")), "a cluster that the version does not have"),
        (_parquet(_cluster=_one(-1, "_cluster")), "a cluster that the version does not have"),
        (_parquet(_cluster=_one(None, "_cluster")), "_cluster is missing in a row"),
        (_parquet(_row_id=_one(None, "_row_id")), "_row_id is missing in a row"),
        (_parquet(_offset=_one(None, "_offset")), "_offset is missing in a row"),
        (_parquet(_row_id=_one("y" * 70_000, "_row_id")), "more than 65536 bytes"),
        (_parquet(_row_id=NOT_TEXT), "cannot be read|not a file of results"),
    ],
)
def test_another_file_is_refused_with_a_word(tmp_path: Path, body: bytes, problem: str) -> None:
    with pytest.raises(ModelArtifactError, match=problem) as refused:
        Stored(tmp_path, body, bytes=max(len(body), 1)).page()
    assert len(str(refused.value)) < 500


def test_rows_that_are_few_bytes_are_not_unpacked(tmp_path: Path) -> None:
    n = 8_000_000
    one = pa.table({name: column.slice(0, 1).take(pa.array([0] * 1000)) for name, column in COLUMNS.items()})
    buffer = io.BytesIO()
    with pq.ParquetWriter(buffer, one.schema) as writer:
        writer.write_table(pa.concat_tables([one] * (n // 1000)), row_group_size=n)
    body = buffer.getvalue()
    assert len(body) < 200_000
    with pytest.raises(ModelArtifactError, match="a row group has 8000000 rows"):
        Stored(tmp_path, body, rows=n).page()


@pytest.mark.parametrize("facts", [{"rows": 99}, {"bytes": 40}, {"bytes": 10**6}])
def test_a_file_that_its_manifest_tells_otherwise_is_refused(tmp_path: Path, facts: dict[str, Any]) -> None:
    with pytest.raises(ModelArtifactError):
        Stored(tmp_path, _parquet(), **facts).page()


def test_results_of_another_run_and_odd_keys_are_refused(tmp_path: Path) -> None:
    stored = Stored(tmp_path, _parquet())
    other = Version("a", 1, "another", "s", "ready", {"results": "m"}, 0, numbers=stored.version.numbers)
    with pytest.raises(ModelArtifactError, match="of another run"):
        stored.results.page(other, LABELS, limit=1, cursor=None, cluster=None)
    with pytest.raises(VersionUnavailableError, match="no stored results"):
        Stored(tmp_path, _parquet(), tag="k" * 1025).page()


def test_many_who_ask_for_the_same_rows_unpack_them_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored, decoded = Stored(tmp_path, _parquet()), list[int]()
    decode = SortedFiles._decode

    def slowly(*asked: Any) -> Any:
        decoded.append(asked[-1])
        time.sleep(0.05)
        return decode(*asked)

    monkeypatch.setattr(SortedFiles, "_decode", slowly)
    with ThreadPoolExecutor(8) as pool:
        pages = [each.result() for each in [pool.submit(stored.page) for _ in range(8)]]
    assert [len(page) for page in pages] == [N] * 8 and sorted(decoded) == [0, 1, 2, 3]


def test_no_more_is_held_at_once_than_may_be() -> None:
    budget, held, most = Budget(100), [0], list[int]()

    def hold(size: int) -> None:
        with budget.holding(size):
            held[0] += size
            most.append(held[0])
            time.sleep(0.001)
            held[0] -= size

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(hold, [60, 40, 30, 150, 60, 10] * 8))
    assert len(most) == 48 and all(total <= 100 or total == 150 for total in most)


GOOD = _parquet()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 1500), st.integers(0, 255)), min_size=1, max_size=4), st.booleans())
@example([(at, 0) for at in range(700, 704)], True)
def test_any_bytes_are_rows_or_refused(changes: list[tuple[int, int]], at_the_end: bool) -> None:
    """Arrow's own reader ended the process here, at a footer that contradicts itself."""
    body = bytearray(GOOD)
    for at, byte in changes:
        body[-at if at_the_end else at] = byte
    with tempfile.TemporaryDirectory() as directory:
        try:
            assert len(Stored(Path(directory), bytes(body)).page()) <= N
        except ModelArtifactError as error:
            assert len(str(error)) < 500


def test_footers_of_many_columns_and_groups_are_read_as_arrow_reads_them(tmp_path: Path) -> None:
    wide = {f"f{i}": pa.array([float(i)] * N) for i in range(40)}
    body = _parquet(**wide, _cluster=pa.array([0] * N, pa.int32()))
    metadata = pq.read_metadata(io.BytesIO(body))
    size = int.from_bytes(body[-8:-4], "little")
    found = row_groups(
        body[-8 - size : -8], ResultsFile(**{**FACTS, "bytes": len(body)}), ("_cluster", "_row_id"), results.COLUMNS
    )
    assert len(found) == metadata.num_row_groups == 4
    for number, group in enumerate(found):
        chunks = [metadata.row_group(number).column(i) for i in range(metadata.num_columns)]
        assert group.first == min(chunk.dictionary_page_offset or chunk.data_page_offset for chunk in chunks)
        assert group.after - group.first == sum(chunk.total_compressed_size for chunk in chunks)
        assert group.upper == (0, chunks[0].statistics.max)


FILE = {"key": "k", "etag": "e", "bytes": 5, "rows": 1, "first": ["a", 0, 0], "last": ["a", 0, 0]}
MANIFEST = {"format": 1, "model": "m", "run_id": "r", "rows": 1, "features": ["x"], "by_id": [FILE], "by_cluster": []}


@pytest.mark.parametrize(
    "changed",
    [
        {"format": 2}, {"rows": 2**70}, {"rows": -1}, {"features": "x"}, {"by_id": {}}, {"more": 1}, {"features": []},
        {"by_id": [{**FILE, "first": [1, 0, 0]}]}, {"by_id": [{**FILE, "first": ["a", 0]}]},
        {"by_id": [{**FILE, "etag": "a\r\nX: y"}]}, {"by_id": [{**FILE, "key": ""}]},
        {"by_id": [{**FILE, "bytes": 2**50}]},
        {"by_cluster": [{**FILE, "first": ["a", 0, 0]}]}, {"by_id": [FILE] * 10_001},
    ],
)  # fmt: skip
def test_another_manifest_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ModelArtifactError, match="k is not a results manifest"):
        results_from_json(json.dumps({**MANIFEST, **changed}).encode(), "k")
    assert results_from_json(json.dumps(MANIFEST).encode(), "k").by_id[0].first == ("a", 0, 0)
