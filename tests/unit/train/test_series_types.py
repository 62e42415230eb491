"""Training is refused before it begins where a batch was landed with types that the stream file can no longer read."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import StreamFileError
from contract.stream import Scheme
from pipeline.stream_file import load_stream
from pipeline.train.batches import sealed_batches
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
