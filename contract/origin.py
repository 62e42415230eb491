"""Where a replayed record came from: the header that replay writes into it, and that landing keeps per source.

2 <source> <row> <partitions> <digest> <sent>       today's header
<fingerprint> <row> <partitions>                    the header of earlier replays, still read
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

HEADER = "swathe-replay"
NO_ROWS = b""
"""The digest before a file's first row."""

_DIGEST_BYTES = 12
_TODAYS = re.compile(rb"2 ([0-9a-f]{16}) (\d{1,18}) (\d{1,9}) ([0-9a-f]{24}) (\d{1,18})")
_EARLIER = re.compile(rb"([0-9a-f]{16}) (\d{1,18}) (\d{1,9})")


@dataclass(frozen=True)
class Origin:
    """Row ``row`` (from 0) of the file ``source``, sent to a topic of ``partitions``.

    ``digest`` is of all rows up to this one as they are sent, so it says the same of a compressed copy; None in an
    earlier header, whose ``source`` is a fingerprint of the file's size and first MiB. ``sent`` counts from 0 the
    records that one run of replay has sent to this partition.
    """

    source: str
    row: int
    partitions: int
    digest: str | None
    sent: int = 0

    def header(self) -> bytes:
        """Return the header's value."""
        if self.digest is None:
            return b"%b %d %d" % (self.source.encode(), self.row, self.partitions)
        fields = (self.source.encode(), self.row, self.partitions, self.digest.encode(), self.sent)
        return b"2 %b %d %d %b %d" % fields


def origin_of(header: bytes) -> Origin | None:
    """Return what ``header`` says, or None where replay did not write it: anybody may use the name."""
    if found := _TODAYS.fullmatch(header):
        source, row, partitions, digest, sent = found.groups()
        return Origin(source.decode(), int(row), int(partitions), digest.decode(), int(sent))
    if found := _EARLIER.fullmatch(header):
        source, row, partitions = found.groups()
        return Origin(source.decode(), int(row), int(partitions), None)
    return None


def with_row(digest: bytes, row: int, value: bytes) -> bytes:
    """Return the digest of the rows before, ``digest``, and row ``row``, which is sent as ``value``."""
    return hashlib.blake2b(b"%b%d %b" % (digest, row, value), digest_size=_DIGEST_BYTES).digest()
