"""Spark's classes in an archive, with real JVMs: py4j's own gateway, which ends when nobody can write to it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyspark
import pytest

from pipeline.train.read.class_archive import ClassArchive

PY4J = next(Path(pyspark.__file__).parent.glob("jars/py4j-*.jar"))


@contextmanager
def jvm(option: str) -> Iterator[int]:
    """Run a JVM with ``option``, and give the number of its process once it answers."""
    java = ["java", *option.split(), "-cp", str(PY4J), "py4j.GatewayServer", "--die-on-broken-pipe", "0"]
    with subprocess.Popen(java, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None and process.stdin is not None
        lines = iter(process.stdout.readline, b"")
        assert any(line.strip().isdigit() for line in lines), "it says its port"
        yield process.pid
        process.stdin.close()
        assert process.wait(30) == 0


def mapped(pid: int) -> str:
    return Path(f"/proc/{pid}/maps").read_text()


def test_what_one_jvm_writes_the_next_one_maps(tmp_path: Path) -> None:
    directory = tmp_path / "not" / "there"
    archive = ClassArchive([str(PY4J)], directory)
    assert archive.is_missing() and archive.option(writes=False) == ""
    with jvm(archive.option(writes=True)) as pid:
        archive.write(pid)
        assert str(archive.path) not in mapped(pid)
    assert not archive.is_missing() and list(directory.iterdir()) == [archive.path]
    with jvm(archive.option(writes=True)) as pid:
        assert str(archive.path) in mapped(pid)
    other = ClassArchive(["another.jar"], directory)
    assert other.is_missing(), "other jars have another archive"
    with jvm(other.option(writes=True)) as pid:
        other.write(pid)
    assert list(directory.iterdir()) == [other.path], "and take the place of the one before"


def test_an_archive_that_is_none_is_ignored(tmp_path: Path) -> None:
    archive = ClassArchive([], tmp_path)
    archive.path.write_bytes(b"cut off")
    with jvm(archive.option(writes=True)) as pid:
        assert str(archive.path) not in mapped(pid)


def test_where_it_cannot_be_written_nothing_fails(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    (tmp_path / "file").touch()
    archive = ClassArchive([], tmp_path / "file" / "below")
    archive.write(1)
    assert "no archive of classes" in caplog.text and archive.is_missing()
    # A JVM that was not told to keep what it loads, and one that has gone.
    archive = ClassArchive([], tmp_path)
    with jvm("") as pid:
        archive.write(pid)
    archive.write(pid)
    assert archive.is_missing() and [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_java_without_jcmd_goes_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.touch(mode=0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    archive = ClassArchive([], tmp_path / "archives")
    assert not archive.is_missing() and archive.option(writes=True) == ""
