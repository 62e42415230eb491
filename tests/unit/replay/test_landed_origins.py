"""What parts say of files whose records the topic has lost; what they do not say is not guessed."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from contract.batch import SOURCES_NOTED, manifest_from_json, manifest_key, manifest_to_json
from contract.errors import StopError
from contract.origin import HEADER, Origin
from contract.stream_sections import Cut
from pipeline.land.chain import Writer
from pipeline.land.chain_start import begin_or_read
from pipeline.land.lander import Lander
from pipeline.land.origins import Origins
from pipeline.land.verify import verify_stream
from pipeline.replay.landed_origins import landed_origins
from tests.memory_store import MemoryStore
from tests.property.test_chain_model import STREAM
from tests.unit.land.test_lander import Offsets, fetched


class Record:
    """A record with a header of replay's."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin

    def key(self) -> bytes:
        return b"%d" % self._origin.row

    def headers(self) -> list[tuple[str, bytes]]:
        return [(HEADER, self._origin.header())]

    def set_headers(self, headers: Any, /) -> None:
        raise AssertionError(headers)


def _file(number: int, row: int) -> Origin:
    return Origin(f"{number:016x}", row, 1, "ab" * 12, row)


def _landed(origins: list[Origin], rows: int) -> MemoryStore:
    """Land one record of each origin, in batches of ``rows``; the last of them stay unsealed."""
    store = MemoryStore()
    start = begin_or_read(store, "model", "model", "id", {0: 0})
    lander = Lander(
        STREAM, Cut(rows=rows), store=store, writer=Writer("w", "id"), start=start, partitions=1, topic=Offsets()
    )
    lander.own(0, 1)
    lander.begin(1)
    records = fetched(0, 0, [b'{"n":1}'] * len(origins))
    lander.take(
        dataclasses.replace(records, origins=Origins([Record(origin) for origin in origins], np.arange(len(origins))))
    )
    lander._land(lander.lanes.all, "part_size")
    assert verify_stream(store, "model").problems == []
    return store


def test_the_last_record_of_each_file_before_what_the_topic_holds() -> None:
    origins = [_file(1, 0), _file(1, 1), _file(2, 0), _file(2, 1), _file(1, 2), _file(3, 0), _file(1, 3)]
    store = _landed(origins, rows=3)
    # Parts are of three records; one that the topic has lost in part says where its files stood at its end.
    for low, last in {0: {}, 1: {1: 1, 2: 0}, 4: {1: 2, 2: 1, 3: 0}, 7: {1: 3, 2: 1, 3: 0}}.items():
        found = landed_origins(store, "model", "id", {0: low})[0]
        assert {int(source, 16): origin.row for source, origin in found.items()} == last
    assert landed_origins(store, "model", "another topic", {0: 7}) == {}
    assert landed_origins(store, "nothing landed", "id", {0: 7}) == {}


def test_more_files_than_object_metadata_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    store = _landed([_file(number, 0) for number in range(3 * SOURCES_NOTED)], rows=100)
    head = store.head("model/lane=0/00000000.parquet")
    assert head is not None
    assert sum(len(name) + len(value) for name, value in head.metadata.items()) < 1_400
    fetched_whole: list[str] = []
    get = store.get

    def noting(key: str) -> tuple[bytes, str] | None:
        fetched_whole.append(key)
        return get(key)

    monkeypatch.setattr(store, "get", noting)
    found = landed_origins(store, "model", "id", {0: 1})[0]
    assert [int(source, 16) for source in found] == list(range(3 * SOURCES_NOTED))
    assert not [key for key in fetched_whole if key.endswith(".parquet")]


def test_parts_of_an_earlier_version_do_not_say_it() -> None:
    store = _landed([_file(1, 0)] * 3, rows=3)
    body = store.get(manifest_key("model", 1))
    assert body is not None
    manifest = manifest_from_json(body[0], "k")
    (lane,) = manifest.lanes
    parts = tuple(dataclasses.replace(part, sources=(), sources_seen=None) for part in lane.parts)
    earlier = dataclasses.replace(manifest, lanes=(dataclasses.replace(lane, parts=parts),))
    store.put(manifest_key("model", 1), manifest_to_json(earlier))
    assert landed_origins(store, "model", "id", {0: 0}) == {0: {}}
    with pytest.raises(StopError, match="did not note from which files they came"):
        landed_origins(store, "model", "id", {0: 1})


def test_parts_of_this_version_may_be_sealed_by_an_earlier_one() -> None:
    store = _landed([_file(1, 0), _file(2, 0), _file(1, 1)], rows=3)
    key, part_key = manifest_key("model", 1), "model/lane=0/00000000.parquet"
    _metadata(store, part_key)["early_rows"] = "1"
    manifest = manifest_from_json(store._objects[key][0], "k")
    fields = {
        name: value
        for name, value in dataclasses.asdict(manifest).items()
        if name not in {"again", "next_again", "skipped"}
    }
    for part in fields["lanes"][0]["parts"]:
        for later in ("early_rows", "sources", "sources_seen", "skipped", "deletes"):
            del part[later]
    store.put(key, json.dumps({**fields, "format": 1}).encode())
    found = landed_origins(store, "model", "id", {0: 3})[0]
    assert {int(source, 16): origin.row for source, origin in found.items()} == {1: 1, 2: 0}
    # What format 1 tells is compared as ever.
    assert [problem for problem in verify_stream(store, "model").problems if "altered" in problem] == []
    _metadata(store, part_key)["late_rows"] = "1"
    (altered,) = [problem for problem in verify_stream(store, "model").problems if "altered" in problem]
    assert altered.endswith("late_rows 0 is now 1")


def _metadata(store: MemoryStore, key: str) -> dict[str, str]:
    metadata = store._objects[key][1]
    assert isinstance(metadata, dict)
    return metadata
