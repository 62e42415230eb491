"""What the record of a row holds: each column under its name, or where the stream file says, deep in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from contract.errors import ConfigurationError
from contract.record_path import Step
from contract.stream import Stream
from pipeline.replay.rows import Row


def record_of(stream: Stream) -> Callable[[Row], object]:
    """Return what makes the record of a row: nested where columns have paths.

    Raises
    ------
    ConfigurationError: the stream's records are none that replay sends.
    """
    records = stream.records
    others: dict[str, str | None] = {
        "format": records.format if records.format != "json" else None,
        "envelope": records.envelope,
        "schema_registry": records.schema_registry,
    }
    if told := next((f"records.{key}: {value}" for key, value in others.items() if value is not None), None):
        problem = f"{stream.name}: replay sends rows as plain JSON, and the stream file says `{told}`"
        raise ConfigurationError(f"{problem}; a stream file of its own, without that line, can replay the file")
    paths = {name: column.path_in_value(name).steps for name, column in stream.value_columns.items()}
    if all(steps == (name,) for name, steps in paths.items()):
        return lambda row: row
    return lambda row: _nested(row, paths)


def _nested(row: Row, paths: dict[str, tuple[Step, ...]]) -> object:
    # Steps lead from a list of one, which holds the record.
    held: list[Any] = [None]
    for name, steps in paths.items():
        within: Any = held
        at: Step = 0
        for step in steps:
            if (deeper := _at(within, at)) is None:
                deeper = within[at] = {} if isinstance(step, str) else []
            within, at = deeper, step
        _at(within, at)
        within[at] = row[name]
    return held[0]


def _at(within: dict[Step, Any] | list[Any], at: Step) -> Any:
    """Return what ``within`` has at a name or a place, None where it is not there yet; a list is made as long."""
    if isinstance(within, dict):
        return within.get(at)
    place = cast("int", at)
    within.extend([None] * (place + 1 - len(within)))
    return within[place]
