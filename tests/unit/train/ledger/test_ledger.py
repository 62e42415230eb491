"""The ledger of all series, on `tests/memory_store.py`: what cannot be read of one is named, and ends no other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contract.stream import parse_stream
from pipeline.train.ledger.ledger import models_of
from pipeline.train.ledger.survey import series_of
from tests.memory_store import MemoryStore

STREAM = "{name: m, topic: m, columns: {x: {type: float64}}, cut: {rows: 5}, features: [x], model: {k: 2}}"
SERIES = {"format": 1, "stream": "m", "scheme": "cumulative", "description": "", "tags": {}, "aliases": {}}


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"[" * 100_000, json.dumps({**SERIES, "format": 2}).encode()])
def test_an_object_that_cannot_be_read_is_named_and_the_others_are_read(body: bytes, tmp_path: Path) -> None:
    store = MemoryStore()
    store.put("_series/m-2/series.json", json.dumps(SERIES).encode())
    store.put("_series/another/series.json", body)
    store.put("_series/of-other/series.json", json.dumps({**SERIES, "stream": "other"}).encode())
    known, unreadable = models_of(store, "m")
    assert known == {"m-2": "cumulative"}
    series, told = series_of(store, str(tmp_path / "m.yaml"), parse_stream(STREAM, "m.yaml"), ["mine"])
    assert [commands.model for commands in series] == ["m", "m-cumulative", "mine", "m-2"]
    assert len(unreadable) == 1 and list(map(str, told)) == list(map(str, unreadable))
    assert "_series/another/series.json in bucket 'memory' is not what this version of Swathe wrote" in str(told[0])
