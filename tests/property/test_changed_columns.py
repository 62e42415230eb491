"""Whatever becomes of a stream's columns, each landed value is read as it was, or the change is refused."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import StreamFileError
from contract.stream import Stream
from contract.stream_sections import Cut
from contract.widening import EXACT_IN_DOUBLE, by_value, may_become
from pipeline.columns import arrow_type
from pipeline.land.chain import Writer
from pipeline.land.chain_start import begin_or_read
from pipeline.land.lander import Lander
from pipeline.land.newest_parts import refuse_unreadable_parts
from pipeline.landed_types import LandedTypes, changed_types, landed_alike
from pipeline.parquet_bytes import read_table
from pipeline.stream_file import load_stream
from pipeline.train.read.batches import sealed_batches
from tests.memory_store import MemoryStore
from tests.unit.land.test_lander import Offsets, fetched

# Of each type, values that no narrower one holds.
NUMBERS: dict[str, tuple[Any, ...]] = {
    "int32": (-(2**31), 0, 2**31 - 1),
    "int64": (-(2**63), 0, 2**63 - 1),
    "float32": (-0.5, 2.0**-140, float(2**120)),
    "float64": (0.1, 2.0**-1070, -1.5e308),
    "decimal(19,0)": (Decimal(10**19 - 1), Decimal(0)),
    "decimal(12,2)": (Decimal("9999999999.99"), Decimal("-0.01")),
    "decimal(22,2)": (Decimal("99999999999999999999.99"), Decimal("0.01")),
    "decimal(14,4)": (Decimal("9999999999.9999"), Decimal("0.0001")),
}
OTHERS: dict[str, tuple[Any, ...]] = {"bool": (True, False), "string": ("7", "é", "")}
VALUES = NUMBERS | OTHERS
# Whole numbers, some of which a float64 keeps and some of which it does not.
WHOLE = st.sampled_from([0, EXACT_IN_DOUBLE, -EXACT_IN_DOUBLE, EXACT_IN_DOUBLE + 1, -(2**63)])


def _is_kept(value: Any, landed: str, declared: str) -> bool:
    """Whether it is the same number as Arrow casts it, which refuses what it cannot."""
    try:
        cast = pa.array([value], arrow_type(landed)).cast(arrow_type(declared))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return False
    return Fraction(cast[0].as_py()) == Fraction(value)


@pytest.mark.parametrize("landed", NUMBERS)
def test_wider_is_what_keeps_every_value(landed: str) -> None:
    for declared in NUMBERS:
        if by_value(landed, declared):
            assert may_become(landed, declared)
            assert all(_is_kept(value, landed, declared) for value in (EXACT_IN_DOUBLE, -EXACT_IN_DOUBLE))
            assert not _is_kept(EXACT_IN_DOUBLE + 1, landed, declared)
        else:
            kept = all(_is_kept(value, landed, declared) for value in NUMBERS[landed])
            assert may_become(landed, declared) == kept, (landed, declared)


def test_another_family_is_no_wider_type() -> None:
    others = ("bool", "string", "date", "timestamp", "time", "binary")
    pairs = [(one, other) for one in others for other in (*others, *NUMBERS)]
    assert all(may_become(*pair) == may_become(*reversed(pair)) == (pair[0] == pair[1]) for pair in pairs)


class _Line:
    """A stream whose file changes, with every value that it landed."""

    def __init__(self, directory: Path) -> None:
        self.store, self.path = MemoryStore(), directory / "s.yaml"
        self.landings: list[tuple[Mapping[str, str], list[dict[str, Any]]]] = []
        """Of each, what its stream file said of columns, and the rows."""

    def stream(self, columns: Mapping[str, str]) -> Stream:
        fields = {"name": "s", "topic": "s", "cut": {"rows": 3}, "features": ["z"], "model": {"k": 2}}
        self.path.write_text(json.dumps(fields | {"columns": {**columns, "z": "float64"}}))
        return load_stream(self.path)

    def land(self, columns: Mapping[str, str], rows: list[dict[str, Any]], *, checked: bool = True) -> None:
        """Land ``rows``; not ``checked`` is a member of the group that was started before the file changed."""
        stream, writer = self.stream(columns), Writer("w", "id")
        start = begin_or_read(self.store, "s", "s", "id", {0: 0})
        if checked:
            refuse_unreadable_parts(self.store, stream, str(self.path), writer)
        lander = Lander(
            stream, Cut(rows=3), store=self.store, writer=writer, start=start, partitions=1, topic=Offsets()
        )
        lander.own(0, 1)
        lander.begin(1)
        first = sum(len(landed) for _, landed in self.landings)
        lander.take(fetched(0, first, [json.dumps(row, default=str).encode() for row in rows], stream))
        while not lander.land_tail():
            pass
        assert lander.counts.rejected == 0, lander.counts.reasons.lines()
        self.landings.append((columns, rows))

    def read(self, columns: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return all rows as training reads them: parts that were landed alike together, cast to the file's types."""
        stream = self.stream(columns)
        keys = [key for batch in sealed_batches(self.store, "s") for key in batch.filled]
        landed = LandedTypes(self.store).of(keys)
        assert list(changed_types(stream, landed, stream.columns)) == []
        rows: dict[int, dict[str, Any]] = {}
        for types, alike in landed_alike(keys, landed, columns).items():
            for key in alike:
                found = self.store.get(key)
                assert found is not None
                table = read_table(found[0], [*dict(types), "_offset"])
                cast = {name: table[name].cast(arrow_type(columns[name])).to_pylist() for name, _ in types}
                for place, offset in enumerate(table["_offset"].to_pylist()):
                    rows[offset] = {name: values[place] for name, values in cast.items()}
        return [rows[offset] for offset in sorted(rows)]

    def is_unreadable(self, columns: Mapping[str, str]) -> bool:
        """Whether a value that was landed would be another in ``columns``, or one that its type can hold."""
        return any(
            name != now or (kind != columns[now] and not self._keeps(name, kind, columns[now], rows))
            for landed, rows in self.landings
            for name, kind in landed.items()
            for now in columns
            if name.lower() == now.lower()
        )

    def _keeps(self, name: str, landed: str, declared: str, rows: list[dict[str, Any]]) -> bool:
        if landed in OTHERS or declared in OTHERS:
            return False
        values = [row[name] for row in rows if name in row] if by_value(landed, declared) else NUMBERS[landed]
        return all(_is_kept(value, landed, declared) for value in values)


FILES = st.dictionaries(st.sampled_from(["a", "A", "b"]), st.sampled_from([*VALUES]), min_size=1, max_size=2).filter(
    lambda columns: len({name.lower() for name in columns}) == len(columns)
)


def _rows(draw: st.DataObject, columns: Mapping[str, str]) -> list[dict[str, Any]]:
    values = {name: WHOLE if kind == "int64" else st.sampled_from(VALUES[kind]) for name, kind in columns.items()}
    return [{"z": 1.0, **row} for row in draw.draw(st.lists(st.fixed_dictionaries({}, optional=values), max_size=5))]


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_every_landed_value_is_read_or_the_change_is_refused(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as directory:
        line = _Line(Path(directory))
        now = data.draw(FILES)
        line.land(now, [{"z": 1.0}, *_rows(data, now)])
        before = now
        for _ in range(data.draw(st.integers(1, 4))):
            wanted = data.draw(_changed(now) | FILES)
            if line.is_unreadable(wanted):
                with pytest.raises(StreamFileError) as refused:
                    line.land(wanted, [])
                assert refused.value.line is not None
            else:
                line.land(wanted, [{"z": 1.0}, *_rows(data, wanted)])
                before, now = now, wanted
        # The last change is made while another member goes on with the file before: its parts lie among the others.
        for columns in (before, now):
            kept = [{name: v for name, v in row.items() if v != -(2**63)} for row in _rows(data, columns)]
            fitting = [row for row in kept if EXACT_IN_DOUBLE + 1 not in row.values()]
            line.land(columns, [{"z": 1.0}, *fitting], checked=False)
        read = line.read(now)
    meant = [{name: row.get(name) for name in now} for _, rows in line.landings for row in rows]
    assert [{name: row.get(name) for name in now} for row in read] == meant


def _changed(columns: Mapping[str, str]) -> st.SearchStrategy[dict[str, str]]:
    """Files that mostly may follow ``columns``: one more, one less, or one that is wider."""
    wider = {name: st.sampled_from([new for new in VALUES if may_become(old, new)]) for name, old in columns.items()}
    return st.fixed_dictionaries({}, optional={"b": st.sampled_from([*VALUES]), **wider}).filter(bool)
