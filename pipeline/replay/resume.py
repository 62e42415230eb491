"""Where a replay goes on: by what the topic holds of the file, and by what has landed of it where the topic forgot."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from contract.errors import ConfigurationError, SourceFileError, StopError
from contract.origin import Origin
from contract.stream import Stream
from pipeline.object_store import ObjectStore
from pipeline.replay.landed_origins import landed_origins
from pipeline.replay.opened import read_once
from pipeline.replay.position import FileId, Held, Position, SentRow, changed_beginning
from pipeline.replay.topic import HeldPartition, TopicFacts, held, origins_of
from pipeline.settings import store_settings

logger = logging.getLogger(__name__)


class GoOn(NamedTuple):
    """Per partition the first row to send; the file's rows, of which ``passed`` were read and are all there."""

    next_rows: Sequence[int]
    rows: Iterator[SentRow]
    passed: int


def go_on(  # noqa: PLR0917 - a file, a topic, and how each is read
    file: FileId, path: Path, stream: Stream, topic: TopicFacts, settings: Mapping[str, str],
    read: Callable[[], Iterator[SentRow]],
) -> GoOn:  # fmt: skip
    """Return where to go on with the file at ``path``, which ``read`` reads from its first row.

    Raises
    ------
    SourceFileError: it does not begin with what was sent of it.
    StopError: what was sent of it cannot be told.
    """
    partitions = held(stream.topic, file, topic.partitions, settings)
    landed = _landed(stream, topic.id, lost(file, partitions, None if read_once(path) else read))
    known = [{**landed.get(number, {}), **partition.last} for number, partition in enumerate(partitions)]
    if read_once(path):
        return _from_the_first(file, stream.topic, known, read())
    rows = read()
    position = Position(file, known, rows, [partition.earlier for partition in partitions])
    if position.changed is not None:
        there = origins_of(stream.topic, position.changed.source, topic.partitions, settings)
        raise changed_beginning(str(path), position.changed, read(), there)
    if min(position.next_rows) <= position.last_read:
        return GoOn(position.next_rows, read(), 0)
    return GoOn(position.next_rows, rows, position.passed)


def _from_the_first(file: FileId, topic: str, known: Held, rows: Iterator[SentRow]) -> GoOn:
    if any(file.place in partition for partition in known):
        raise StopError(
            f"topic {topic!r} holds rows of standard input already, and how many of these they are cannot be told from "
            f"what is read once: write it into a file and name that, which goes on behind them; `--again` sends it all"
        )
    return GoOn(range(len(known)), rows, 0)


def lost(
    file: FileId, partitions: Sequence[HeldPartition], read: Callable[[], Iterator[SentRow]] | None
) -> dict[int, int]:  # fmt: skip
    """Return the partitions that may have held rows of this file which the topic forgot, with their first offset.

    One that holds some of the file has not; nor has one that no row of the file goes to, if it can be read for that.
    """
    found = {
        number: partition.low
        for number, partition in enumerate(partitions)
        if partition.low > 0 and not partition.last.keys() & set(file)
    }
    if not found or read is None:
        return found
    meant: set[int] = set()
    with suppress(SourceFileError):
        for sent in read():
            meant.add(sent.row.number % len(partitions))
            if meant >= found.keys():
                return found
        return {number: low for number, low in found.items() if number in meant}
    # What lies behind the fault is not known; whoever reads on will tell of it.
    return found


def _landed(stream: Stream, topic_id: str, lost: Mapping[int, int]) -> dict[int, dict[str, Origin]]:
    """Return what landed from the records before the first offset of each partition of ``lost``."""
    if not lost:
        return {}
    try:
        store = ObjectStore.answering(store_settings())
    except ConfigurationError as error:
        logger.warning(
            "topic %r has lost the records before offset %d of partition %d, and whether rows of this file landed from "
            "them is not known: %s. What the topic does not hold is sent",
            *(stream.topic, *reversed(next(iter(lost.items()))), error),
        )
        return {}
    return landed_origins(store, stream.name, topic_id, lost)
