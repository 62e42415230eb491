"""Jars come whole and checked, or not at all. These fetch one small jar from Maven Central."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import StopError
from infra.bring import jars
from infra.bring.toolchain import KAFKA_LOCK

SMALL = next(jar for jar in jars.read_lock(KAFKA_LOCK) if "jspecify" in jar.coordinate)


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    (tmp_path / "part").mkdir()
    lock = tmp_path / "part" / "jars.lock"
    lock.write_text(f"{SMALL.coordinate} {SMALL.sha256}\n")
    return lock


def test_a_download_that_was_cut_short_is_fetched_again(lock: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = jars.bring(lock, cache)
    assert [path.name for path in first.iterdir()] == [SMALL.filename]
    fetched = next((cache / "maven").rglob(SMALL.filename))
    fetched.unlink()
    fetched.write_bytes(b"half of")
    (first / SMALL.filename).unlink()
    first.rmdir()
    second = jars.bring(lock, cache)
    assert jars._digest(second / SMALL.filename) == SMALL.sha256


def test_another_jar_than_the_locked_one_is_refused_and_leaves_nothing(lock: Path, tmp_path: Path) -> None:
    lock.write_text(f"{SMALL.coordinate} {'0' * 64}\n")
    with pytest.raises(StopError, match="is not the jar that was locked"):
        jars.bring(lock, tmp_path / "cache")
    assert list((tmp_path / "cache" / "jars").iterdir()) == []


def test_a_jar_that_does_not_exist_is_named(lock: Path, tmp_path: Path) -> None:
    lock.write_text(f"org.jspecify:jspecify:0.0.0-none {'0' * 64}\n")
    with pytest.raises(StopError, match=r"jspecify:0\.0\.0-none could not be downloaded"):
        jars.bring(lock, tmp_path / "cache")
