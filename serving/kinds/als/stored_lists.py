"""The lists that Spark stored for the users of a version, with the ratings they rest on: one row group a reading."""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from contract.errors import ModelArtifactError, UnknownNameError, VersionUnavailableError
from contract.model_version import TAG_RESULTS
from contract.recommender import (
    ITEMS,
    LISTS,
    RATED_ITEMS,
    RATINGS,
    SCORES,
    USER,
    IdColumn,
    ListsManifest,
    lists_from_json,
)
from serving.kinds.als.names import refuse_other
from serving.kinds.kind import Registered
from serving.stored_rows.footer import FLOAT, TEXT, Columns
from serving.stored_rows.range_cache import RangeCache
from serving.stored_rows.sorted_file import SortedFiles, first_group
from serving.versions.tags import text

COLUMNS: Final = Columns({USER: TEXT}, (USER,), {ITEMS: TEXT, SCORES: FLOAT, RATED_ITEMS: TEXT, RATINGS: FLOAT})
# Of an object, by S3.
_LONGEST_KEY: Final = 1024
# Of one user; a dictionary may write a long name a million times.
_MOST_ITEMS: Final = 1_000_000
_MOST_BYTES: Final = 32 * 2**20


class StoredList(NamedTuple):
    """The best items of a user with their scores, and what the user had rated, and how."""

    items: list[str]
    scores: list[float]
    rated_items: list[str]
    ratings: list[float]


class StoredLists:
    """Reads the stored lists of versions. Safe to share between threads."""

    def __init__(self, ranges: RangeCache) -> None:
        self._ranges, self._files = ranges, SortedFiles(ranges, COLUMNS)
        self._manifest = lru_cache(maxsize=64)(self._read_manifest)

    def of(self, version: Registered, user: str, items: IdColumn) -> StoredList:
        """Return the list of ``user``, of items that can be answered as the column ``items`` has them.

        Raises
        ------
        UnknownNameError: none is stored.
        VersionUnavailableError: the version has no stored lists.
        ServiceDownError, AccessDeniedError, ModelArtifactError: for what the object store does.
        """
        manifest = self._of_version(version)
        begin = bisect_left(manifest.files, True, key=lambda file: file.last >= (user,))
        for file in manifest.files[begin : begin + 1]:
            footer = self._files.footer(file, (USER,))
            for group in range(first_group(footer.upper, (user,)), len(footer.groups)):
                table = self._files.table(file, footer, group)
                users = table.column(USER)
                at = bisect_left(range(table.num_rows), user, key=lambda i: users[i].as_py())
                if at < table.num_rows:
                    if users[at].as_py() != user:
                        break
                    return _row(table.slice(at, 1), file.key, items)
        within = f"version {version.number} of model {version.model!r}, which has no stored list for it"
        raise UnknownNameError("user", user, within=within)

    def _of_version(self, version: Registered) -> ListsManifest:
        stored = text(version.tags.get(TAG_RESULTS), _LONGEST_KEY)
        if not stored:
            raise VersionUnavailableError(f"version {version.number} of model {version.model!r} has no stored lists")
        manifest = self._manifest(stored)
        if manifest.run_id != version.run_id:
            raise ModelArtifactError(f"{stored} has the lists of another run than that of version {version.number}")
        return manifest

    def _read_manifest(self, key: str) -> ListsManifest:
        return lists_from_json(self._ranges.whole(key, LISTS.most_bytes), key)


def _row(row: pa.Table, key: str, column: IdColumn) -> StoredList:
    """Return what a table of one row holds.

    Raises
    ------
    ModelArtifactError: lists of several lengths, too long ones, or of what is not answered.
    """
    found: dict[str, Any] = {name: row.column(name).combine_chunks().flatten() for name in COLUMNS.lists}
    sizes = [len(values) for values in found.values()]
    if sizes[:1] != sizes[1:2] or sizes[2:3] != sizes[3:] or max(sizes) > _MOST_ITEMS:
        raise ModelArtifactError(f"{key} has lists of {', '.join(map(str, sizes))} values for one user")
    if any(values.null_count for values in found.values()):
        raise ModelArtifactError(f"{key} has a list with a value missing")
    for name in COLUMNS.texts:
        lengths = pc.binary_length(found[name].dictionary).take(found[name].indices)
        if (pc.sum(lengths).as_py() or 0) > _MOST_BYTES:
            raise ModelArtifactError(f"{key} has {name} of more than {_MOST_BYTES:,} bytes for one user")
    if not all(pc.all(pc.is_finite(found[name])).as_py() for name in (SCORES, RATINGS) if len(found[name])):
        raise ModelArtifactError(f"{key} has a score or a rating that is NaN or infinite")
    stored = StoredList(*(values.to_pylist() for values in found.values()))
    try:
        refuse_other((*stored.items, *stored.rated_items), column)
    except ValueError as error:
        raise ModelArtifactError(f"{key}: {error}") from error
    return stored
