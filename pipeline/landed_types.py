"""The columns that landed objects have, and which of them the stream file may still say."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow.parquet as pq

from contract.batch import COORDINATES
from contract.errors import StreamFileError
from contract.stream import Stream
from contract.widening import EXACT_IN_DOUBLE, SAID, by_value, may_become
from pipeline.columns import column_type_of
from pipeline.footer import read_footer
from pipeline.object_store import ObjectStore
from pipeline.stream_file import line_of_column

_THREADS = 8
_NO_TYPE = "another type"


@dataclass(frozen=True)
class LandedColumns:
    """The stream's own columns in one object: ``types`` as a stream file calls them, in their order.

    ``rounded`` are the int64 ones with a value that a float64 would round.
    """

    types: tuple[tuple[str, str], ...]
    rounded: frozenset[str] = frozenset()

    @classmethod
    def of(cls, footer: pq.FileMetaData) -> LandedColumns:
        """Return the columns of the object with ``footer``."""
        schema = footer.schema.to_arrow_schema()
        own = [field for field in schema if field.name not in COORDINATES]
        types = tuple((field.name, column_type_of(field.type) or _NO_TYPE) for field in own)
        whole = {name for name, kind in types if kind == "int64"}
        return cls(types, frozenset(_rounded(footer, whole)) if whole else frozenset())


def _rounded(footer: pq.FileMetaData, whole: Collection[str]) -> Iterator[str]:
    for group in map(footer.row_group, range(footer.num_row_groups)):
        for column in map(group.column, range(group.num_columns)):
            if column.path_in_schema not in whole:
                continue
            found = column.statistics
            if found is not None and found.has_min_max:
                rounds = max(abs(found.min), abs(found.max)) > EXACT_IN_DOUBLE
            else:
                # Where nothing is known it may; a column of nulls has no smallest value.
                rounds = found is None or found.null_count != group.num_rows
            if rounds:
                yield column.path_in_schema


class LandedTypes:
    """Reads what columns landed objects have; of each once, as they never change."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._known: dict[str, LandedColumns] = {}
        self._alike: dict[LandedColumns, LandedColumns] = {}

    def of(self, keys: Iterable[str]) -> dict[str, LandedColumns]:
        """Return the columns of each object of ``keys``.

        Raises
        ------
        ChainError: one is gone, or no part.
        """
        wanted = list(keys)
        unknown = [key for key in dict.fromkeys(wanted) if key not in self._known]
        with ThreadPoolExecutor(_THREADS) as pool:
            for key, footer in zip(unknown, pool.map(lambda key: read_footer(self._store, key), unknown), strict=True):
                found = LandedColumns.of(footer)
                self._known[key] = self._alike.setdefault(found, found)
        return {key: self._known[key] for key in wanted}


def landed_alike(
    keys: Iterable[str], landed: Mapping[str, LandedColumns], now: Mapping[str, str]
) -> dict[tuple[tuple[str, str], ...], list[str]]:
    """Return ``keys`` by the types that their columns of ``now`` have; of an object not in ``landed`` those of now."""
    alike: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for key in keys:
        types = dict(landed[key].types) if key in landed else now
        alike.setdefault(tuple((name, types[name]) for name in now if name in types), []).append(key)
    return alike


def refuse_changed_types(
    stream: Stream, stream_path: str, landed: Mapping[str, LandedColumns], names: Collection[str]
) -> None:
    """Stop where a column of ``names`` was landed, in an object of ``landed``, so that it cannot be read any more.

    Raises
    ------
    StreamFileError: the line of the column, both types, and the object.
    """
    for name, problem in changed_types(stream, landed, names):
        raise StreamFileError(stream_path, line_of_column(stream_path, name), problem)


def changed_types(
    stream: Stream, landed: Mapping[str, LandedColumns], names: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Yield each column of ``names`` that an object of ``landed`` has otherwise than can be read, and what to do."""
    spelt = {name.lower(): name for name in names}
    told: set[tuple[str, str, str]] = set()
    for key, columns in landed.items():
        for found, kind in columns.types:
            name = spelt.get(found.lower())
            if name is None or (name, found, kind) in told:
                continue
            problem: str | None = (
                f"columns.{name}: {key} was landed with {found!r}, and Spark cannot tell them apart: write {found!r} "
                f"again, or take a name that differs in more than letter case"
            )
            if found == name:
                problem = _problem(name, kind, stream.columns[name].type, key, rounded=found in columns.rounded)
            if problem is not None:
                told.add((name, found, kind))
                yield name, problem


def _problem(name: str, landed: str, declared: str, key: str, *, rounded: bool) -> str | None:
    if may_become(landed, declared) and not (rounded and by_value(landed, declared)):
        return None
    if by_value(landed, declared):
        why = f"with numbers beyond {EXACT_IN_DOUBLE:,}, of which a float64 does not keep every digit"
    else:
        why = f"which cannot be read so any more; a column may become wider ({SAID})"
    again = "its old type" if landed == _NO_TYPE else landed
    return (
        f"columns.{name}.type: {declared}, but {key} was landed with {landed}, {why}. Write {again} again, or give "
        f"the stream another `name`"
    )
