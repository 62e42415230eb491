"""Log lines without credentials: also where an exception of somebody else's holds the URI in its text."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

from contract.uri import without_credentials


class Formatter(logging.Formatter):
    """The standard formatter; no URI in a line or traceback of its keeps its credentials."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return without_credentials(super().format(record))


class _Stderr(logging.StreamHandler[TextIO]):
    """Standard error as it is when a line comes: while a bar is shown, lines go above it."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def to_stderr(level: int, style: str) -> None:
    """Send what is logged from ``level`` on to stderr."""
    out = _Stderr()
    out.setFormatter(Formatter(style))
    logging.basicConfig(level=level, handlers=[out])
