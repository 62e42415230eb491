"""Faults that last are told once, and again when they change."""

from __future__ import annotations

import logging
import threading
from typing import Final

from contract.decoding import shortened

_MOST: Final = 10_000


class Told:
    """Writes faults to ``logger``, by what they befall. Safe to share between threads."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._lock = threading.Lock()
        self._last: dict[str, str] = {}

    def fault(self, subject: str, error: object, *, unforeseen: BaseException | None = None) -> None:
        """Log that ``subject`` has a fault, unless it is the one told last; ``unforeseen`` comes with its traceback."""
        text = shortened(str(error)) or type(error).__name__
        with self._lock:
            if self._last.get(subject) == text:
                return
            if len(self._last) >= _MOST:
                self._last.clear()
            self._last[subject] = text
        self._logger.warning("%s error=%s", subject, text, exc_info=unforeseen)

    def over(self, subject: str) -> bool:
        """Return whether ``subject`` had a fault until now; the next one is told again."""
        with self._lock:
            return self._last.pop(subject, None) is not None
