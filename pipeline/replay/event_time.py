"""When a row happened, by the stream's event-time column."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable
from dataclasses import dataclass

from contract.errors import ConfigurationError, SourceFileError
from contract.moment import EpochUnit, epoch_us, text_us
from contract.stream import Stream
from pipeline.replay.rows import SourceRow


@dataclass(frozen=True)
class EventTime:
    """The event-time column, and its unit where it counts from 1970."""

    column: str
    unit: EpochUnit | None

    def ms(self, row: SourceRow) -> int | None:
        """Return the row's event time in ms since the epoch, None where its cell is missing."""
        value = row.values[self.column]
        return None if value is None else _milliseconds(str(value), self.unit)


def event_time_of(stream: Stream) -> EventTime:
    """Return the event-time column.

    Raises
    ------
    ConfigurationError: the stream file names none, or one that is in no file.
    """
    if stream.event_time is None:
        raise ConfigurationError(f"--speed and --stamp need `event_time` in the stream file of {stream.name!r}")
    if stream.event_time not in stream.value_columns:
        problem = f"{stream.event_time!r}, the `event_time` of {stream.name!r}, is no part of a record's value"
        raise ConfigurationError(f"{problem}: a file does not have it, and --speed and --stamp go by the file")
    return EventTime(stream.event_time, stream.columns[stream.event_time].epoch)


def refuse_unstampable(rows: Iterable[SourceRow], when: EventTime, source: str) -> None:
    """Read all ``rows``, before any is sent, and stop at one that cannot be a record's time.

    Raises
    ------
    SourceFileError: a row has no event time, one before 1970, or one that has not come yet.
    """
    now_ms = int(time.time() * 1000)
    for row in rows:
        at = when.ms(row)
        if at is None or not 0 <= at <= now_ms:
            said = "has no time" if at is None else f"is {row.values[when.column]}, before 1970 or in the future"
            raise SourceFileError(
                row.path or source,
                row.line,
                when.column,
                f"row {row.number} (from 0) {said}: no record can be stamped with it; nothing was sent",
            )


@functools.lru_cache(maxsize=65_536)
def _milliseconds(text: str, unit: EpochUnit | None) -> int:
    return round((text_us(text) if unit is None else epoch_us(text, unit)) / 1000)
