"""How far a file is in the topic: decided by its rows, not by its bytes, its size or its name."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import IO, NamedTuple

import orjson

from contract.errors import SourceFileError, StopError
from contract.origin import NO_ROWS, Origin, with_row
from pipeline.cells import Value
from pipeline.replay.earlier_rows import EarlierFiles, EarlierRows
from pipeline.replay.limits import Limits
from pipeline.replay.rows import OnBad, Row, SourceRow


class SentRow(NamedTuple):
    """A row, the value that its record has, the digest of all rows up to it, and its key where a column gives it."""

    row: SourceRow
    value: bytes
    digest: bytes
    key: bytes | None = None


class FileId(NamedTuple):
    """What stands for a file in headers: of today's replay its place, of earlier ones its fingerprint."""

    place: str
    fingerprint: str


Held = Sequence[Mapping[str, Origin]]
"""Per partition, the last record of each file that it holds, or that was landed from it."""


def as_sent(
    rows: Iterable[SourceRow], limits: Limits, path: str, on_bad: OnBad, key: str | None = None, *,
    record: Callable[[Row], object] = lambda row: row,
) -> Iterator[SentRow]:  # fmt: skip
    """Yield ``rows`` with the ``record`` of each, digests and what column ``key`` says.

    ``on_bad`` takes one that is too long, and no digest is of it.
    """
    digest = NO_ROWS
    for row in rows:
        value = orjson.dumps(record(row.values))
        its_key = None if key is None else _key(row.values[key])
        if (reason := limits.refusal(len(value), len(its_key or b""))) is not None:
            on_bad(SourceFileError(row.path or path, row.line, None, f"{reason}; or leave it out with --skip-bad"))
            continue
        digest = with_row(digest, row.number, value)
        yield SentRow(row, value, digest, its_key)


def _key(value: Value) -> bytes | None:
    """Return a value as text: a record without one has no key."""
    return None if value is None else value.encode() if isinstance(value, str) else orjson.dumps(value)


class Position:
    """Reads a file as far as the topic says to hold it, and compares.

    Parameters
    ----------
    rows: the file's rows from its first on; what is left behind those compared stays in it
    earlier: per partition, the rows of files whose headers have no digest
    """

    def __init__(
        self, file: FileId, held: Held, rows: Iterator[SentRow], earlier: Sequence[Mapping[str, EarlierRows]] = ()
    ) -> None:
        self._file = file
        self._held = held
        self._earlier = EarlierFiles(file.fingerprint, earlier, len(held))
        self._digests: dict[int, str] = {}
        self.passed = 0
        """How many rows were read."""
        self.last_read = -1
        self.changed: Origin | None = None
        """A record of the file at this place, which the file no longer has as it was sent."""
        self._compare(rows)
        self.next_rows = [self._next(partition) for partition in range(len(held))]
        """Per partition the first row that is not in it yet."""

    def _compare(self, rows: Iterator[SentRow]) -> None:
        wanted = {origin.row for held in self._held for origin in held.values() if origin.digest is not None}
        last = max(max(wanted, default=-1), self._earlier.last_row)
        while last >= 0 and (sent := next(rows, None)) is not None:
            self.passed, self.last_read = self.passed + 1, sent.row.number
            if sent.row.number in wanted:
                self._digests[sent.row.number] = sent.digest.hex()
            self._earlier.compare(sent.row.number, sent.value)
            if sent.row.number >= last:
                break

    def _next(self, partition: int) -> int:
        there = [origin for origin in self._held[partition].values() if self._is_ours(origin)]
        if not there:
            mine = self._held[partition].get(self._file.place)
            self.changed = self.changed or mine
            return partition
        newest = max(there, key=lambda origin: origin.row)
        if newest.partitions != len(self._held):
            raise StopError(
                f"this file was partly sent when the topic had {newest.partitions} partitions, and now it has "
                f"{len(self._held)}: where its rows are cannot be told any more. `--again` sends the whole file anew"
            )
        return newest.row + newest.partitions

    def _is_ours(self, origin: Origin) -> bool:
        if origin.digest is None:
            return self._earlier.is_ours(origin.source)
        return self._digests.get(origin.row) == origin.digest


_RECORD = struct.Struct("<12sQQ")


class _Digests:
    """Digest, file and line of each row, on disk: there may be any number of rows."""

    def __init__(self, file: IO[bytes], rows: Iterable[SentRow], path: str) -> None:
        self._file = file
        self._paths: list[str] = []
        self.end = 0
        for sent in rows:
            if (at := sent.row.path or path) not in self._paths[-1:]:
                self._paths.append(at)
            file.seek(sent.row.number * _RECORD.size)
            file.write(_RECORD.pack(sent.digest, sent.row.line, len(self._paths) - 1))
            self.end = sent.row.number + 1

    def _record(self, row: int) -> tuple[bytes, int, int]:
        """Return digest, line and number of its file; line 0 where it cannot be read, or is behind the last."""
        self._file.seek(row * _RECORD.size)
        found = self._file.read(_RECORD.size)
        return _RECORD.unpack(found) if len(found) == _RECORD.size else (b"", 0, 0)

    def of(self, row: int) -> str:
        """Return the digest of ``row``, empty where it cannot be read, or is behind the last."""
        return self._record(row)[0].hex()

    def first_place_from(self, row: int) -> tuple[str, int] | None:
        """Return file and line of the first readable row from ``row`` on, None behind the last."""
        for number in range(row, self.end):
            _, line, file = self._record(number)
            if line:
                return self._paths[file], line
        return None


def changed_beginning(
    path: str, changed: Origin, rows: Iterable[SentRow], still_there: Iterable[Origin]
) -> SourceFileError:
    """Return the error for a file whose beginning is not what was sent, with the line of the first row that differs.

    changed: the newest record that does not agree; still_there: the file's records that the topic holds
    """
    with tempfile.TemporaryFile() as file:
        digests = _Digests(file, rows, path)
        same, different = -1, changed.row
        for origin in still_there:
            if digests.of(origin.row) == origin.digest:
                same = max(same, origin.row)
            else:
                different = min(different, origin.row)
        place = digests.first_place_from(same + 1)
    first = f"row {same + 1}" if same >= 0 or different == 0 else f"one of the rows 0 to {different}"
    if place is None:
        problem = f"the file ends before {first}, and rows up to {changed.row} of it were sent"
    else:
        problem = (
            f"{first} (from 0) is not what was sent: the file changed, or what the stream file says of its cells, or "
            f"`--skip-bad` left a row out that can be sent now"
        )
    at, line = place or (path, None)
    return SourceFileError(
        at, line, None, f"{problem}. Nothing was sent. Restore what was there, to go on behind row {changed.row}; "
        f"`--again` sends the whole file, beside what the topic holds already",
    )  # fmt: skip
