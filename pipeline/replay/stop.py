"""What stops a replay: Ctrl-C or SIGTERM, each with an exit code of its own."""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping
from typing import Final

from console.exit_codes import INTERRUPTED, TERMINATED

_CODES: Final[Mapping[int, int]] = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: TERMINATED}


class Stop(threading.Event):
    """Set by the first signal that asks for it; ``exit_code`` is that signal's."""

    exit_code = INTERRUPTED

    def listen(self) -> None:
        """Take both signals, for the rest of the process."""
        for number in _CODES:
            signal.signal(number, lambda number, _: self._hear(number))

    def _hear(self, number: int) -> None:
        if not self.is_set():
            self.exit_code = _CODES[number]
            self.set()
