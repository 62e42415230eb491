"""Where a data file is: given, named by the stream file, one of several in an order, or standard input."""

from __future__ import annotations

import glob
import hashlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path

from contract import remedies
from contract.errors import SourceFileError
from contract.stream import Stream
from pipeline.near_files import near_files
from pipeline.replay.opened import read_once, readable

_FINGERPRINT_BYTES = 1 << 20


def default_path(stream: Stream, stream_path: str | Path) -> Path:
    """Return the file that the stream file names as its source; it is looked for beside the stream file, then here.

    Raises
    ------
    SourceFileError: it names none, its package is not installed, or two places have such a file, or none.
    """
    source = stream.source
    if source is None or source.path is None:
        raise SourceFileError(stream.name, None, None, "the stream file names no `source.path`; give one with --file")
    if source.package is None:
        return _found(Path(source.path), Path(stream_path))
    return _directory(source.package, source.path) / source.path


def _directory(package: str, path: str) -> Path:
    """Return where ``package`` lies; nothing of it is imported, for it may need what is not installed."""
    top, *inner = package.split(".")
    spec = importlib.util.find_spec(top)
    places = [Path(place).joinpath(*inner) for place in (spec and spec.submodule_search_locations) or ()]
    if (found := next((place for place in places if place.is_dir()), None)) is None:
        reason = f"package {package!r} is not installed; {remedies.install_source(package)} brings it, or says how"
        raise SourceFileError(path, None, None, reason)
    return found


def _found(path: Path, stream_path: Path) -> Path:
    beside, here = stream_path.resolve().parent / path, Path.cwd() / path
    found = [place for place in (beside, here) if place.exists() or _matching(place)]
    if not found:
        places = f"looked for as {beside}" + (f" and {here}" if here != beside else "") + near_files(beside)
        raise SourceFileError(str(stream_path), None, None, f"source.path {str(path)!r}: no such file; {places}")
    if len(found) == 2 and beside.resolve() != here.resolve():
        reason = f"source.path {str(path)!r} is both {beside} and {here}; write the whole path of the one that is meant"
        raise SourceFileError(str(stream_path), None, None, reason)
    return found[0]


def files_of(path: Path) -> Sequence[Path]:
    """Return the files that ``path`` stands for, a directory's or a pattern's by their names.

    Raises
    ------
    SourceFileError: there are none.
    """
    if path.is_file() or read_once(path):
        return [path]
    if path.is_dir():
        found = sorted(file for file in path.iterdir() if file.is_file() and file.name[0] not in "._")
        if not found:
            raise SourceFileError(
                str(path), None, None, "a directory without files; those with . or _ in front do not count"
            )
        return found
    # What is not there is told when it is opened.
    return _matching(path) or [path]


def bytes_of(path: Path) -> int:
    """Return how many bytes the files of ``path`` have, packed as they are; 0 where that is not known."""
    return 0 if read_once(path) else sum(file.stat().st_size for file in files_of(path) if file.is_file())


def _matching(path: Path) -> list[Path]:
    return sorted(file for file in map(Path, glob.glob(str(path), recursive=True)) if file.is_file())  # noqa: PTH207 - Path.glob takes no absolute one


def source_id(path: Path) -> str:
    """Return 16 hex digits that stand for the file's place, whatever is in it."""
    place = "standard input" if read_once(path) else str(path.resolve())
    return hashlib.sha256(place.encode()).hexdigest()[:16]


def fingerprint(path: Path) -> str:
    """Return what earlier replays called the file: 16 hex digits of its size and its first MiB.

    They sent single files alone: what is none has its place instead.
    """
    if read_once(path) or files_of(path) != [path]:
        return source_id(path)
    with readable(path), path.open("rb") as file:
        digest = hashlib.sha256(str(path.stat().st_size).encode())
        digest.update(file.read(_FINGERPRINT_BYTES))
    return digest.hexdigest()[:16]
