"""The text of a stream file: short, in the order of docs/streams.md, with what is unsure beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from contract.kind import kinds
from pipeline.describe.description import DescribedColumn, Description

_BARE = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_MOST_NODES = 45_000


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
    yield from _columns(found.columns)
    for name, reason in found.not_columns.items():
        yield f"  # {_one_line(name)} is none: {_one_line(reason)}"
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


def _columns(columns: Sequence[DescribedColumn]) -> Iterator[str]:
    nodes = 0
    for place, column in enumerate(columns):
        keys: dict[str, Any] = {"type": column.type}
        if column.required:
            keys["required"] = True
        keys |= column.keys
        nodes += 2 if len(keys) == 1 else 2 + 2 * len(keys)
        if nodes > _MOST_NODES:
            yield f"  # {len(columns) - place:,} more are left out: a stream file has room for so many"
            return
        said = scalar(column.type) if len(keys) == 1 else flow(keys)
        note = f"  # {_one_line(column.note)}" if column.note else ""
        yield f"  {scalar(column.name)}: {said}{note}"


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
    for name, reason in found.proposal.left_out.items():
        yield f"# - {name}: {_one_line(reason)}"
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
