"""Training is refused before it begins where a batch was landed with types that the stream file can no longer read."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from contract.errors import ChainError, StreamFileError
from contract.sections import Scheme
from pipeline.landed_types import LandedTypes, refuse_changed_types
from pipeline.stream_file import load_stream
from pipeline.train.earlier_columns import EarlierColumns
from pipeline.train.read.batches import sealed_batches
from pipeline.train.series import Series
from pipeline.train.typed import typed_commands
from tests.memory_store import MemoryStore
from tests.unit.land.test_landed_types import TEXT, land


@pytest.mark.parametrize(("scheme", "numbers", "refused"), [("disjoint", [2], False), ("cumulative", [2], True)])
def test_the_batches_that_are_read_count(tmp_path: Path, scheme: Scheme, numbers: list[int], refused: bool) -> None:
    path = tmp_path / "s.yaml"
    store = MemoryStore()
    for first, kind in ((0, "float64"), (5, "int32")):
        path.write_text(TEXT.replace("float64", kind))
        land(store, path, 5, first=first)
    stream = load_stream(path)
    series = Series(stream, scheme, "s", "", "", None, typed_commands(str(path), stream, scheme, "s"))
    batches = sealed_batches(store, "s")
    assert len(batches) == 2
    series.refuse_changed_types(store, batches, [])
    if not refused:
        series.refuse_changed_types(store, batches, numbers)
        return
    with pytest.raises(StreamFileError, match=r"s.yaml:6: columns.x.type: int32, but s/lane=0/00000000.parquet"):
        series.refuse_changed_types(store, batches, numbers)


def test_a_column_that_was_left_out_meanwhile_is_compared_with_each_batch_that_is_read(tmp_path: Path) -> None:
    """An earlier version of landing compared with its newest parts only, which have no such column."""
    path, store = tmp_path / "s.yaml", MemoryStore()
    newest: list[str] = []
    without = TEXT.replace("  x: {type: float64}\n", "").replace("[x]", "[id]")
    for first, text in ((0, TEXT), (5, without), (10, TEXT.replace("float64", "int32"))):
        path.write_text(text)
        stream = load_stream(path)
        refuse_changed_types(stream, str(path), LandedTypes(store).of(newest), stream.columns)
        newest = land(store, path, 5, first=first)
    batches = sealed_batches(store, "s")
    series = {
        scheme: Series(stream, scheme, "s", "", "", None, typed_commands(str(path), stream, scheme, "s"))
        for scheme in get_args(Scheme)
    }
    series["disjoint"].refuse_changed_types(store, batches, [3])
    with pytest.raises(StreamFileError, match=r"columns.x.type: int32, but s/lane=0/00000000.parquet was landed with"):
        series["cumulative"].refuse_changed_types(store, batches, [3])


def test_a_part_that_is_gone_is_told_with_its_batch(tmp_path: Path) -> None:
    path, store = tmp_path / "s.yaml", MemoryStore()
    path.write_text(TEXT)
    land(store, path, 5)
    stream = load_stream(path)
    series = Series(stream, "disjoint", "s", "", "", None, typed_commands(str(path), stream, "disjoint", "s"))
    batches = sealed_batches(store, "s")
    store.delete("s/lane=0/00000000.parquet")
    with pytest.raises(ChainError, match=r"batch 1 names s/lane=0/00000000.parquet"):
        series.refuse_changed_types(store, batches, [1])


GROWN = TEXT.replace("  x: {type: float64}", "  x: {type: float64}\n  y: {type: string}").replace(
    "[x]", "[x, {column: y, as: category}]"
)


@pytest.mark.parametrize("scheme", get_args(Scheme))
def test_a_version_is_found_by_the_columns_that_it_was_trained_with(tmp_path: Path, scheme: Scheme) -> None:
    """Its key was made of the stream file as it was then: narrower types, fewer features, a shorter id."""
    path, store = tmp_path / "s.yaml", MemoryStore()
    keys = []
    first = TEXT.replace("cut:", "id: [id]\ncut:")
    files = [first.replace("float64", "int32"), first, GROWN.replace("cut:", "id: [id, y]\ncut:")]
    for number, text in enumerate(files, start=1):
        path.write_text(text)
        land(store, path, 5, first=5 * (number - 1))
        stream = load_stream(path)
        series = Series(stream, scheme, "s", "", "", None, typed_commands(str(path), stream, scheme, "s"))
        keys.append(series.keys(sealed_batches(store, "s"))[-1])
    batches = sealed_batches(store, "s")
    earlier = EarlierColumns(series, LandedTypes(store), batches)
    assert earlier(1, keys[0]) == "x was int32, y was not there"
    assert earlier(2, keys[1]) == "y was not there"
    assert earlier(1, keys[1]) is None and earlier(2, "of other parameters") is None
    assert series.keys(batches)[2] == keys[2]


def test_the_time_of_rows_is_compared_too(tmp_path: Path) -> None:
    """It is no part of the train key, and read from the parts like a feature."""
    path, store = tmp_path / "s.yaml", MemoryStore()
    path.write_text(TEXT.replace("  x:", "  t: {type: string}\n  x:"))
    land(store, path, 5)
    path.write_text(TEXT.replace("  x:", "  t: {type: timestamp}\n  x:").replace("cut:", "event_time: t\ncut:"))
    stream = load_stream(path)
    series = Series(stream, "disjoint", "s", "", "", None, typed_commands(str(path), stream, "disjoint", "s"))
    with pytest.raises(StreamFileError, match=r"s.yaml:6: columns.t.type: timestamp, but .* was landed with string"):
        series.refuse_changed_types(store, sealed_batches(store, "s"), [1])
