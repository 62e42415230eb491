"""Whether a text file that is no UTF-8 is one all the same, but for some damaged lines."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from contract.errors import SourceFileError
from pipeline.describe.dialect import encoding_of
from pipeline.replay.lines import BROKEN, LONGEST_ROW
from pipeline.replay.opened import opened


def are_utf8(files: Sequence[Path]) -> bool:
    """Whether most lines of ``files`` that are no ASCII are UTF-8.

    Raises
    ------
    SourceFileError: those of some files are, and those of others are not.
    """
    verdicts = {file: _is_utf8(file) for file in files}
    others = next((file for file, is_utf8 in verdicts.items() if is_utf8 is False), None)
    own = next((file for file, is_utf8 in verdicts.items() if is_utf8), None)
    if others is not None and own is not None:
        problem = f"is not written in UTF-8, and {own} is: `source.encoding` is one for all of them"
        raise SourceFileError(str(others), None, None, problem)
    return others is None


def _is_utf8(path: Path) -> bool | None:
    """Return None of a file that has nothing but ASCII, or is marked as something else."""
    counts = {True: 0, False: 0}
    with ExitStack() as stack:
        found = opened(path, stack)
        if found.form != "text" or encoding_of(found.file.peek(4096)[:4096]) != "utf-8":
            return None
        try:
            for line in iter(lambda: found.file.readline(LONGEST_ROW), b""):
                if not line.isascii():
                    counts[_decodes(line)] += 1
        except BROKEN as error:
            raise SourceFileError(str(path), None, None, f"cannot be read on: {error}") from error
    return None if counts == {True: 0, False: 0} else counts[True] > counts[False]


def _decodes(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
