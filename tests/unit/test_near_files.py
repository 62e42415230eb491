"""A file that is not there is told with those that may have been meant: stream files, and files of rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import SourceFileError, StreamFileError
from contract.stream import parse_stream
from pipeline.near_files import near_files
from pipeline.replay.place import default_path, fingerprint
from pipeline.stream_file import load_stream


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("flights.yaml", "movielens.yaml", "notes.txt"):
        (tmp_path / "streams" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "streams" / name).write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("given", "near"),
    [
        ("streams/flight.yaml", "; did you mean streams/flights.yaml?"),
        ("streams/flights", "; did you mean streams/flights.yaml?"),
        ("streams/flights.yml", "; did you mean streams/flights.yaml?"),
        ("stream/flights.yaml", "; did you mean streams/flights.yaml?"),
        ("streams/quite-another", ""),
        ("nowhere/at/all", ""),
        ("/", ""),
    ],
)
def test_what_is_near(here: Path, given: str, near: str) -> None:
    assert near_files(Path(given)) == near
    assert near_files(here / given) == near.replace("streams/", f"{here}/streams/")


def test_a_stream_file_and_a_file_of_rows_are_told_so(here: Path) -> None:
    with pytest.raises(StreamFileError, match=r"No such file .*; did you mean streams/flights\.yaml\?"):
        load_stream("streams/flight.yaml")
    with pytest.raises(SourceFileError, match=r"No such file .*; did you mean streams/notes\.txt\?"):
        fingerprint(Path("streams/note.txt"))
    text = "{name: a, topic: a, columns: {x: {type: int32}}, id: [x], cut: {rows: 5}, features: [x], model: {k: 2}"
    stream = parse_stream(f"{text}, source: {{path: note.txt}}}}", "a.yaml")
    with pytest.raises(SourceFileError, match=r"'note.txt': no such file; .*; did you mean .*notes\.txt\?"):
        default_path(stream, here / "streams" / "a.yaml")
