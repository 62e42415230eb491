"""Training is refused before it begins where a batch was landed with types that the stream file can no longer read."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from contract.errors import ChainError, StreamFileError
from contract.sections import Scheme
from pipeline.landed_types import LandedTypes, refuse_changed_types
from pipeline.stream_file import load_stream
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
