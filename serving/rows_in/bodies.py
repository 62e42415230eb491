"""Reads the bodies that MLflow's scoring server takes, for one list of features.

    {"dataframe_records": [{"a": 1, "b": null}]}          {"instances": [{"a": 1, "b": null}]} or [[1, null]]
    {"dataframe_split": {"columns": ["a", "b"], "data": [[1, null]]}}
    {"inputs": {"a": [1], "b": [null]}} or [[1, null]]    null is a missing value

The typed reader is quick and stops at the first fault; only then does `faults.py` look for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np

from scoring.arrays import Floats
from serving.rows_in.cells import IN_JSON, Cell, Inputs, are_numbers, many, times, with_times
from serving.rows_in.faults import explain

Rows: TypeAlias = Sequence[Sequence[Cell]]

_MESSAGE_PACK: Final = msgspec.msgpack.Encoder()


class Split(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """Rows as pandas' ``to_dict(orient="split")`` gives them."""

    columns: list[str]
    data: list[list[float | None]]
    index: list[int | str] | None = None


class TypedSplit(Split, forbid_unknown_fields=True, gc=False):
    """The same, where the columns are of several types, in an order that only ``columns`` tell."""

    data: list[list[Any]]


class _Lazy(Sequence[Sequence[Cell]]):
    """Rows that are made one at a time: all tuples at once would take memory, and keep the garbage collector busy."""

    def __init__(self, count: int, each: Callable[[], Iterator[Sequence[Cell]]]) -> None:
        self._count, self._each = count, each

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Sequence[Cell]]:
        return self._each()

    def __getitem__(self, index: Any) -> Any:
        return [*self][index]


class Records(_Lazy):
    """Rows that came as objects: ``structs`` of d fields, each a double or None; ``layout`` is that of one packed."""

    def __init__(self, structs: list[Any], layout: np.dtype[np.void]) -> None:
        super().__init__(len(structs), lambda: map(msgspec.structs.astuple, structs))
        self._structs, self._layout = structs, layout

    def doubles(self) -> Floats | None:
        """Return the rows [n, d], column by column; None where a value is missing.

        In MessagePack, which msgspec writes in half of the time that it takes Python to ask for each cell, a double has
        eight bytes whatever it is, so that those of all rows stand at the same places. A missing value has none.
        """
        packed, size = _MESSAGE_PACK.encode(self._structs), len(self) * self._layout.itemsize
        if len(packed) != size + _head_bytes(len(self)):
            return None
        records = np.frombuffer(packed, self._layout, offset=len(packed) - size)
        names = self._layout.names or ()
        found: Floats = np.empty((len(self), len(names)), order="F")
        for j, name in enumerate(names):
            found[:, j] = records[name]
        return found


class RowReader:
    """Reads request bodies into rows in the order of ``inputs``."""

    def __init__(self, inputs: Inputs) -> None:
        self.inputs, self.names = inputs, tuple(inputs)
        self._times = times(inputs)
        # Field names of our own, so that any feature name will do.
        names = {f"f{j}": name for j, name in enumerate(inputs)}
        options: dict[str, Any] = {"rename": names, "forbid_unknown_fields": True, "gc": False}
        cells: list[Any] = [IN_JSON[kind] for kind in inputs.values()]
        fields = list(zip(names, cells, strict=True))
        self._record = msgspec.defstruct("Record", fields, **options)
        self._columns = msgspec.defstruct("Columns", [(name, many(cell)) for name, cell in fields], **options)
        self._layout = _layout(self._record) if are_numbers(inputs) else None
        self._row: Any = tuple.__class_getitem__(tuple(cells))
        split = Split if are_numbers(inputs) else TypedSplit
        self._decoder = msgspec.json.Decoder(_body(self._record, self._columns, self._row, split))

    def read(self, body: bytes) -> Rows:
        """Return the rows in ``body``: n sequences of d cells, None where a value is missing.

        Raises
        ------
        MalformedRequestError: not JSON.
        InvalidRequestError: names each field that is not as it should be.
        """
        return self.read_sound(body) or explain(body, self.inputs)

    def read_sound(self, body: bytes) -> Rows:
        """Return the rows in ``body``; none where anything is wrong with it."""
        try:
            rows = self._rows(self._decoder.decode(body))
            return [with_times(row, self._times) for row in rows] if self._times else rows
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return ()

    def _rows(self, body: Any) -> Rows:
        given = [part for part in msgspec.structs.astuple(body) if part is not msgspec.UNSET]
        if len(given) != 1:
            raise ValueError("not one of the four")
        part = given[0]
        if isinstance(part, Split):
            return self._split(part)
        if isinstance(part, self._columns):
            columns = msgspec.structs.astuple(part)
            if len(set(map(len, columns))) != 1:
                raise ValueError("columns of several lengths")
            return _Lazy(len(columns[0]), lambda: zip(*columns, strict=True))
        if part is body.instances:
            return [msgspec.structs.astuple(row) if isinstance(row, self._record) else row for row in part]
        if part is body.dataframe_records:
            if self._layout is not None:
                return Records(part, self._layout)
            return _Lazy(len(part), lambda: map(msgspec.structs.astuple, part))
        return part  # type: ignore[no-any-return]

    def _split(self, split: Split) -> Rows:
        rows = self._in_order(split)
        return msgspec.convert([*rows], many(self._row)) if isinstance(split, TypedSplit) else rows

    def _in_order(self, split: Split) -> Rows:
        width = len(self.names)
        if len(split.columns) != width or any(len(row) != width for row in split.data):
            raise ValueError("not as wide as the features")
        if tuple(split.columns) == self.names:
            return split.data
        place = {name: j for j, name in enumerate(split.columns)}
        order = [place.get(name, -1) for name in self.names]
        if -1 in order:
            raise ValueError("other columns")
        return _Lazy(len(split.data), lambda: ([row[j] for j in order] for row in split.data))


def _layout(record: Any) -> np.dtype[np.void]:
    """Return where the doubles of a ``record`` stand once packed: each behind its name and a byte for its type."""
    fields = msgspec.structs.fields(record)
    ends = np.cumsum([len(_MESSAGE_PACK.encode(field.encode_name)) + 9 for field in fields])
    size = len(_MESSAGE_PACK.encode(record(*[0.0] * len(fields))))
    places = [int(end) + size - int(ends[-1]) - 8 for end in ends]
    names, doubles = [field.name for field in fields], [">f8"] * len(fields)
    return np.dtype({"names": names, "formats": doubles, "offsets": places, "itemsize": size})


def _head_bytes(count: int) -> int:
    """Return how many bytes a list of ``count`` has before its items in MessagePack."""
    return 1 if count < 16 else 3 if count < 65_536 else 5


def _body(record: Any, columns: Any, row: Any, split: Any) -> Any:
    """Return the type of a body; made at run time, so mypy cannot follow it."""
    parts: dict[str, Any] = {
        "dataframe_records": list[record],
        "dataframe_split": split,
        "instances": list[record | row],
        "inputs": list[row] | columns,
    }
    # Unset and not None, so that a part that is null is a fault.
    fields = [(name, part | msgspec.UnsetType, msgspec.UNSET) for name, part in parts.items()]
    return msgspec.defstruct("Body", fields, forbid_unknown_fields=True, gc=False)


@lru_cache(maxsize=256)
def reader(names: tuple[str, ...], kinds: tuple[str, ...]) -> RowReader:
    """Return the reader of inputs of these names and types; versions with the same ones share it."""
    return RowReader(dict(zip(names, kinds, strict=True)))
