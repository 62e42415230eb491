"""Whatever ends a command is one message and an exit code: Ctrl-C, a reader that has gone, a full disk, our errors."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.services import ROOT

WAITS = """
import sys, time
import click
from console.ending import run
from console import progress
from contract.errors import StopError

@click.command()
@click.argument("what")
def main(what: str) -> None:
    if what == "wait":
        click.echo("ready")
        with progress.step("waiting"):
            time.sleep(30)
    if what == "table":
        from console.output import output
        output(80).print("row")
    if what == "stop":
        raise StopError("the thing is 3; make it 4")
    if what == "bug":
        raise FileNotFoundError(2, "a bug")
    if what == "end":
        raise EOFError("the file ends in the middle")
    if what == "odd":
        progress.put_line("…\\udcff")
        progress.put_line("…\\udcff", err=True)
    if what == "read":
        with progress.live():
            click.echo(sys.stdin.read())
    click.echo("row")

run(main, "it")
"""


def started(
    *arguments: str, stdout: int = subprocess.PIPE, environ: Mapping[str, str] | None = None, closed: str = ""
) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WAITS, *arguments]
    if closed:
        command = ["sh", "-c", f'exec "$@" {closed}', "sh", *command]
    return subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **(environ or {})}, stdout=stdout, stderr=subprocess.PIPE, text=True
    )


def test_ctrl_c_is_one_line_and_130() -> None:
    process = started("wait")
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=10) == ("", "\ninterrupted\n") and process.returncode == 130


@pytest.mark.parametrize("what", ["row", "table"])
def test_a_reader_that_has_gone_ends_it_silently(what: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = started(what, stdout=writing)
    os.close(writing)
    assert process.communicate(timeout=10)[1] == "" and process.returncode == 141


def test_what_found_no_room_is_told() -> None:
    with Path("/dev/full").open("w") as full:
        process = started("row", stdout=full.fileno())
        said = process.communicate(timeout=10)[1]
    assert process.returncode == 1 and "found no room" in said and "Traceback" not in said and said.count("\n") == 1


@pytest.mark.parametrize(
    ("what", "code", "said"),
    [("stop", 1, "error: the thing is 3; make it 4\n"), ("", 2, "Missing argument 'WHAT'")],
)
def test_an_end_of_another_kind(what: str, code: int, said: str) -> None:
    process = started(*filter(None, [what]))
    assert said in process.communicate(timeout=10)[1] and process.returncode == code


@pytest.mark.parametrize(("what", "error"), [("bug", "FileNotFoundError"), ("end", "EOFError")])
def test_a_bug_keeps_its_traceback(what: str, error: str) -> None:
    process = started(what)
    assert error in process.communicate(timeout=10)[1] and process.returncode == 1


@pytest.mark.parametrize(
    ("what", "closed", "code", "said"),
    [
        ("table", ">&-", 0, ("", "")),
        ("odd", ">&- 2>&-", 0, ("", "")),
        ("stop", "2>&-", 1, ("", "")),
        ("read", "<&- >&- 2>&-", 0, ("", "")),
    ],
)
def test_what_was_closed_is_written_nowhere(what: str, closed: str, code: int, said: tuple[str, str]) -> None:
    process = started(what, closed=closed)
    assert process.communicate(timeout=10) == said and process.returncode == code


def test_what_the_terminal_cannot_show_is_written_otherwise() -> None:
    process = started("odd", environ={"PYTHONIOENCODING": "latin-1"})
    odd = "\\u2026\\udcff\n"
    assert process.communicate(timeout=10) == (f"{odd}row\n", odd) and process.returncode == 0
