"""How a command ends: whatever ends it becomes one message at most, and an exit code of the one table."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn

import click

from console import exit_codes
from contract.errors import SwatheError

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def run(command: click.Command, prog_name: str) -> NoReturn:
    """Run ``command`` with this process's arguments; exit as the table says."""
    # Not by click's own `main`, which exits with 1 where the reader of a pipe has gone.
    with ended(), command.make_context(prog_name, sys.argv[1:]) as context:
        command.invoke(context)
        # Else what the buffer still holds would meet a closed pipe when nobody listens any more.
        sys.stdout.flush()
    sys.exit(exit_codes.DONE)


@contextlib.contextmanager
def ended() -> Iterator[None]:
    """Turn what ends the block into a message on standard error, and the exit code for it; no traceback but a bug's."""
    _settle_streams()
    try:
        yield
    except SwatheError as error:
        _exit(exit_codes.FAILED, f"error: {error}")
    except click.ClickException as error:
        error.show()
        _exit(error.exit_code)
    except click.exceptions.Exit as error:
        _exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        # The first line ends the one on which the terminal has shown ^C.
        _exit(exit_codes.INTERRUPTED, "\ninterrupted")
    except BrokenPipeError:
        _exit(exit_codes.READER_GONE)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        _exit(exit_codes.FAILED, f"error: what was to be written found no room ({error}); make room there, run again")


def _settle_streams() -> None:
    """See to it that each standard stream is there, and takes any text."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            # Closed by whoever started this. It gets the free number, which else a file of ours would get.
            nowhere = Path(os.devnull).open(mode, encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
            os.set_inheritable(nowhere.fileno(), True)
            setattr(sys, name, nowhere)
        elif mode == "w" and isinstance(stream, TextIOWrapper):
            # A name of another encoding is no reason to fail after the work is done.
            stream.reconfigure(errors="backslashreplace")


def _exit(code: int, said: str = "") -> NoReturn:
    with contextlib.suppress(OSError):
        if said:
            click.echo(said, err=True)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            # Python's own end would try once more, and complain.
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(code)
