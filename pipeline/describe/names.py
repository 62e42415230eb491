"""Names that a stream file takes, for columns whose own it does not."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_LONGEST = 60
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,127}")
# What no decomposition into letters and accents gives.
_LETTERS = str.maketrans({
    "ß": "ss", "æ": "ae", "Æ": "Ae", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "ð": "d", "þ": "th", "µ": "u",
    "%": " percent ", "#": " number ", "€": " euro ", "$": " dollar ", "°": " degrees ",
})  # fmt: skip


def column_names(found: Sequence[str]) -> list[str]:
    """Return a name for each column, its own where that is one; no two differ in letter case only."""
    taken: set[str] = {name.lower() for name in found if _NAME.fullmatch(name)}
    given: set[str] = set()
    names: list[str] = []
    for place, name in enumerate(found, start=1):
        own = _NAME.fullmatch(name) is not None and name.lower() not in given
        names.append(name if own else _free(_plain(name) or f"column_{place}", given, taken))
        given.add(names[-1].lower())
    return names


def stream_name(text: str) -> str:
    """Return a name for a stream, made of the name of a file or a topic."""
    plain = re.sub(r"[^a-z0-9]+", "-", _plain(text).lower()).strip("-")[:50].strip("-")
    return (plain or "stream").removesuffix("-cumulative") or "stream"


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    ascii_text = decomposed.encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9]+", "_", ascii_text).strip("_")[:_LONGEST].strip("_")
    return f"c_{plain}" if plain[:1].isdigit() else plain


def _free(name: str, given: set[str], taken: set[str]) -> str:
    number, found = 2, name
    while found.lower() in given or found.lower() in taken:
        found, number = f"{name}_{number}", number + 1
    return found
