"""What a step of the services says: that it begins, how far it is, and how long it took."""

from __future__ import annotations

import contextlib
import subprocess
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence

from rich.console import Console

from console import progress
from console.progress import Step
from contract.errors import StopError

Say = Callable[[str], None]


class Progress:
    """Says on ``console`` (standard error by default) which step runs, and how long it took.

    ``took`` has the seconds of the steps that were given a name for it.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or progress.stderr()
        self.took: dict[str, float] = {}

    @contextlib.contextmanager
    def step(self, what: str, *, total: int | None = None, unit: str = "", name: str = "") -> Iterator[Step]:
        """Announce ``what``, of ``total`` units; the block may tell the step that it is given how far it is."""
        if not progress.draws_bars(self.console):
            self.console.print(f"{what} …", markup=False)
        with progress.step(what, total=total, unit=unit, console=self.console) as shown:
            yield shown
        if name:
            self.took[name] = self.took.get(name, 0.0) + shown.elapsed_s
        self.console.print(f"{what}: done in {shown.elapsed_s:.1f} s", markup=False)


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
