"""Reads JSON that others wrote: bounded before it is taken apart, and of exactly the type that is meant."""

from __future__ import annotations

from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec
from msgspec import Meta

T = TypeVar("T")

MOST_SHOWN: Final = 300
"""Characters of a reason that is kept and shown; the rest of a hostile one is nobody's."""

Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]
"""Up to there every reader of JSON gives the number back exactly."""
# Shares are sums of quotients: rounding may take them just above 1.
Share = Annotated[float, Meta(ge=0, le=1 + 1e-6)]
Name = Annotated[str, Meta(min_length=1, max_length=1000)]


class Decoder(Generic[T]):
    """Decodes JSON to ``kind``, which is any type that msgspec knows. Safe to share between threads.

    Numbers are finite, whole ones are written as such, and nothing is converted.

    Parameters
    ----------
    most_bytes: longer ones are refused unread
    most_values: numbers, strings, lists and objects together; memory follows these rather than the bytes
    """

    def __init__(self, kind: Any, *, most_bytes: int, most_values: int) -> None:
        self.most_bytes = most_bytes
        self._most_values = most_values
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(kind)

    def decode(self, body: bytes) -> T:
        """Return what ``body`` says.

        Raises
        ------
        ValueError: says in one line what is wrong, and where; never repeats the content.
        """
        if len(body) > self.most_bytes:
            raise ValueError(too_large(len(body), self.most_bytes))
        # A comma inside a string counts too: the bound is far above what is ever written.
        if body.count(b",") + body.count(b"[") + body.count(b"{") >= self._most_values:
            raise ValueError(f"it has more than {self._most_values:,} values")
        try:
            return self._decoder.decode(body)
        except msgspec.MsgspecError as error:
            raise ValueError(shortened(str(error))) from error
        except UnicodeDecodeError as error:
            raise ValueError("it is not UTF-8") from error
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error


def too_large(found: int, most: int) -> str:
    """Return what to say of something of ``found`` bytes where ``most`` are read."""
    return f"it has {found:,} bytes, of which {most:,} are read at most"


def shortened(text: str) -> str:
    """Return the first line of ``text``, cut where it is long."""
    line = next(iter(text.splitlines()), "")
    return line if len(line) <= MOST_SHOWN else f"{line[: MOST_SHOWN - 1]}…"
