"""The headers of a record, which the client cannot always tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

Headers = Sequence[tuple[str, bytes | None]]
"""Name and value of each header of a record."""


class _Unreadable(tuple[tuple[str, bytes | None], ...]):
    """No headers that could be told."""

    __slots__ = ()


UNREADABLE: Final[Headers] = _Unreadable()
"""The headers of a record of which a name is not UTF-8: the client tells none of them."""


class WithHeaders(Protocol):
    """A record as the client hands it over."""

    def key(self) -> Any:
        """Return the key, bytes or None."""
        ...

    def headers(self) -> Any:
        """Return name and value of each header, or None."""
        ...

    def set_headers(self, headers: Any, /) -> None:
        """Let the record have ``headers``."""
        ...


def headers_of(record: WithHeaders) -> Headers:
    """Return the headers of ``record``, ``UNREADABLE`` where the client cannot tell them. Never raises for them."""
    try:
        found: Headers | None = record.headers()
    except (SystemError, UnicodeDecodeError):
        # The client keeps what it has made of them by then, and to look at that again ends the process.
        record.set_headers(UNREADABLE)
        return UNREADABLE
    return () if found is None else found
