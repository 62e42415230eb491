"""Opens a data file: what it is packed with, and what is in it, by its first bytes and its name."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Final, Literal, NamedTuple, cast

import pyarrow as pa

from contract.errors import SourceFileError
from pipeline.near_files import near_files
from pipeline.replay.lines import BROKEN

STANDARD_INPUT = Path("-")
OnPlace = Callable[[int], None]
Form = Literal["text", "json", "parquet", "arrow"]

_PACKED: Final = {".gz": "gzip", ".zip": "zip", ".bz2": "bz2", ".xz": "xz", ".zst": "zstd"}
_FORMS: Final[dict[str, Form]] = {
    ".csv": "text", ".tsv": "text", ".txt": "text", ".json": "json", ".jsonl": "json", ".ndjson": "json",
    ".geojson": "json", ".parquet": "parquet", ".arrow": "arrow", ".feather": "arrow", ".ipc": "arrow",
}  # fmt: skip
_PACKED_BY_BYTES: Final = {
    b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"PK\x05\x06": "zip", b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}  # fmt: skip
# Two bytes behind the mark of Parquet and Arrow are not what a header would go on with.
_FORMS_BY_BYTES: Final[dict[bytes, Form]] = {b"PAR1\x15": "parquet", b"ARROW1\x00\x00": "arrow", b"{": "json"}
_BZ2_BLOCKS = (b"1AY&SY", b"\x17rE8P\x90")
"""What stands behind `BZh` and a digit: a header might go on otherwise."""
_LONGEST_MARK = 10
_UNPACKERS: Final[dict[str, Callable[[Any], Any]]] = {
    "gzip": lambda file: gzip.GzipFile(fileobj=file),
    "bz2": bz2.BZ2File,
    "xz": lzma.LZMAFile,
    "zstd": lambda file: pa.CompressedInputStream(file, "zstd"),
}


class _Watched(io.FileIO):
    """A file that tells, with each piece that is read, how many bytes lie before what comes next."""

    def __init__(self, path: Path, on_place: OnPlace) -> None:
        super().__init__(path)
        self._on_place = on_place

    def readinto(self, buffer: Any, /) -> int | None:
        found = super().readinto(buffer)
        self._on_place(self.tell())
        return found


class Opened(NamedTuple):
    """The bytes of a data file, unpacked; its form; and whether they can be read from any place."""

    file: io.BufferedReader
    form: Form
    seekable: bool


class _WithHead(io.RawIOBase):
    """``file`` with the bytes that were read from it already in front."""

    def __init__(self, head: bytes, file: IO[bytes]) -> None:
        self._head, self._file = head, file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        # What has come already, beyond the head, can be looked at before it is read.
        held, self._head = self._head[: len(buffer)], self._head[len(buffer) :]
        found = held if len(held) == len(buffer) else held + self._piece(len(buffer) - len(held))
        buffer[: len(found)] = found
        return len(found)

    def _piece(self, most: int) -> bytes:
        # What is piped in comes as it is written; nobody waits for more of it.
        read = getattr(self._file, "read1", self._file.read)
        return cast("bytes", read(most))


def opened(path: Path, stack: ExitStack, on_place: OnPlace | None = None) -> Opened:
    """Return what is in the file at ``path``, which `-` makes standard input; ``on_place`` is told how far it was read.

    Raises
    ------
    SourceFileError: it cannot be opened, or unpacked.
    """
    with readable(path):
        if path == STANDARD_INPUT:
            return _known(path, cast("io.BufferedReader", sys.stdin.buffer), stack)
        if on_place is None or read_once(path):
            return _known(path, stack.enter_context(path.open("rb")), stack)
        watched = cast("io.BufferedReader", stack.enter_context(io.BufferedReader(_Watched(path, on_place))))
        return _known(path, watched, stack)


def read_once(path: Path) -> bool:
    """Whether ``path`` is standard input, or a pipe: what was read of it cannot be read again."""
    return path == STANDARD_INPUT or (path.exists() and not path.is_file() and not path.is_dir())


def _known(path: Path, file: io.BufferedReader, stack: ExitStack) -> Opened:
    head, seekable = file.read(_LONGEST_MARK), not read_once(path)
    if seekable:
        file.seek(0)
    else:
        file = io.BufferedReader(_WithHead(head, file))
    packed = _packed(head) or _PACKED.get(path.suffix.lower())
    name = path.name
    if packed is not None:
        unpacked, inner = _unpacked(path, packed, file, stack, seekable=seekable)
        name = inner or (path.stem if path.suffix.lower() in _PACKED else path.name)
        head = unpacked.peek(1)[:_LONGEST_MARK]
        file = unpacked
    form = _FORMS.get(Path(name).suffix.lower()) or _form(head)
    return Opened(file, form, seekable and packed is None)


def _unpacked(
    path: Path, packed: str, file: IO[bytes], stack: ExitStack, *, seekable: bool
) -> tuple[io.BufferedReader, str | None]:
    """Return the bytes in a packed file, and the name that a zip file has for them."""
    if packed == "zip":
        if not seekable:
            reason = "a zip file has its contents at its end: unpack it first, as `unzip -p` does"
            raise SourceFileError(str(path), None, None, reason)
        archive = stack.enter_context(zipfile.ZipFile(file))
        names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX/")]
        if len(names) != 1:
            raise SourceFileError(str(path), None, None, f"holds {len(names)} files; one is expected")
        return io.BufferedReader(cast("Any", stack.enter_context(archive.open(names[0])))), names[0]
    return io.BufferedReader(stack.enter_context(_UNPACKERS[packed](file))), None


def _packed(head: bytes) -> str | None:
    if head.startswith(b"BZh") and head[4:].startswith(_BZ2_BLOCKS):
        return "bz2"
    return next((packed for mark, packed in _PACKED_BY_BYTES.items() if head.startswith(mark)), None)


def _form(head: bytes) -> Form:
    bare = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return next((form for mark, form in _FORMS_BY_BYTES.items() if bare.startswith(mark)), "text")


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what opening ``path`` raises into a :class:`SourceFileError`."""
    try:
        yield
    except zipfile.BadZipFile as error:
        raise SourceFileError(str(path), None, None, f"not a zip file: {error}") from error
    except BROKEN as error:
        reason = getattr(error, "strerror", None) or error
        near = near_files(path) if isinstance(error, FileNotFoundError) else ""
        raise SourceFileError(str(path), None, None, f"cannot be read: {reason}{near}") from error
