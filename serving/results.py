"""The stored rows of a version: pages by row id or by cluster, and the rows of one id."""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import orjson
import pyarrow as pa

from contract.batch import OFFSET, PARTITION
from contract.errors import Fault, InvalidRequestError, UnknownNameError, VersionUnavailableError
from contract.model_version import (
    CLUSTER,
    DISTANCE,
    ROW_ID,
    TAG_RESULTS,
    ResultsFile,
    ResultsManifest,
    results_from_json,
)
from serving.catalogue import Version
from serving.range_cache import RangeCache
from serving.sorted_file import Key, SortedFiles, first_group

MOST_ROWS: Final = 1000
_BY_ID: Final = (ROW_ID, PARTITION, OFFSET)
_BY_CLUSTER: Final = (CLUSTER, ROW_ID, PARTITION, OFFSET)


@dataclass(frozen=True)
class Page:
    """Some rows in order, and the cursor of those behind them; None at the end."""

    rows: list[dict[str, Any]]
    next_cursor: str | None


class Results:
    """Reads the results of versions. Safe to share between threads.

    Every method raises :class:`ServiceDownError`, :class:`AccessDeniedError` or :class:`ModelArtifactError` for
    what the object store does, and :class:`VersionUnavailableError` where a version has no results.
    """

    def __init__(self, ranges: RangeCache, files: SortedFiles) -> None:
        self._ranges, self._files = ranges, files
        self._manifest = lru_cache(maxsize=256)(self._read_manifest)

    def page(self, version: Version, *, limit: int, cursor: str | None, cluster: int | None) -> Page:
        """Return ``limit`` rows behind ``cursor``; those of ``cluster`` only, unless it is None.

        Raises
        ------
        InvalidRequestError: the cursor is not one of this version and filter.
        """
        after = read_cursor(cursor, version.run_id, cluster)
        found: list[dict[str, Any]] = []
        keys: list[Key] = []
        for key, row in self._rows(version, cluster, after):
            if len(found) == limit:
                return Page(found, write_cursor(version.run_id, cluster, keys[-1]))
            found.append(row)
            keys.append(key)
        return Page(found, None)

    def rows_of(self, version: Version, row_id: str) -> list[dict[str, Any]]:
        """Return the stored rows of ``row_id``: at least one.

        Raises
        ------
        UnknownNameError: there is none.
        """
        found = []
        for key, row in self._rows(version, None, (row_id,)):
            if key[0] != row_id:
                break
            found.append(row)
        if not found:
            within = f"version {version.number} of model {version.model!r}"
            raise UnknownNameError("row", row_id, within=within)
        return found

    def _read_manifest(self, key: str) -> ResultsManifest:
        return results_from_json(self._ranges.whole(key), key)

    def _rows(self, version: Version, cluster: int | None, after: Key) -> Iterator[tuple[Key, dict[str, Any]]]:
        """Yield rows whose key is above ``after``, of which a shortened one stands before all that it begins."""
        labels = version.required_numbers().scoring.labels
        stored = version.tags.get(TAG_RESULTS)
        if not stored:
            raise VersionUnavailableError(f"version {version.number} of model {version.model!r} has no stored results")
        manifest = self._manifest(stored)
        sort_key = _BY_ID if cluster is None else _BY_CLUSTER
        files = manifest.by_id if cluster is None else manifest.by_cluster
        start = after if cluster is None else (cluster, *after)
        for table in self._tables(files, sort_key, start):
            rows = _Rows(table, sort_key, manifest.features, labels)
            for i in range(rows.first_above(start), table.num_rows):
                key = rows.key(i)
                if cluster is not None and key[0] != cluster:
                    return
                yield (key if cluster is None else key[1:]), rows.answer(i)

    def _tables(self, files: Sequence[ResultsFile], sort_key: Sequence[str], start: Key) -> Iterator[pa.Table]:
        begin = bisect_left(files, True, key=lambda file: file.last[: len(start)] >= start)
        for file in files[begin:]:
            footer = self._files.footer(file, sort_key)
            for group in range(first_group(footer.upper, start), footer.metadata.num_row_groups):
                yield self._files.table(file, footer, group)


class _Rows:
    """A decoded row group, looked at by row."""

    def __init__(self, table: pa.Table, sort_key: Sequence[str], features: tuple[str, ...], labels: Sequence[str]):
        self._rows = table.num_rows
        self._keys = [table.column(name) for name in sort_key]
        self._columns = {name: table.column(name) for name in (*_BY_ID, CLUSTER, DISTANCE)}
        self._features = {name: table.column(name) for name in features}
        self._labels = labels

    def key(self, i: int) -> Key:
        return tuple(column[i].as_py() for column in self._keys)

    def first_above(self, start: Key) -> int:
        """Return the first row above ``start``, or at it where ``start`` is shortened."""
        whole = len(start) == len(self._keys)
        find = bisect_right if whole else bisect_left
        return find(range(self._rows), start, key=self.key)

    def answer(self, i: int) -> dict[str, Any]:
        values = {name: column[i].as_py() for name, column in self._columns.items()}
        return {
            "row_id": values[ROW_ID],
            "partition": values[PARTITION],
            "offset": values[OFFSET],
            "cluster": values[CLUSTER],
            "label": self._labels[values[CLUSTER]],
            "distance": values[DISTANCE],
            "features": {name: column[i].as_py() for name, column in self._features.items()},
        }


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
        problem = "is not a cursor of this version and filter; begin again without one"
        raise InvalidRequestError(f"the cursor {problem}", [Fault(("query", "cursor"), problem)]) from error
    return (row_id, partition, offset)
