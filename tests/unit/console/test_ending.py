"""Whatever ends a command is one message and an exit code: Ctrl-C, a reader that has gone, a full disk, our errors."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services import ROOT

WAITS = """
import time
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
    click.echo("row")

run(main, "it")
"""


def started(*arguments: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WAITS, *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=stdout, stderr=subprocess.PIPE, text=True)


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


def test_a_bug_keeps_its_traceback() -> None:
    process = started("bug")
    assert "FileNotFoundError" in process.communicate(timeout=10)[1] and process.returncode == 1
