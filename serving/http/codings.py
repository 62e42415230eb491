"""Content codings, both ways: what a client takes (`Accept`, `Accept-Encoding`), and bodies that come compressed."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Final

from contract.errors import MalformedRequestError, UnsupportedMediaError

CODINGS: Final = ("gzip", "deflate")
_WINDOW: Final[Mapping[str, int]] = {
    "gzip": 16 + zlib.MAX_WBITS,
    "x-gzip": 16 + zlib.MAX_WBITS,
    "deflate": zlib.MAX_WBITS,
}
# A header of some KB has thousands, of which no client means the last.
_MOST_ENTRIES: Final = 100
_PIECE: Final = 256 * 1024


def quality(header: str, name: str, *, family: str = "") -> float | None:
    """Return how much a client wants ``name``, 0 to 1, by its `Accept` or `Accept-Encoding`; None where not named.

    ``family`` is what names it too, less exactly, such as `*`.
    """
    found: dict[str, float] = {}
    for entry in header.split(",", _MOST_ENTRIES)[:_MOST_ENTRIES]:
        named, *parameters = [part.strip().lower() for part in entry.split(";")]
        if named in {name, family}:
            found[named] = next((_number(p[2:]) for p in parameters if p.startswith("q=")), 1.0)
    return found.get(name, found.get(family) if family else None)


def takes_gzip(accept_encoding: str) -> bool:
    """Return whether an answer may be compressed with gzip."""
    return bool(quality(accept_encoding, "gzip", family="*"))


def prefers(accept: str, name: str, other: str) -> bool:
    """Return whether a client asks for ``name`` by name, and not for ``other`` more."""
    wanted = quality(accept, name)
    return bool(wanted) and (wanted or 0) >= (quality(accept, other) or 0)


def _number(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0


def coding_of(content_encoding: bytes | None) -> str | None:
    """Return the coding that a body came with; None where it came as it is.

    Raises
    ------
    UnsupportedMediaError: another coding, or several.
    """
    name = (content_encoding or b"").decode("latin-1").strip().lower()
    if name in {"", "identity"}:
        return None
    if name not in _WINDOW:
        raise UnsupportedMediaError(f"content encoding {name[:100]!r} is not read; send gzip or deflate, once, or none")
    return name


def inflating(body: bytes, coding: str) -> Iterator[bytes]:
    """Yield ``body`` without its coding, in pieces of at most 256 KiB.

    Raises
    ------
    MalformedRequestError: it is not of this coding, or not whole.
    """
    stream = zlib.decompressobj(_window(body, coding))
    begin = 0
    try:
        # In slices: what a call leaves over is copied.
        for begin in range(0, len(body), _PIECE):
            rest = body[begin : begin + _PIECE]
            while rest and not stream.eof:
                yield stream.decompress(rest, _PIECE)
                rest = stream.unconsumed_tail
            if stream.eof:
                break
        yield stream.flush()
    except zlib.error as error:
        raise MalformedRequestError("the body is not compressed as its Content-Encoding says") from error
    if not stream.eof:
        raise MalformedRequestError("the compressed body is not whole")
    if stream.unused_data or begin + _PIECE < len(body):
        raise MalformedRequestError("there is something behind the compressed body; one gzip member is read")


def _window(body: bytes, coding: str) -> int:
    # `deflate` is zlib's format, but some clients send the bare stream, which does not begin as zlib's does.
    bare = coding == "deflate" and (
        body[:1] < b"\x08" or body[0] & 15 != 8 or int.from_bytes(body[:2], "big") % 31 != 0
    )
    return -zlib.MAX_WBITS if bare else _WINDOW[coding]
