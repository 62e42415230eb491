"""Reads a stream file from disk."""

from __future__ import annotations

from pathlib import Path

from contract.errors import StreamFileError
from contract.stream import Stream, parse_stream


def load_stream(path: str | Path) -> Stream:
    """Return the stream described at ``path``.

    Raises
    ------
    StreamFileError: no such file, not text, or not a valid stream file.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        where = (
            "" if Path(path).is_absolute() else f" (looked for in {Path.cwd()}; from elsewhere, give its whole path)"
        )
        raise StreamFileError(str(path), None, f"cannot be read: {error.strerror}{where}") from error
    except UnicodeDecodeError as error:
        raise StreamFileError(str(path), None, f"is not UTF-8: {error.reason} at byte {error.start}") from error
    return parse_stream(text, str(path))
