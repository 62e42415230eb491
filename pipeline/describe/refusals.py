"""What a stream file's own readers make of a table: the rows that replay, or landing, would refuse with it."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from contract.errors import SourceFileError
from contract.stream import Stream
from pipeline.describe.sample import Sample
from pipeline.land.formats.format import Chunk
from pipeline.land.record_format import record_format
from pipeline.replay.opened import opened
from pipeline.replay.place import files_of
from pipeline.replay.source import read_rows

_AT_ONCE = 10_000
_PIECE = 2**20
_WORDS = re.compile(r"(?<=column )'[^']*'|(?<=path )\S+")


@dataclass
class Refusals:
    """How many rows are refused, by the column that is at fault, if it is one; and the first of each."""

    counts: Counter[str | None] = field(default_factory=Counter)
    first: dict[str | None, str] = field(default_factory=dict)
    is_cut_short: bool = False
    """Whether not all rows were read, because the first fault leaves no way on."""
    other_encoding: str | None = None
    """What text is in truth that is read in another encoding without a fault."""

    def may_be_of(self, column: str) -> bool:
        """Whether ``column`` has a part in what is refused."""
        return self.is_cut_short or bool(self.counts[column] or self.counts[None])

    def add(self, column: str | None, problem: str) -> None:
        """Count one."""
        self.counts[column] += 1
        self.first.setdefault(column, problem)

    def on_bad(self, error: SourceFileError) -> None:
        """Count a row that replay refuses."""
        where = error.source if error.line is None else f"{error.source}:{error.line}"
        self.add(error.column, f"{where}: {error.problem}")


def refusals_in_file(
    path: Path, stream: Stream, encoding: str, progress: Callable[[int], None] = lambda _: None
) -> Refusals:
    """Return what replay refuses of the file at ``path``, read as ``stream`` says; ``progress`` is told of rows.

    ``encoding`` is what was found of its text.
    """
    found = Refusals()
    try:
        for number, _ in enumerate(read_rows(path, stream, found.on_bad), start=1):
            if number % _AT_ONCE == 0:
                progress(_AT_ONCE)
    except SourceFileError as error:
        found.on_bad(error)
        found.is_cut_short = True
    # What is no UTF is a guess, and of ASCII there is nothing to tell.
    told = codecs.lookup(stream.written.encoding).name.removesuffix("-sig")
    if encoding.startswith("utf") and encoding != told and not all(map(_is_ascii, files_of(path))):
        found.other_encoding = encoding
    return found


def _is_ascii(path: Path) -> bool:
    with ExitStack() as stack:
        found = opened(path, stack)
        if found.form not in {"text", "json"}:
            return True
        return all(piece.isascii() for piece in iter(lambda: found.file.read(_PIECE), b""))


def refusals_in_topic(sample: Sample, stream: Stream, stream_path: str) -> Refusals:
    """Return what landing rejects of the values in ``sample``: headers are not looked at."""
    found = Refusals()
    reading, _ = record_format(stream.model_copy(update={"columns": stream.value_columns}), stream_path)
    names = {name: {repr(name), str(path)} for name, path in stream.value_paths.items()}
    times = np.zeros(len(sample.values), np.int64)
    for rejected in reading.parse(Chunk(sample.values, sample.keys, [()] * len(sample.values), times)).rejected:
        name = next((name for name, said in names.items() if said & set(_WORDS.findall(rejected.reason))), None)
        found.add(name, f"record {rejected.index + 1} of those looked at: {rejected.reason}")
    return found
