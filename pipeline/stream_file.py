"""Reads a stream file from disk."""

from __future__ import annotations

from pathlib import Path

from contract.errors import StreamFileError
from contract.stream import Stream, column_line, key_line, parse_stream
from contract.stream_yaml import LONGEST_BYTES, too_long
from pipeline.near_files import near_files


def load_stream(path: str | Path) -> Stream:
    """Return the stream described at ``path``.

    Raises
    ------
    StreamFileError: no such file, not text, or not a valid stream file.
    """
    return parse_stream(_text(path), str(path))


def line_of_column(path: str | Path, column: str, key: str = "") -> int:
    """Return the line at which the stream file at ``path`` declares ``column``, or its ``key``."""
    return column_line(_text(path), str(path), column, key)


def line_of_key(path: str | Path, *keys: str) -> int:
    """Return the line at which the stream file at ``path`` has what ``keys`` lead to."""
    return key_line(_text(path), str(path), *keys)


def _text(path: str | Path) -> str:
    try:
        with Path(path).open("rb") as file:
            body = file.read(LONGEST_BYTES + 1)
    except OSError as error:
        where = (
            "" if Path(path).is_absolute() else f" (looked for in {Path.cwd()}; from elsewhere, give its whole path)"
        )
        near = near_files(Path(path)) if isinstance(error, FileNotFoundError) else ""
        raise StreamFileError(str(path), None, f"cannot be read: {error.strerror}{where}{near}") from error
    if len(body) > LONGEST_BYTES:
        raise too_long(str(path))
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise StreamFileError(str(path), None, f"is not UTF-8: {error.reason} at byte {error.start}") from error
