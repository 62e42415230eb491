"""What a long step shows while it works: a bar on a terminal, a plain line every few seconds elsewhere.

Both on standard error. What is no terminal, obeys no cursor (TERM=dumb) or is watched by nobody (CI) gets lines.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Column

BAR_EVERY_S: Final = 0.1
LINE_EVERY_S: Final = 5.0
# A line that would say what the last one said, but for the clock, comes as seldom.
SAME_LINE_EVERY_S: Final = 30.0
_DETAIL: Final = 80


class Step:
    """How far one long step is. Its methods may be called for each row, and from any thread."""

    def __init__(self, what: str, total: int | None, unit: str) -> None:
        self.what, self.total, self.unit = what, total, unit
        self.done = 0
        self.detail = ""
        self.begun = time.monotonic()

    def advance(self, by: int = 1) -> None:
        """Say that ``by`` more units are done."""
        self.done += by

    def reach(self, done: int) -> None:
        """Say that ``done`` units are done in all."""
        self.done = done

    def say(self, detail: str) -> None:
        """Say what is being done; a bar and a line show the beginning of it."""
        self.detail = detail

    @property
    def elapsed_s(self) -> float:
        """Seconds since the step began."""
        return time.monotonic() - self.begun

    def __str__(self) -> str:
        """Return how far it is, and what is being done, without the clock."""
        return " · ".join(filter(None, (self._amount(), self.detail[:_DETAIL])))

    def _amount(self) -> str:
        if self.total is None and not self.done:
            return ""
        shown = _megabytes if self.unit == "bytes" else _counted
        of = "" if self.total is None else f" of {shown(self.total)}"
        return f"{shown(self.done)}{of} {'MB' if self.unit == 'bytes' else self.unit}".rstrip()


def _counted(number: int) -> str:
    return f"{number:,}"


def _megabytes(number: int) -> str:
    return f"{number / 1e6:,.1f}"


@contextlib.contextmanager
def step(
    what: str,
    *,
    total: int | None = None,
    unit: str = "",
    console: Console | None = None,
    line_every_s: float = LINE_EVERY_S,
) -> Iterator[Step]:
    """Show that ``what`` is being done, of which there are ``total`` units where that is known, until the block ends.

    ``unit`` names what is counted, `rows` for instance; `bytes` are shown as MB. One step is shown at a time.
    """
    shown = Step(what, total, unit)
    out = console or stderr()
    with _bar(shown, out) if draws_bars(out) else _lines(shown, out, line_every_s):
        yield shown


def stderr() -> Console:
    """Return standard error, on which nothing is folded or coloured by what it looks like."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def draws_bars(console: Console, environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether ``console`` is a terminal that lets a line be written over, with somebody before it."""
    # FORCE_COLOR makes rich take a pipe for a terminal.
    terminal = console.is_interactive and console.file.isatty()
    return terminal and environ.get("CI", "").lower() in {"", "0", "false"}


def put_line(line: str, *, err: bool = False) -> None:
    """Print ``line`` on standard output, or error: above the bar, where one is shown on the same terminal."""
    # `click.echo` would find the file behind what stands for standard output while a bar is shown.
    out = sys.stderr if err else sys.stdout
    out.write(f"{line}\n")
    out.flush()


def live(*columns: ProgressColumn, console: Console | None = None) -> Progress:
    """Return a line of ``columns`` that goes when it ends; what is printed meanwhile stands above it.

    It is disabled where ``console`` (standard error by default) draws no bars.
    """
    out = console or stderr()
    return Progress(
        *columns,
        console=out,
        transient=True,
        # Else rich would send to standard error what is printed for the file or pipe behind standard output.
        redirect_stdout=sys.stdout.isatty(),
        disable=not draws_bars(out),
    )


@contextlib.contextmanager
def _bar(shown: Step, console: Console) -> Iterator[None]:
    bar = live(
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[said]}", markup=False, table_column=Column(no_wrap=True)),
        TimeElapsedColumn(),
        console=console,
    )
    with bar:
        task = bar.add_task(shown.what, total=shown.total, said="")

        def show() -> None:
            bar.update(task, completed=shown.done, total=shown.total, said=str(shown))

        with _repeated(show, BAR_EVERY_S):
            yield


@contextlib.contextmanager
def _lines(shown: Step, console: Console, every_s: float) -> Iterator[None]:
    last, at = "", 0.0

    def show() -> None:
        nonlocal last, at
        said, now = str(shown), time.monotonic()
        if said == last and now - at < SAME_LINE_EVERY_S:
            return
        last, at = said, now
        console.print(" · ".join(filter(None, (shown.what, said, f"{shown.elapsed_s:.0f} s"))), markup=False)

    with _repeated(show, every_s):
        yield


@contextlib.contextmanager
def _repeated(show: Callable[[], None], every_s: float) -> Iterator[None]:
    """Call ``show`` again and again beside the block: whoever is busy with a row has no time to look at a clock."""
    ended = threading.Event()

    def repeat() -> None:
        # A pipe whose reader has gone is the command's affair, not this line's.
        with contextlib.suppress(OSError, SystemExit):
            while not ended.wait(every_s):
                show()

    beside = threading.Thread(target=repeat, name="progress", daemon=True)
    beside.start()
    try:
        yield
    finally:
        ended.set()
        beside.join()
