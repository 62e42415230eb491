"""Where a stream's lanes begin, and the checks that nothing was lost or swapped while nobody was landing."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from contract.batch import chain_key
from contract.errors import ChainError
from pipeline.object_store import ObjectStore

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ChainStart:
    """The topic that a stream's chains were begun on, and each lane's first offset."""

    topic: str
    topic_id: str
    starts: Mapping[int, int]

    def offset(self, lane: int) -> int:
        """Return where ``lane`` begins; a partition added later begins at its first record."""
        return self.starts.get(lane, 0)


def begin_or_read(store: ObjectStore, stream: str, topic: str, topic_id: str, starts: Mapping[int, int]) -> ChainStart:
    """Return the stream's start, made from ``starts`` if it has none yet.

    Raises
    ------
    ChainError: the topic under this name is another one than the chains were begun on.
    """
    key = chain_key(stream)
    found = store.get(key)
    if found is None:
        body = {"topic": topic, "topic_id": topic_id, "starts": {str(lane): o for lane, o in starts.items()}}
        store.put_if_absent(key, json.dumps(body, indent=1).encode())
        found = store.get(key)
        if found is None:
            raise ChainError(f"{key} was written and is gone")
        logger.info("chain begun; stream=%s topic=%s topic_id=%s starts=%s", stream, topic, topic_id, dict(starts))
    start = _parse(found[0], key)
    refuse_other_topic(stream, (start.topic, start.topic_id), (topic, topic_id))
    return start


def read_start(store: ObjectStore, stream: str) -> ChainStart | None:
    """Return the stream's start, or None if nothing of it was ever landed."""
    found = store.get(chain_key(stream))
    return _parse(found[0], chain_key(stream)) if found else None


def refuse_lost_records(stream: str, topic: str, lane: int, next_offset: int, low_watermark: int) -> None:
    """Stop where the topic no longer holds the record that the lane needs next.

    Raises
    ------
    ChainError: names the missing offsets.
    """
    if low_watermark > next_offset:
        raise ChainError(
            f"topic {topic!r} partition {lane}: offsets {next_offset} to {low_watermark - 1} "
            f"({low_watermark - next_offset} offsets) were deleted by the topic's retention before stream {stream!r} "
            f"landed them. They are lost to this stream; land the topic under another stream name to go on without "
            f"them, and raise `retention.ms`"
        )


def refuse_foreign_commit(stream: str, group: str, lane: int, next_offset: int, committed: int) -> None:
    """Stop where the consumer group says that more was landed than there is.

    Raises
    ------
    ChainError: names the missing offsets.
    """
    if committed > next_offset:
        raise ChainError(
            f"consumer group {group!r} has committed offset {committed} of partition {lane}, but the parts of stream "
            f"{stream!r} end at {next_offset}: offsets {next_offset} to {committed - 1} are in no part. Were parts "
            f"deleted, or is the group used by another program? Restore the parts, or reset the group to "
            f"{next_offset} to land those offsets again"
        )


def _parse(body: bytes, key: str) -> ChainStart:
    try:
        fields = json.loads(body)
        starts = {int(lane): int(offset) for lane, offset in fields["starts"].items()}
        return ChainStart(str(fields["topic"]), str(fields["topic_id"]), starts)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ChainError(f"{key} is not a chain start that Swathe wrote: {error!r}") from error


def refuse_other_topic(stream: str, begun_on: tuple[str, str], found: tuple[str, str]) -> None:
    """Stop where the topic (name and id) is not the one that the stream was begun on.

    Raises
    ------
    ChainError: names both.
    """
    if found != begun_on:
        raise ChainError(
            f"stream {stream!r} was landed from topic {begun_on[0]!r} with id {begun_on[1]}, but topic {found[0]!r} "
            f"now has id {found[1]}: it was deleted and made again, and its offsets mean other records. "
            f"Give the stream file another `name` to land the new topic"
        )
