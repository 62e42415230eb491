"""What a long step says while it works: a line with a clock on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence

from rich.console import Console

from contract.errors import StopError

Say = Callable[[str], None]
_HEARTBEAT_S = 20.0


class Progress:
    """Says on ``console`` (standard error by default) which step runs, and how long it took."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False, soft_wrap=True)

    @contextlib.contextmanager
    def step(self, what: str) -> Iterator[Say]:
        """Announce ``what``; the block may call what it is given to say how far it is."""
        begun = last_said = time.monotonic()

        def say(detail: str) -> None:
            nonlocal last_said
            elapsed_s = time.monotonic() - begun
            if status is not None:
                status.update(f"{what} · {elapsed_s:.0f} s · {detail[:80]}")
            elif time.monotonic() - last_said >= _HEARTBEAT_S:
                last_said = time.monotonic()
                self.console.print(f"{what} · {elapsed_s:.0f} s · {detail[:80]}", markup=False)

        if self.console.is_terminal:
            status = self.console.status(what)
            with status:
                yield say
        else:
            status = None
            self.console.print(f"{what} …", markup=False)
            yield say
        self.console.print(f"{what}: done in {time.monotonic() - begun:.1f} s", markup=False)


def run(argv: Sequence[str], *, env: Mapping[str, str], say: Say, failure: str) -> None:
    """Run a program to its end, saying each line that it prints.

    Raises
    ------
    StopError: it failed; ``failure`` and its last lines are the message.
    """
    tail: deque[str] = deque(maxlen=15)
    try:
        with subprocess.Popen(
            argv, env=dict(env), text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            for line in process.stdout or ():
                if line.strip():
                    tail.append(line.rstrip())
                    say(line.strip())
    except OSError as error:
        raise StopError(f"{failure} ({argv[0]}: {error.strerror})") from error
    if process.returncode != 0:
        raise StopError("\n".join([f"{failure} (exit code {process.returncode}). Its last lines:", *tail]))
