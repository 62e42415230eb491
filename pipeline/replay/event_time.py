"""When a row happened, by the stream's event-time column."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable
from datetime import datetime

from contract.errors import ConfigurationError, SourceFileError
from contract.stream import Stream
from pipeline.replay.source import SourceRow


def column_of(stream: Stream) -> str:
    """Return the event-time column.

    Raises
    ------
    ConfigurationError: the stream file names none.
    """
    if stream.event_time is None:
        raise ConfigurationError(f"--speed and --stamp need `event_time` in the stream file of {stream.name!r}")
    return stream.event_time


def event_ms(row: SourceRow, column: str) -> int | None:
    """Return the row's event time in ms since the epoch, None where its cell is missing."""
    text = row.values[column]
    return None if text is None else _milliseconds(str(text))


def refuse_unstampable(rows: Iterable[SourceRow], column: str, source: str) -> None:
    """Read all ``rows``, before any is sent, and stop at one that cannot be a record's time.

    Raises
    ------
    SourceFileError: a row has no event time, one before 1970, or one that has not come yet.
    """
    now_ms = int(time.time() * 1000)
    for row in rows:
        at = event_ms(row, column)
        if at is None or not 0 <= at <= now_ms:
            said = "has no time" if at is None else f"is {row.values[column]}, before 1970 or in the future"
            raise SourceFileError(
                source,
                None,
                column,
                f"row {row.number} (from 0) {said}: no record can be stamped with it; nothing was sent",
            )


@functools.lru_cache(maxsize=65_536)
def _milliseconds(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)
