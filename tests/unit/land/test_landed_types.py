"""A column that was landed with one type is not landed with a narrower one; the stream file's line is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import ChainError, StreamFileError
from contract.stream_sections import Cut
from pipeline.land.chain import Writer
from pipeline.land.chain_start import begin_or_read
from pipeline.land.formats.whole_records import WholeRecords
from pipeline.land.land_again import LandingAgain
from pipeline.land.lander import Lander
from pipeline.land.newest_parts import newest_parts, refuse_unreadable_parts
from pipeline.landed_types import LandedTypes, refuse_changed_types
from pipeline.stream_file import load_stream
from tests.memory_store import MemoryStore
from tests.unit.land.test_lander import Offsets, fetched

TEXT = """
name: s
topic: s
columns:
  id: {type: int64}
  x: {type: float64}
cut: {rows: 5}
features: [x]
model: {k: 2}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "s.yaml"
    path.write_text(TEXT)
    return path


def land(store: MemoryStore, path: Path, rows: int, *, first: int = 0) -> list[str]:
    """Land ``rows`` rows, which make a batch of 5 each; return the newest parts."""
    stream = load_stream(path)
    start = begin_or_read(store, "s", "s", "id", {0: 0})
    writer = Writer("w", "id")
    lander = Lander(stream, Cut(rows=5), store=store, writer=writer, start=start, partitions=1, topic=Offsets())
    lander.own(0, 1)
    lander.begin(1)
    lander.take(fetched(0, first, [b'{"id":1,"x":1}'] * rows, stream))
    return newest_parts(store, "s", "s", writer)


def _check(store: MemoryStore, path: Path, keys: list[str], old: str = "", new: str = "") -> None:
    path.write_text(TEXT.replace(old, new))
    stream = load_stream(path)
    refuse_changed_types(stream, str(path), LandedTypes(store).of(keys), stream.columns)


def test_a_narrowed_type_is_refused_with_its_line(path: Path) -> None:
    store = MemoryStore()
    keys = land(store, path, 10)
    assert keys == ["s/lane=0/00000001.parquet"]
    for new in ("int32", "int64", "float32", "string", "bool", "timestamp"):
        text = TEXT.replace("features: [x]", "features: [id]").replace("float64", new)
        with pytest.raises(
            StreamFileError, match=f"columns.x.type: {new}, but .*1.parquet was landed with float64"
        ) as e:
            path.write_text(text)
            refuse_changed_types(load_stream(path), str(path), LandedTypes(store).of(keys), ["id", "x"])
        assert e.value.line == 6
    _check(store, path, keys)
    _check(store, path, keys, "int64", "int64, required: true")
    _check(store, path, keys, "  x:", "  more: {type: int32}\n  x:")


def test_a_part_of_nothing_but_rejects_has_no_type_and_what_was_landed_again_has(path: Path) -> None:
    store, writer = MemoryStore(), Writer("w", "id")
    path.write_text(TEXT.replace("float64", "int64"))
    stream = load_stream(path)
    start = begin_or_read(store, "s", "s", "id", {0: 0})
    lander = Lander(stream, Cut(rows=5), store=store, writer=writer, start=start, partitions=1, topic=Offsets())
    lander.own(0, 1)
    lander.begin(1)
    lander.take(fetched(0, 0, [b'{"id":1,"x":0.5}'] * 3, stream))
    lander.land_tail()
    keys = newest_parts(store, "s", "s", writer)
    assert len(list(store.list_objects("s/lane="))) == 1 and keys == []
    _check(store, path, keys)
    assert LandingAgain(store, load_stream(path), WholeRecords(load_stream(path)), writer).run().rows == 3
    keys = newest_parts(store, "s", "s", writer)
    assert keys == ["s/again/00000000.parquet"]
    with pytest.raises(StreamFileError, match=r"0\.parquet was landed with float64"):
        _check(store, path, keys, "float64", "int64")


def test_a_wider_type_is_read(path: Path) -> None:
    store = MemoryStore()
    path.write_text(TEXT.replace("int64", "int32"))
    keys = land(store, path, 5)
    _check(store, path, keys)
    _check(store, path, keys, "int64", "float64")
    with pytest.raises(StreamFileError, match=r"int32 to int64, float64 or a decimal"):
        _check(store, path, keys, "int64", "float32")


def test_a_part_with_a_long_footer_and_one_that_is_gone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.footer._TAIL_BYTES", 64)
    store = MemoryStore()
    keys = land(store, path, 5)
    _check(store, path, keys)
    with pytest.raises(ChainError, match="is not in bucket"):
        _check(store, path, ["s/lane=0/9.parquet"])


OTHER = TEXT.replace("  x: {type: float64}\n", "").replace("[x]", "[id]")


def land_under(store: MemoryStore, path: Path, text: str, first: int, values: list[bytes]) -> None:
    """Land ``values`` as `land` would with the stream file ``text``, whose check comes first."""
    path.write_text(text)
    stream, writer = load_stream(path), Writer("w", "id")
    start = begin_or_read(store, "s", "s", "id", {0: 0})
    refuse_unreadable_parts(store, stream, str(path), writer)
    lander = Lander(stream, Cut(rows=5), store=store, writer=writer, start=start, partitions=1, topic=Offsets())
    lander.own(0, 1)
    lander.begin(1)
    lander.take(fetched(0, first, values, stream))
    assert lander.counts.rejected == 0


def test_a_column_that_comes_back_is_compared_with_all_parts(path: Path) -> None:
    """The newest have no such column; it is a new one, and those are compared with whatever was landed."""
    store = MemoryStore()
    for first, text in ((0, TEXT), (5, OTHER)):
        land_under(store, path, text, first, [b'{"id":1,"x":1}'] * 5)
    with pytest.raises(StreamFileError, match=r"s.yaml:6: columns.x.type: int32, but s/lane=0/0+.parquet was landed"):
        land_under(store, path, TEXT.replace("float64", "int32"), 10, [b'{"id":1,"x":1}'] * 5)
    twin = TEXT.replace("  x:", "  X:").replace("[x]", "[X]")
    with pytest.raises(StreamFileError, match=r"s.yaml:6: columns.X: s/lane=0/0+.parquet was landed with 'x', and"):
        land_under(store, path, twin, 10, [b'{"id":1,"X":1}'] * 5)
    land_under(store, path, TEXT, 10, [b'{"id":1,"x":1}'] * 5)


def test_whole_numbers_become_floats_as_long_as_none_loses_a_digit(path: Path) -> None:
    store, whole = MemoryStore(), TEXT.replace("float64", "int64")
    land_under(store, path, whole, 0, [b'{"id":1,"x":%d}' % x for x in (2**53, -(2**53), 0, 1, 2)])
    land_under(store, path, whole, 5, [b'{"id":1}'] * 5)
    land_under(store, path, TEXT, 10, [b'{"id":1,"x":0.5}'] * 5)
    store = MemoryStore()
    land_under(store, path, whole, 0, [b'{"id":1,"x":%d}' % x for x in (2**53 + 1, 0, 0, 1, 2)])
    land_under(store, path, whole, 5, [b'{"id":1,"x":1}'] * 5)
    with pytest.raises(StreamFileError, match=r"s.yaml:6: columns.x.type: float64, but .*0000.parquet .* int64, with"):
        land_under(store, path, TEXT, 10, [b'{"id":1,"x":0.5}'] * 5)


def test_the_widening_of_decimals(path: Path) -> None:
    store = MemoryStore()
    for first, kind in enumerate(("int32", "int64", '"decimal(19,0)"', '"decimal(22,2)"')):
        land_under(store, path, TEXT.replace("float64", kind), 5 * first, [b'{"id":1,"x":7}'] * 5)
    for kind in ('"decimal(23,4)"', '"decimal(22,1)"', "float64", "int64"):
        with pytest.raises(StreamFileError, match=r"was landed with decimal\(22,2\)"):
            land_under(store, path, TEXT.replace("float64", kind), 20, [b'{"id":1,"x":7}'] * 5)
