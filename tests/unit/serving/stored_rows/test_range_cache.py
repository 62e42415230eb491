"""The cache of ranges: what it takes over, what it throws out, and what it never costs."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contract.errors import ConfigurationError
from serving.stored_rows.range_cache import RangeCache
from tests.unit.serving.stored_rows.counting_store import CountingStore

BODY = bytes(range(250)) * 4


def cache_of(directory: Path, limit: int = 10_000) -> tuple[RangeCache, Any]:
    store: Any = CountingStore({"k": BODY, "m": b"manifest"})
    ranges = RangeCache(store, directory, limit)
    ranges.prepare()
    return ranges, store


def test_what_an_earlier_process_left_is_used_and_counted(tmp_path: Path) -> None:
    ranges, _ = cache_of(tmp_path)
    for first in range(0, 500, 100):
        ranges.get("k", "e", first, first + 100)
    (tmp_path / ".new-1-2-3").write_bytes(b"half")
    for age, path in enumerate(sorted(tmp_path.iterdir(), key=lambda path: path.stat().st_mtime_ns)):
        os.utime(path, (age, age))
    again, store = cache_of(tmp_path, limit=3 * 132)
    assert len(list(tmp_path.iterdir())) == 3
    assert again.get("k", "e", 400, 500) == BODY[400:500] and store.reads == 0
    assert again.get("k", "e", 0, 100) == BODY[:100] and store.reads == 1


def test_the_same_range_of_another_object_is_another_one(tmp_path: Path) -> None:
    ranges, store = cache_of(tmp_path)
    ranges.get("k", "e", 0, 100)
    ranges.get("k", "f", 0, 100)
    ranges.get("k", "e", 0, 99)
    assert store.reads == 3


@pytest.mark.parametrize("left", [b"", b"short", b"\0" * 50, b"\0" * 5000])
def test_what_is_torn_or_grew_is_fetched_anew(tmp_path: Path, left: bytes) -> None:
    ranges, store = cache_of(tmp_path)
    reads: list[Callable[[], bytes]] = [lambda: ranges.get("k", "e", 0, 100), lambda: ranges.whole("m", 100)]
    for read in reads:
        body = read()
        for path in tmp_path.iterdir():
            path.write_bytes(left)
        store.reads = 0
        assert read() == body and store.reads == 1
        assert read() == body and store.reads == 1


def test_a_disk_that_takes_nothing_costs_one_line_and_no_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ranges, store = cache_of(tmp_path / "there")
    (tmp_path / "there").rmdir()
    with caplog.at_level(logging.WARNING):
        for first in range(0, 500, 100):
            assert ranges.get("k", "e", first, first + 100) == BODY[first : first + 100]
    assert store.reads == 5 and len(caplog.records) == 1
    (tmp_path / "there").mkdir()
    ranges.get("k", "e", 0, 100)
    (tmp_path / "there" / next((tmp_path / "there").iterdir()).name).unlink()
    (tmp_path / "there").rmdir()
    ranges.get("k", "e", 0, 100)
    assert len(caplog.records) == 2


def test_a_range_larger_than_the_cache_is_not_kept(tmp_path: Path) -> None:
    ranges, _ = cache_of(tmp_path, limit=100)
    assert ranges.get("k", "e", 0, 100) == BODY[:100]
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_cannot_be_made_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigurationError, match="SWATHE_SERVING_CACHE"):
        cache_of(tmp_path / "file")


def test_threads_share_it(tmp_path: Path) -> None:
    ranges, _ = cache_of(tmp_path, limit=5 * 132)
    wrong: list[int] = []

    def read(seed: int) -> None:
        for i in range(40):
            first = (seed * 7 + i * 13) % 90 * 10
            if ranges.get("k", "e", first, first + 100) != BODY[first : first + 100]:
                wrong.append(first)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 5 * 132
