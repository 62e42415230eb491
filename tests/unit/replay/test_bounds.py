"""What is too long for a row, or much longer than its file, is told, and memory stays bounded."""

from __future__ import annotations

import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from pyarrow import ipc

from contract.errors import ServiceDownError, SourceFileError
from contract.origin import HEADER
from contract.stream import Stream, parse_stream
from pipeline.replay import limits as limits_module
from pipeline.replay import lines as lines_module
from pipeline.replay import topic
from pipeline.replay.limits import limits_of
from pipeline.replay.place import default_path
from pipeline.replay.source import read_rows

TEXT = """
name: s
topic: t
source: {path: rows.csv}
columns: {x: {type: float64}, s: {type: string}}
cut: {rows: 1}
features: [x]
model: {k: 2}
"""
STREAM: Stream = parse_stream(TEXT, "s.yaml")
MIB = 2**20


def _ignore(error: SourceFileError) -> None:
    """As `--skip-bad` does."""


def _stop(error: SourceFileError) -> None:
    raise error


@contextmanager
def _within(peak_bytes: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < peak_bytes
    finally:
        tracemalloc.stop()


def _zip(path: Path, *pieces: tuple[bytes, int]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.csv", "w") as file:
        for piece, times in pieces:
            for _ in range(times):
                file.write(piece)
    return path


def test_a_line_without_an_end_in_a_small_zip(tmp_path: Path) -> None:
    path = _zip(tmp_path / "a.zip", (b"x,s\n1,a\n", 1), (b"0" * MIB, 100))
    assert path.stat().st_size < MIB
    with _within(70 * MIB), pytest.raises(SourceFileError, match="longer than 16,777,216 bytes") as raised:
        list(read_rows(path, STREAM, _ignore))
    assert raised.value.line == 3


@pytest.mark.parametrize(
    ("name", "encoding"), [("a.csv.zst", "utf-8"), ("a.csv.zst", "utf-16"), ("a.json.zst", "utf-8")]
)
def test_a_row_without_an_end_in_other_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, encoding: str
) -> None:
    monkeypatch.setattr(lines_module, "LONGEST_ROW", MIB)
    path = tmp_path / name
    with pa.CompressedOutputStream(str(path), "zstd") as file:
        file.write(('[{"x": 1}, "' if "json" in name else "x,s\n1,a\n").encode(encoding))
        for _ in range(20):
            file.write(("0" * MIB).encode(encoding.replace("16", "16-le")))
    stream = STREAM if encoding == "utf-8" else parse_stream(TEXT.replace("rows.csv", "a, encoding: utf-16"), "s.yaml")
    with _within(12 * MIB), pytest.raises(SourceFileError, match=r"longer than 1,048,576 bytes|too long"):
        list(read_rows(path, stream, _ignore))


def test_an_arrow_file_of_one_large_batch(tmp_path: Path) -> None:
    rows, text = 400, "long " * 20_000
    table = pa.table({"x": [1.0] * rows, "s": [text] * rows})
    with ipc.new_file(str(tmp_path / "a.arrow"), table.schema) as writer:
        writer.write_table(table)
    del table
    with _within(40 * MIB):
        assert sum(row.values["s"] == text for row in read_rows(tmp_path / "a.arrow", STREAM, _stop)) == rows


def test_a_quote_without_an_end_in_a_large_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_module, "LONGEST_ROW", 2**17)
    path = _zip(tmp_path / "a.zip", (b'x,s\n1,a\n1,"b\n', 1), (b"1,c\n" * 1000, 1000))
    with _within(8 * MIB), pytest.raises(SourceFileError, match=r"longer than 131,072 bytes: .* has it an") as raised:
        list(read_rows(path, STREAM, _ignore))
    assert raised.value.line == 3


@pytest.mark.parametrize("cells", [25, 1])
def test_a_row_of_long_lines_in_a_small_zip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cells: int) -> None:
    """Each of its lines, and each of its cells, is short enough."""
    monkeypatch.setattr(lines_module, "LONGEST_ROW", MIB)
    head = b"x,s," + b",".join(b"c%d" % number for number in range(cells)) + b"\n1,b" + b",c" * cells
    lines = 25 // cells
    cell = (b',"', 1), *[(b"0" * (MIB // 2), 1), (b"\n", 1)] * lines, (b'"', 1)
    path = _zip(tmp_path / "a.zip", (head + b"\n2,b", 1), *cell * cells, (b"\n", 1))
    with _within(12 * MIB), pytest.raises(SourceFileError, match=r"than 1,048,576 bytes: .* to line 4") as raised:
        list(read_rows(path, STREAM, _ignore))
    assert raised.value.line == 3


def test_rows_are_bounded_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_module, "LONGEST_ROW", 1_000)
    path = tmp_path / "a.csv"
    row = f'1,"{"a" * 400}\n{"a" * 400}"\n'
    path.write_text("x,s\n" + row * 10)
    assert len(list(read_rows(path, STREAM, _stop))) == 10


def test_a_long_cell_is_a_cell(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"x,s\n1,{'a' * 900_000}\n")
    (row,) = read_rows(path, STREAM, _stop)
    assert row.values == {"x": 1.0, "s": "a" * 900_000}


@pytest.mark.parametrize("dictionary", [True, False])
def test_a_text_that_repeats_in_a_small_parquet_file(tmp_path: Path, dictionary: bool) -> None:
    rows, text = 1_000, "long " * 20_000
    table = pa.table({"x": [1.0] * rows, "s": pa.array([text] * rows)})
    path = tmp_path / "a.parquet"
    pq.write_table(table, path, use_dictionary=dictionary, compression="zstd", row_group_size=500)
    del table
    assert path.stat().st_size < MIB
    before, most, count = pa.total_allocated_bytes(), 0, 0
    with _within(80 * MIB):
        for row in read_rows(path, STREAM, _stop):
            assert row.values["s"] == text
            count, most = count + 1, max(most, pa.total_allocated_bytes() - before)
    assert count == rows
    assert most < 150 * MIB


def test_a_row_larger_than_topic_client_or_landing_take() -> None:
    limits = limits_of(STREAM, 1_048_588, {})
    assert limits.refusal(1_000_000) is None
    assert "`max.message.bytes`" in str(limits.refusal(1_048_500))
    for settings in ({}, {"message.max.bytes": "5000"}):
        most = int(settings.get("message.max.bytes", 1_000_000)) - limits_module._OTHER_BYTES
        own = limits_of(STREAM, None, settings)
        assert own.refusal(most) is None
        assert "`SWATHE_KAFKA_MESSAGE_MAX_BYTES`" in str(own.refusal(most + 1))
        # What is let through, the client takes, with the longest key and header.
        producer = Producer({"test.mock.num.brokers": 1, **settings})
        producer.produce("t", b"x" * most, b"9" * 18, headers=[(HEADER, limits_module._LONGEST_HEADER)])
        assert producer.flush(10) == 0
    assert "`rejects.max_record_bytes`" in str(limits_of(STREAM, 2**24, {}).refusal(1_048_577))


@pytest.mark.parametrize(
    ("code", "passes"),
    [
        (KafkaError._UNKNOWN_PARTITION, True),
        (KafkaError._UNKNOWN_TOPIC, True),
        (KafkaError.LEADER_NOT_AVAILABLE, True),
        (KafkaError._ALL_BROKERS_DOWN, False),
    ],
)
def test_what_a_topic_that_was_made_just_now_may_say_is_waited_for(code: int, passes: bool) -> None:
    error = ServiceDownError("kafka", "a", "b")
    error.__cause__ = KafkaException(KafkaError(code))
    assert topic._leaderless(error) is passes


def test_the_source_lies_beside_the_stream_file_or_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beside, here = tmp_path / "streams", tmp_path / "work"
    beside.mkdir()
    here.mkdir()
    monkeypatch.chdir(here)
    stream_file = beside / "s.yaml"
    with pytest.raises(SourceFileError, match=rf"looked for as {beside / 'rows.csv'} and {here / 'rows.csv'}"):
        default_path(STREAM, stream_file)
    (here / "rows.csv").write_text("x,s\n")
    assert default_path(STREAM, stream_file) == here / "rows.csv"
    (beside / "rows.csv").write_text("x,s\n")
    with pytest.raises(SourceFileError, match="write the whole path of the one that is meant"):
        default_path(STREAM, stream_file)
    (here / "rows.csv").unlink()
    assert default_path(STREAM, "../streams/s.yaml") == beside / "rows.csv"
