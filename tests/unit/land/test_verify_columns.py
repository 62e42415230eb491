"""`verify` says where columns changed, and fails where the stream file cannot read what was landed."""

from __future__ import annotations

from pathlib import Path

from contract.stream_sections import Cut
from pipeline.land.chain import Writer
from pipeline.land.chain_start import begin_or_read
from pipeline.land.formats.whole_records import WholeRecords
from pipeline.land.land_again import LandingAgain
from pipeline.land.lander import Lander
from pipeline.land.newest_parts import refuse_unreadable_parts
from pipeline.land.verify import Proof, verify_stream
from pipeline.land.verify_columns import LandedObject, said_changes, unreadable_columns
from pipeline.stream_file import load_stream
from tests.memory_store import MemoryStore
from tests.unit.land.test_landed_types import TEXT, land_under
from tests.unit.land.test_lander import Offsets, fetched

WHOLE = TEXT.replace("float64", "int64")
MORE = TEXT.replace("  x:", "  y: {type: string}\n  x:")


def _proved(store: MemoryStore, path: Path, text: str) -> tuple[Proof, list[str]]:
    path.write_text(text)
    landed: dict[str, LandedObject] = {}
    proof = verify_stream(store, "s", landed=landed)
    return proof, unreadable_columns(load_stream(path), str(path), landed)


def test_parts_of_several_schemas_hold_and_what_changed_is_said(tmp_path: Path) -> None:
    path, store = tmp_path / "s.yaml", MemoryStore()
    for first, text in ((0, WHOLE), (5, WHOLE), (10, TEXT), (15, MORE)):
        land_under(store, path, text, first, [b'{"id":1,"x":1}'] * 5)
    proof, unreadable = _proved(store, path, MORE)
    assert proof.problems == unreadable == []
    assert [*said_changes(proof.columns)] == [
        "column x: int64 in batches 1–2, float64 in batches 3–4",
        "column y: none in batches 1–3, string in batch 4",
    ]
    assert [(found.type, found.batches, found.objects) for found in proof.columns["id"]] == [("int64", [1, 2, 3, 4], 4)]
    _, unreadable = _proved(store, path, TEXT.replace("float64", "int32"))
    assert [line.split(",")[0] for line in unreadable] == [f"{path}:6: columns.x.type: int32"] * 2
    assert "0000.parquet was landed with int64" in unreadable[0] and "0002.parquet was landed with f" in unreadable[1]


def test_rejects_are_landed_again_with_the_columns_of_now(tmp_path: Path) -> None:
    path, store, writer = tmp_path / "s.yaml", MemoryStore(), Writer("w", "id")
    land_under(store, path, WHOLE, 0, [b'{"id":1,"x":1}'] * 5)
    stream, start = load_stream(path), begin_or_read(store, "s", "s", "id", {0: 0})
    lander = Lander(stream, Cut(rows=5), store=store, writer=writer, start=start, partitions=1, topic=Offsets())
    lander.own(0, 1)
    lander.begin(1)
    lander.take(fetched(0, 5, [b'{"id":1,"x":0.5,"y":"a"}'], stream))
    lander.land_tail()
    path.write_text(MORE)
    stream = load_stream(path)
    refuse_unreadable_parts(store, stream, str(path), writer)
    assert LandingAgain(store, stream, WholeRecords(stream), writer).run().rows == 1
    proof, unreadable = _proved(store, path, MORE)
    assert proof.problems == unreadable == []
    assert [*said_changes(proof.columns)] == [
        "column x: int64 in batch 1, float64 in what waits for its batch",
        "column y: none in batch 1, string in what waits for its batch",
    ]
