"""Files that earlier replays sent: their headers have no digest, so the records that are still there are compared."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence


class EarlierRows:
    """The rows of one file in one partition, from ``first`` on, as a digest of their numbers and values."""

    def __init__(self, first: int, partitions: int) -> None:
        self.partitions = partitions
        self._begin(first)

    def _begin(self, first: int) -> None:
        self.first = self.last = first
        self.first_value = b""
        self._digest = hashlib.blake2b()

    def add(self, row: int, value: bytes) -> None:
        """Add the next row; one that is not behind the last was sent ``--again``, and what was sent last counts."""
        if row <= self.last:
            self._begin(row)
        if row == self.first:
            self.first_value = hashlib.blake2b(value, digest_size=16).digest()
        self.last = row
        self._digest.update(b"%d %d %b" % (row, len(value), value))

    def same_as(self, other: EarlierRows) -> bool:
        """Whether both hold the same rows."""
        return self._digest.digest() == other._digest.digest()


class EarlierFiles:
    """Tells which of the files that earlier replays sent begins as the file that is read.

    fingerprint: of the file that is read; under it nothing needs to be compared
    held: per partition, the rows of each file
    """

    def __init__(self, fingerprint: str, held: Sequence[Mapping[str, EarlierRows]], partitions: int) -> None:
        self._fingerprint = fingerprint
        pairs = [
            (number, source, rows)
            for number, files in enumerate(held)
            for source, rows in files.items()
            if source != fingerprint and rows.partitions == partitions
        ]
        self._theirs = {(number, source): rows for number, source, rows in pairs}
        self._ours = {(number, source): EarlierRows(rows.first, partitions) for number, source, rows in pairs}
        self._compared = [[key for key in self._theirs if key[0] == number] for number in range(partitions)]
        """Per partition, the files that may still be the one that is read."""
        self.last_row = max((rows.last for rows in self._theirs.values()), default=-1)
        """The last row that has to be compared, -1 for none."""

    def compare(self, row: int, value: bytes) -> None:
        """Take in the next row of the file that is read."""
        compared = self._compared[row % len(self._compared)]
        for key in list(compared):
            theirs, ours = self._theirs[key], self._ours[key]
            if theirs.first <= row <= theirs.last:
                ours.add(row, value)
            if row > theirs.last or (row == theirs.first and ours.first_value != theirs.first_value):
                compared.remove(key)

    def is_ours(self, source: str) -> bool:
        """Whether what the topic holds of ``source`` is the beginning of the file that was read."""
        if source == self._fingerprint:
            return True
        found = [key for key in self._theirs if key[1] == source]
        return bool(found) and all(self._theirs[key].same_as(self._ours[key]) for key in found)
