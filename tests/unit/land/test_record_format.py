"""The files that a stream file names beside it, read before anything lands; and what replay is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from contract.errors import ConfigurationError, ServiceDownError, StreamFileError
from pipeline.land.record_format import record_format
from pipeline.replay.command import replay
from pipeline.stream_file import load_stream
from tests.avro import written
from tests.chunks import chunk

SCHEMA = {"type": "record", "name": "R", "fields": [{"name": "n", "type": "double"}]}


def stream_file(directory: Path, records: str) -> str:
    path = directory / "s.yaml"
    path.write_text(
        f"name: s\ntopic: s\nrecords:\n  format: avro\n  {records}\ncolumns: {{n: {{type: float64}}}}\n"
        "cut: {rows: 1}\nfeatures: [n]\nmodel: {k: 2}\n"
    )
    return str(path)


def test_a_schema_lies_beside_the_stream_file(tmp_path: Path) -> None:
    (tmp_path / "s.avsc").write_text(json.dumps(SCHEMA))
    path = stream_file(tmp_path, "schema_file: s.avsc")
    records, registry = record_format(load_stream(path), path)
    assert registry is None
    assert records.parse(chunk([written(SCHEMA, {"n": 2.5})])).rows["n"].to_pylist() == [2.5]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (None, "No such file"),
        ("{", "not JSON"),
        ("Obj\x01", "its schema alone"),
        (json.dumps({**SCHEMA, "fields": [{"name": "n", "type": "string"}]}), "field 'n' is string, which column 'n'"),
    ],
)
def test_a_schema_that_cannot_be_read_by_is_told_with_its_line(tmp_path: Path, body: str | None, words: str) -> None:
    if body is not None:
        (tmp_path / "s.avsc").write_text(body)
    path = stream_file(tmp_path, "schema_file: s.avsc")
    with pytest.raises(StreamFileError) as refused:
        record_format(load_stream(path), path)
    assert words in str(refused.value)
    assert refused.value.line == 5


def test_a_registry_that_does_not_answer_is_told_before_landing(tmp_path: Path) -> None:
    path = stream_file(tmp_path, "schema_registry: http://127.0.0.1:9")
    with pytest.raises(ServiceDownError, match=r"schema registry at http://127\.0\.0\.1:9"):
        record_format(load_stream(path), path)


def test_replay_sends_json_alone(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("n\n1\n")
    path = stream_file(tmp_path, "schema_file: s.avsc")
    done = CliRunner().invoke(replay, ["--stream", path, "--file", str(tmp_path / "s.csv")])
    assert isinstance(done.exception, StreamFileError)
    assert f"{path}:4: records.format: replay sends JSON alone" in str(done.exception)


def test_a_certificate_is_read_before_landing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWATHE_SCHEMA_REGISTRY_CA_FILE", str(tmp_path / "none.pem"))
    path = stream_file(tmp_path, "schema_registry: https://127.0.0.1:9")
    with pytest.raises(ConfigurationError, match=r"none\.pem"):
        record_format(load_stream(path), path)
