"""What a long step shows: a bar on a real terminal, plain lines in a pipe, no bar where none is wanted."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from fcntl import ioctl

import pytest
from rich.console import Console

from console import progress
from tests.services import ROOT

LONG = """
import logging, sys, time
from console import progress
from contract import log_lines
log_lines.to_stderr(logging.WARNING, "%(levelname)s %(message)s")
with progress.step("counting sheep", total=500, unit="rows", line_every_s=0.05) as step:
    for number in range(500):
        step.advance()
        if number == 300:
            step.say("the black ones [bold]")
            logging.getLogger("flock").warning("one is missing")
            progress.put_line("one jumped")
        time.sleep(0.0005)
    time.sleep(0.15)
"""


def typed(*, columns: int = 100, stdout: int | None = None, more: Mapping[str, str] | None = None) -> str:
    """Run the long step before a real terminal; return all that it was sent."""
    ours, theirs = os.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environ = {name: value for name, value in os.environ.items() if name not in {"CI", "NO_COLOR", "COLUMNS"}}
    process = subprocess.Popen(
        [sys.executable, "-c", LONG], cwd=ROOT, env={**environ, "TERM": "xterm", **(more or {})},
        stdout=theirs if stdout is None else stdout, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    sent = b"".join(iter(lambda: _read(ours), b""))
    os.close(ours)
    assert process.wait(20) == 0, sent
    return sent.decode()


def _read(terminal: int) -> bytes:
    # A terminal whose other side has gone answers with an error.
    with suppress(OSError):
        return os.read(terminal, 65_536)
    return b""


def test_a_terminal_shows_a_bar_that_goes_when_the_step_ends() -> None:
    sent = typed()
    assert "━" in sent and "500 of 500 rows · the black ones [bold]" in sent
    assert "\x1b[2K" in sent and sent.rstrip().endswith(("\x1b[?25h", "\x1b[2K"))
    # What is logged or printed meanwhile has a line of its own, above the bar.
    for line in ("WARNING one is missing", "one jumped"):
        assert re.search(rf"(^|\n|\x1b\[2K){line}\s*\r?\n", sent), sent


def test_what_is_printed_for_a_file_goes_there_while_a_bar_is_shown() -> None:
    reading, writing = os.pipe()
    sent = typed(stdout=writing)
    os.close(writing)
    assert "━" in sent and "one jumped" not in sent
    with os.fdopen(reading) as printed:
        assert printed.read() == "one jumped\n"


@pytest.mark.parametrize("more", [{"TERM": "dumb"}, {"CI": "true"}], ids=str)
def test_a_terminal_that_obeys_no_cursor_gets_lines(more: dict[str, str]) -> None:
    sent = typed(more=more)
    assert "━" not in sent and "\x1b" not in sent
    assert "counting sheep · 500 of 500 rows · the black ones [bold]" in sent


def test_a_bar_has_no_colour_where_none_is_wanted_and_fits_a_narrow_terminal() -> None:
    sent = typed(columns=40, more={"NO_COLOR": "1"})
    assert "counting" in sent and not re.search(r"\x1b\[[0-9;]*3[0-9][0-9;]*m", sent)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", sent)
    assert all(len(line) <= 40 for line in re.split(r"[\r\n]+", shown)), shown


def test_a_pipe_gets_plain_lines_whatever_colour_is_forced() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LONG], cwd=ROOT, env={**os.environ, "TERM": "xterm", "FORCE_COLOR": "1"},
        capture_output=True, text=True, timeout=20, check=True,
    )  # fmt: skip
    assert done.stdout == "one jumped\n"
    lines = [line for line in done.stderr.splitlines() if line.startswith("counting sheep · ")]
    assert 1 <= len(lines) <= 15 and "━" not in done.stderr
    assert lines[-1].startswith("counting sheep · 500 of 500 rows · the black ones [bold] · ")
    # The last said twice would say nothing new: 0.15 s went by, and no line.
    assert len(set(lines)) == len(lines)


def test_a_short_step_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.step("nothing much") as step:
        step.advance()
    assert capsys.readouterr() == ("", "")


@pytest.fixture
def gone() -> Iterator[Console]:
    reading, writing = os.pipe()
    os.close(reading)
    with suppress(BrokenPipeError), os.fdopen(writing, "w", buffering=1) as pipe:
        yield Console(file=pipe)


def test_a_reader_that_has_gone_ends_the_lines_and_not_the_step(gone: Console) -> None:
    with progress.step("unread", console=gone, line_every_s=0.01) as step:
        step.advance()
        beside = next(thread for thread in threading.enumerate() if thread.name == "progress")
        beside.join(5)
        assert not beside.is_alive()
        step.advance()
    assert step.done == 2


@pytest.mark.parametrize(
    ("total", "unit", "done", "said"),
    [
        (None, "", 0, "x"),
        (None, "rows", 1_234_567, "1,234,567 rows · x"),
        (3, "batches", 0, "0 of 3 batches · x"),
        (85_000_000, "bytes", 12_345_678, "12.3 of 85.0 MB · x"),
        (7, "", 2, "2 of 7 · x"),
    ],
)
def test_what_a_step_says(total: int | None, unit: str, done: int, said: str) -> None:
    step = progress.Step("it", total, unit)
    step.reach(done)
    step.say("x")
    assert str(step) == said
    step.say("y" * 200)
    assert str(step).endswith("y" * 80) and "y" * 81 not in str(step)
