"""A file or records described, and read with what was written, as replay and landing do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from contract.errors import SourceFileError
from contract.stream import Stream, parse_stream
from pipeline.describe.describe_file import description_of
from pipeline.describe.describe_topic import Told, description_of_topic
from pipeline.describe.description import Description
from pipeline.describe.sample import Sample
from pipeline.describe.stream_text import stream_text
from pipeline.describe.tables import table_of
from pipeline.replay.source import read_rows


def stop(error: SourceFileError) -> None:
    raise error


def text_of(found: Description) -> str:
    return "\n".join(stream_text(found)) + "\n"


def file(path: Path) -> tuple[Description, Stream, list[dict[str, Any]]]:
    """Return what was found, the stream file, and the rows that replay reads with it, none of them refused."""
    found = description_of(table_of(path), path)
    stream = parse_stream(text_of(found), "s.yaml")
    return found, stream, [row.values for row in read_rows(path, stream, stop)]


def topic(values: Sequence[bytes | None], told: Told | None = None) -> tuple[Description, Stream]:
    """Return what was found in records, and the stream file."""
    sample = Sample("orders", len(values), 1, values=list(values), keys=[b"k"] * len(values))
    found = description_of_topic(sample, told or Told())
    return found, parse_stream(text_of(found), "s.yaml")
