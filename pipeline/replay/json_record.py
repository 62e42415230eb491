"""A row as the JSON record that landing reads: each value at its column's path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from contract.errors import StreamFileError
from contract.record_path import RecordPath
from contract.stream import Stream
from pipeline.replay.rows import Row
from pipeline.stream_file import line_of_column, line_of_key


def refuse_unsendable(stream: Stream, stream_path: str) -> None:
    """Refuse a stream whose records are more than the JSON of a row.

    Raises
    ------
    StreamFileError: names what replay does not send, and its line.
    """
    if not stream.records.plain_json:
        key = "format" if stream.records.format != "json" else "schema_registry"
        problem = f"records.{key}: replay sends JSON alone, and this stream's records are something else"
        raise StreamFileError(stream_path, line_of_key(stream_path, "records", key), problem)
    if stream.records.envelope is not None:
        problem = f"records.envelope: replay sends rows, and no change events of {stream.records.envelope}"
        raise StreamFileError(stream_path, line_of_key(stream_path, "records", "envelope"), problem)
    for name, column in stream.columns.items():
        if not column.in_value:
            key = next(key for key in ("header", "key", "timestamp") if getattr(column, key))
            problem = (
                f"columns.{name}.{key}: replay sends values alone; for a file, leave the column out, or take "
                f"`{key}` out, so that it is read from there"
            )
            raise StreamFileError(stream_path, line_of_column(stream_path, name, key), problem)


class JsonRecord:
    """Writes rows of ``stream``."""

    def __init__(self, stream: Stream) -> None:
        paths = stream.value_paths
        self._paths: Mapping[str, RecordPath] = {name: path for name, path in paths.items() if path.steps != (name,)}

    def of(self, row: Row) -> bytes:
        """Return the record of ``row``."""
        if not self._paths:
            return orjson.dumps(row)
        record: dict[str, Any] = {name: value for name, value in row.items() if name not in self._paths}
        for name, path in self._paths.items():
            _put(record, path, row[name])
        return orjson.dumps(record)


def _put(record: dict[str, Any], path: RecordPath, value: object) -> None:
    """Put ``value`` at ``path``; the places of a list before it that nothing is put at are null."""
    place: Any = record
    for step, following in zip(path.steps, (*path.steps[1:], None), strict=True):
        if isinstance(step, int):
            place.extend([None] * (step + 1 - len(place)))
            held = place[step]
        else:
            held = place.get(step)
        if following is not None:
            held = held if held is not None else {} if isinstance(following, str) else []
        place[step] = value if following is None else held
        place = held
