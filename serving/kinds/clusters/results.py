"""The stored rows of a version: pages by row id or by cluster, and the rows of one id."""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from contract.batch import OFFSET, PARTITION
from contract.decoding import shortened
from contract.errors import Fault, InvalidRequestError, ModelArtifactError, UnknownNameError, VersionUnavailableError
from contract.model_version import (
    CLUSTER,
    DISTANCE,
    RESULTS,
    ROW_ID,
    TAG_RESULTS,
    ResultsFile,
    ResultsManifest,
    results_from_json,
)
from contract.moment import EARLIEST_US, LATEST_US, us_text
from serving.kinds.kind import Registered
from serving.stored_rows.footer import DOUBLE, INT32, INT64, TEXT, Columns, Key
from serving.stored_rows.range_cache import RangeCache
from serving.stored_rows.run_of_rows import RunOfRows
from serving.stored_rows.sorted_file import SortedFiles, first_group
from serving.versions.tags import text

MOST_ROWS: Final = 1000
# Of an object, by S3.
_LONGEST_KEY: Final = 1024
COLUMNS: Final = Columns(
    {ROW_ID: TEXT, PARTITION: INT32, OFFSET: INT64, CLUSTER: INT32, DISTANCE: DOUBLE},
    keys=(ROW_ID, PARTITION, OFFSET, CLUSTER),
)
_ARROW: Final = {
    "double": pa.float64(),
    "long": pa.int64(),
    "string": pa.string(),
    "boolean": pa.bool_(),
    "datetime": pa.timestamp("us", "UTC"),
}
_BY_ID: Final = (ROW_ID, PARTITION, OFFSET)
_BY_CLUSTER: Final = (CLUSTER, ROW_ID, PARTITION, OFFSET)


@dataclass(frozen=True)
class Page:
    """Some rows in order, and the cursor of those behind them; None at the end."""

    rows: list[dict[str, Any]]
    next_cursor: str | None


class Results:
    """Reads the results of versions, whose clusters have ``labels``. Safe to share between threads.

    Every method raises :class:`ServiceDownError`, :class:`AccessDeniedError` or :class:`ModelArtifactError` for
    what the object store does, and :class:`VersionUnavailableError` where a version has no results.
    """

    def __init__(self, ranges: RangeCache) -> None:
        self._ranges, self._files = ranges, SortedFiles(ranges, COLUMNS)
        self._manifest = lru_cache(maxsize=64)(self._read_manifest)

    def page(
        self, version: Registered, labels: Sequence[str], *, limit: int, cursor: str | None, cluster: int | None
    ) -> Page:
        """Return ``limit`` rows behind ``cursor``; those of ``cluster`` only, unless it is None.

        Raises
        ------
        InvalidRequestError: the cursor is not one of this version and filter.
        """
        after = read_cursor(cursor, version.run_id, cluster)
        found: list[dict[str, Any]] = []
        for run in self._runs_of_rows(version, labels, cluster, after):
            found += run.first(limit + 1 - len(found)).answers()
            if len(found) > limit:
                break
        return _page(found, limit, version.run_id, cluster)

    def rows_of(
        self, version: Registered, labels: Sequence[str], row_id: str, *, limit: int, cursor: str | None
    ) -> Page:
        """Return ``limit`` of the stored rows of ``row_id`` behind ``cursor``; at least one where there is no cursor.

        Raises
        ------
        UnknownNameError: there is none.
        InvalidRequestError: the cursor is not one of this version and row id.
        """
        after = read_cursor(cursor, version.run_id, None)
        if after and after[0] != row_id:
            raise _no_cursor()
        found: list[dict[str, Any]] = []
        for run in self._runs_of_rows(version, labels, None, after or (row_id,)):
            own = run.until((row_id,))
            found += own.first(limit + 1 - len(found)).answers()
            if len(found) > limit or len(own) < len(run):
                break
        if not found and not after:
            within = f"version {version.number} of model {version.model!r}, whose rows `clustering-results` lists"
            raise UnknownNameError("row", row_id, within=within)
        return _page(found, limit, version.run_id, None)

    def export(self, version: Registered, labels: Sequence[str], *, cluster: int | None) -> Iterator[bytes]:
        """Return all rows as lines of JSON, some at a time; the first row group is read before this returns."""
        runs = self._runs_of_rows(version, labels, cluster, ())
        first = next(runs, None)
        all_of_them = chain([] if first is None else [first], runs)
        return (lines for run in all_of_them for lines in run.lines())

    def _read_manifest(self, key: str) -> ResultsManifest:
        return results_from_json(self._ranges.whole(key, RESULTS.most_bytes), key)

    def _runs_of_rows(
        self, version: Registered, labels: Sequence[str], cluster: int | None, after: Key
    ) -> Iterator[RunOfRows]:
        """Yield the rows above ``after``, of which a shortened one stands before all that it begins; none is empty."""
        stored = text(version.tags.get(TAG_RESULTS), _LONGEST_KEY)
        if not stored:
            raise VersionUnavailableError(f"version {version.number} of model {version.model!r} has no stored results")
        manifest = self._manifest(stored)
        if manifest.run_id != version.run_id:
            raise ModelArtifactError(f"{stored} has the results of another run than that of version {version.number}")
        written = partial(_written, _types(manifest), labels)
        sort_key = _BY_ID if cluster is None else _BY_CLUSTER
        files = manifest.by_id if cluster is None else manifest.by_cluster
        start = after if cluster is None else (cluster, *after)
        for table in self._tables(files, sort_key, start):
            _check(table, manifest, len(labels))
            rows = RunOfRows(table, sort_key, written).above(start)
            own = rows if cluster is None else rows.until((cluster,))
            if own:
                yield own
            if len(own) < len(rows):
                return

    def _tables(self, files: Sequence[ResultsFile], sort_key: Sequence[str], start: Key) -> Iterator[pa.Table]:
        begin = bisect_left(files, True, key=lambda file: file.last[: len(start)] >= start)
        for file in files[begin:]:
            footer = self._files.footer(file, sort_key)
            for group in range(first_group(footer.upper, start), len(footer.groups)):
                yield self._files.table(file, footer, group)


def _written(types: Mapping[str, str], labels: Sequence[str], rows: pa.Table) -> list[dict[str, Any]]:
    """Return ``rows`` as they are answered."""
    values = {name: rows.column(name).to_pylist() for name in (ROW_ID, PARTITION, OFFSET, CLUSTER, DISTANCE)}
    return [
        {
            "row_id": row_id,
            "partition": partition,
            "offset": offset,
            "cluster": cluster,
            "label": labels[cluster],
            "distance": distance,
            "features": row,
        }
        for row_id, partition, offset, cluster, distance, row in zip(
            *values.values(), _with_texts_of_times(rows.select([*types]), types).to_pylist(), strict=True
        )
    ]


def _with_texts_of_times(rows: pa.Table, types: Mapping[str, str]) -> pa.Table:
    for j, kind in enumerate(types.values()):
        if kind == "datetime":
            us = rows.column(j).cast(pa.int64()).to_pylist()
            texts = pa.array([None if each is None else us_text(each) for each in us], pa.string())
            rows = rows.set_column(j, rows.column_names[j], texts)
    return rows


def _check(table: pa.Table, manifest: ResultsManifest, clusters: int) -> None:
    """Check that a row group has what the version's rows have."""
    missing = set(_types(manifest)).difference(table.column_names)
    if missing:
        raise ModelArtifactError(f"results of run {manifest.run_id} have no column {shortened(min(missing))!r}")
    for name, kind in _types(manifest).items():
        column = table.column(name)
        if column.type != _ARROW[kind] or (kind == "datetime" and not _are_times(column)):
            problem = f"whose column {shortened(name)!r} is not of type {kind}"
            raise ModelArtifactError(f"results of run {manifest.run_id} have a row group {problem}")
    range_ = pc.min_max(table.column(CLUSTER)).as_py()
    if table.num_rows and not 0 <= range_["min"] <= range_["max"] < clusters:
        raise ModelArtifactError(f"results of run {manifest.run_id} name a cluster that the version does not have")


def _are_times(column: pa.ChunkedArray) -> bool:
    """Return whether all of ``column`` lie within the years that times are written in."""
    bounds = pc.min_max(column.cast(pa.int64())).as_py()
    return bounds["min"] is None or EARLIEST_US <= bounds["min"] <= bounds["max"] <= LATEST_US


def write_cursor(run_id: str, cluster: int | None, key: Key) -> str:
    """Return the cursor of the rows behind ``key``."""
    return base64.urlsafe_b64encode(orjson.dumps([run_id, cluster, *key])).decode().rstrip("=")


def read_cursor(cursor: str | None, run_id: str, cluster: int | None) -> Key:
    """Return the key that ``cursor`` stands behind; empty where there is no cursor.

    Raises
    ------
    InvalidRequestError: it is not one that :func:`write_cursor` made for this run and filter.
    """
    if cursor is None:
        return ()
    try:
        fields = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        its_run, its_cluster, row_id, partition, offset = fields
        numbers = all(type(x) is int for x in (partition, offset))
        if not (isinstance(row_id, str) and numbers and (its_run, its_cluster) == (run_id, cluster)):
            raise ValueError("of another version or filter")
    except (ValueError, TypeError, binascii.Error) as error:
        raise _no_cursor() from error
    return (row_id, partition, offset)


def _no_cursor() -> InvalidRequestError:
    problem = "is not a cursor of this version and filter; begin again without one"
    return InvalidRequestError(f"the cursor {problem}", [Fault(("query", "cursor"), problem)])


def _page(found: list[dict[str, Any]], limit: int, run_id: str, cluster: int | None) -> Page:
    """Return the page of ``found``, which has one row more than ``limit`` where there is a next page."""
    if len(found) <= limit:
        return Page(found, None)
    last = found[limit - 1]
    return Page(found[:limit], write_cursor(run_id, cluster, (last["row_id"], last["partition"], last["offset"])))


def _types(manifest: ResultsManifest) -> Mapping[str, str]:
    """Return the type of each stored feature."""
    return dict(zip(manifest.features, manifest.types or ["double"] * len(manifest.features), strict=True))
