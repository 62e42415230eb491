"""The text of a stream file: short, in the order of docs/streams.md, with what is unsure beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from contract.kind import kinds
from pipeline.describe.description import Description

_BARE = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_MOST_NODES = 45_000
_MOST_BYTES = 600_000
"""Of columns, in a file that may have 1 MiB."""
_MOST_COMMENTS = 500


def stream_text(found: Description) -> Iterator[str]:
    """Yield the lines of the stream file that ``found`` is."""
    yield f"# Written by describe, which looked at {_one_line(found.what)}."
    yield "# docs/streams.md explains each field."
    for note in found.notes:
        yield f"# Look at: {_one_line(note)}"
    yield f"name: {scalar(found.name)}"
    yield f"topic: {scalar(found.topic)}"
    yield ""
    for section, keys in (("source", found.source), ("records", found.records)):
        if keys:
            yield f"{section}:"
            yield from (f"  {key}: {scalar(value)}" for key, value in keys.items())
            yield ""
    yield "columns:"
    yield from _columns(found)
    yield from _first_of(
        [f"  # {_one_line(name)} is none: {_one_line(why)}" for name, why in found.not_columns.items()]
    )
    if list(found.null_values) != [""]:
        yield f"null_values: [{', '.join(map(scalar, found.null_values))}]"
    yield ""
    if found.id:
        yield f"id: [{', '.join(map(scalar, found.id))}]"
    if found.event_time is not None:
        yield f"event_time: {scalar(found.event_time)}"
    yield from ("# A third of the rows each; the last batch ends when no more come.", "cut:")
    yield f"  rows: {max(1, found.table.batch_rows)}"
    yield from ("  idle: 10s", "")
    yield from _learnt(found)


def _columns(found: Description) -> Iterator[str]:
    """Yield the columns, those that are named elsewhere in the file at any rate."""
    needed = {*found.id, *([] if found.event_time is None else [found.event_time]), *_learnt_from(found)}
    nodes, size, left_out = 9 * len(needed), 200 * len(needed), 0
    for column in found.columns:
        keys: dict[str, Any] = {"type": column.type}
        if column.required:
            keys["required"] = True
        keys |= column.keys
        said = scalar(column.type) if len(keys) == 1 else flow(keys)
        note = f"  # {_one_line(column.note)}" if column.note else ""
        line = f"  {scalar(column.name)}: {said}{note}"
        nodes += 2 if len(keys) == 1 else 2 + 2 * len(keys)
        size += len(line.encode())
        if column.name in needed or (nodes <= _MOST_NODES and size <= _MOST_BYTES):
            yield line
        else:
            left_out += 1
    if left_out:
        yield f"  # {left_out:,} more are left out: a stream file has room for so many"


def _learnt_from(found: Description) -> Iterator[str]:
    if found.proposal is not None:
        yield from (str(each["column"] if isinstance(each, Mapping) else each) for each in found.proposal.features)
        yield from (value for value in found.proposal.model.values() if isinstance(value, str))


def _first_of(comments: Sequence[str]) -> Iterator[str]:
    yield from comments[:_MOST_COMMENTS]
    if (more := len(comments) - _MOST_COMMENTS) > 0:
        yield f"# … and {more:,} more"


def _learnt(found: Description) -> Iterator[str]:
    if found.proposal is None:
        yield "# No kind of model can learn from these columns, and without `model` this is not whole. What each needs:"
        yield from (f"# - {kind.name}: {_one_line(kind.needs)}" for kind in kinds().values() if kind.needs)
        return
    for note in found.proposal.notes:
        yield f"# Look at: {_one_line(note)}"
    if found.proposal.features:
        yield "features:"
        yield from (
            f"- {flow(each) if isinstance(each, Mapping) else scalar(each)}" for each in found.proposal.features
        )
    yield from _first_of([f"# - {name}: {_one_line(why)}" for name, why in found.proposal.left_out.items()])
    yield "model:"
    for key, value in found.proposal.model.items():
        yield f"  {key}: {flow(value) if isinstance(value, Mapping) else scalar(value)}"


def flow(keys: Mapping[str, Any]) -> str:
    """Return a mapping as YAML has it within braces."""
    return "{" + ", ".join(f"{key}: {scalar(value)}" for key, value in keys.items()) + "}"


def scalar(value: object) -> str:
    """Return a value as YAML has it; what could be taken for something else is in quotes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return str(value)
    if _BARE.fullmatch(value) and yaml.safe_load(value) == value:
        return value
    quoted: str = yaml.dump(value, default_style='"', allow_unicode=True, width=10**9)
    return quoted.rstrip("\n")


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)[:400]
