"""What libraries say is in a file of bounded size, told where a command fails; what takes no file stops nothing."""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from console import library_log
from contract.errors import StopError

MLFLOW = logging.getLogger("mlflow")


@pytest.fixture(autouse=True)
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SWATHE_LOGS", str(tmp_path / "logs"))
    was = (MLFLOW.handlers, MLFLOW.propagate, MLFLOW.level)
    yield tmp_path / "logs"
    # As it was for whoever imports mlflow in this process.
    assert (MLFLOW.handlers, MLFLOW.propagate, MLFLOW.level) == was and library_log.where() is None


def test_what_libraries_say_is_kept_and_not_seen(logs: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with library_log.kept("train"):
        assert library_log.where() is None and os.environ["MLFLOW_CONFIGURE_LOGGING"] == "false"
        MLFLOW.getChild("projects").info("=== Running command at http://ann:secret@here/ ===")
        logging.getLogger("jvm").info("WARNING: Using incubator modules: jdk.incubator.vector")
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("the pip version", stacklevel=1)
        assert library_log.where() == logs / "train-libraries.log"
    said = (logs / "train-libraries.log").read_text()
    assert "INFO mlflow.projects === Running command at" in said and "secret" not in said
    assert "incubator" in said and "the pip version" in said
    assert capfd.readouterr() == ("", "")
    assert (logs / "train-libraries.log").stat().st_mode & 0o777 == 0o600


def test_a_command_without_a_word_makes_no_file(logs: Path) -> None:
    with library_log.kept("status"):
        pass
    assert not logs.exists()


def test_where_it_is_is_told_of_a_failure_that_has_such_words(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(StopError), library_log.kept("train"):
        raise StopError("before anything was said")
    assert capsys.readouterr().err == ""
    for error in (click.UsageError("no such flag"), SystemExit(3), KeyboardInterrupt()):
        with pytest.raises(type(error)), library_log.kept("train"):
            MLFLOW.warning("a word")
            raise error
    assert capsys.readouterr().err == ""
    with pytest.raises(StopError), library_log.kept("train"):
        MLFLOW.warning("a word")
        raise StopError("Spark failed")
    told = f"what Spark, MLflow and other libraries said is in {logs / 'train-libraries.log'}\n"
    assert capsys.readouterr() == ("", told)


def test_the_file_is_bounded(logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library_log, "MOST_BYTES", 10_000)
    with library_log.kept("watch"):
        for number in range(1_000):
            MLFLOW.info("line %d %s", number, "x" * 100)
    assert {file.name for file in logs.iterdir()} == {"watch-libraries.log", "watch-libraries.log.1"}
    assert all(file.stat().st_size <= 10_000 for file in logs.iterdir())
    assert "line 999 " in (logs / "watch-libraries.log").read_text()


def test_no_word_is_lost_where_several_processes_write(logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library_log, "MOST_BYTES", 10_000)
    path = logs / "train-libraries.log"
    files = [library_log.file_handler(path) for _ in range(3)]
    # Nearly two files of lines: the one before is rotated once, whoever of the three does it.
    for number in range(270):
        record = logging.LogRecord("mlflow", logging.INFO, "", 0, f"line {number:03} {'x' * 10}", (), None)
        files[number % 3 if number % 50 else 0].handle(record)
    for file in files:
        file.close()
    said = "".join(each.read_text() for each in sorted(logs.iterdir(), reverse=True))
    assert len([*logs.iterdir()]) == 2 and re.findall(r"line (\d+)", said) == [f"{number:03}" for number in range(270)]


@pytest.mark.parametrize("taken", ["logs", "logs/train-libraries.log"])
def test_a_log_that_cannot_be_written_stops_nothing(logs: Path, taken: str, capfd: pytest.CaptureFixture[str]) -> None:
    path = logs.parent / taken
    if taken == "logs":
        path.write_text("a file where the directory would be")
    else:
        path.mkdir(parents=True)
    with library_log.kept("train"):
        MLFLOW.warning("nobody hears it")
    assert capfd.readouterr() == ("", "")


def test_asked_for_it_is_shown_too(logs: Path, caplog: pytest.LogCaptureFixture) -> None:
    with library_log.kept("train", shown=True):
        MLFLOW.info("a word")
    assert caplog.messages == ["a word"] and "a word" in (logs / "train-libraries.log").read_text()


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"SWATHE_LOGS": "/l", "SWATHE_DATA": "/d"}, "/l"),
        ({"SWATHE_LOGS": "", "SWATHE_DATA": "/d", "SWATHE_CACHE": "/c"}, "/d/logs"),
        ({"SWATHE_CACHE": "/c"}, "/c/logs"),
        ({}, str(Path("~/.cache/swathe/logs").expanduser())),
    ],
)
def test_where_it_lies(environ: dict[str, str], expected: str) -> None:
    assert library_log.directory(environ) == Path(expected)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is Linux's")
def test_a_log_that_takes_no_more_is_closed_without_a_word() -> None:
    file = library_log.file_handler(Path("/dev/full"))
    file.emit(logging.LogRecord("jvm", logging.INFO, "", 0, "a line", (), None))
    file.close()
