"""Users or items as they are asked for and answered: text inside, outside what their column in the stream has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Final, TypeAlias

from msgspec import Meta

from contract.recommender import IdColumn
from scoring.ids import Ids

Name: TypeAlias = str | Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""A user or an item in a request, whichever its column has."""

_WHOLE: Final = re.compile(r"0|-?[1-9][0-9]{0,18}")
_BITS: Final = {"int32": 32, "int64": 64}


def refuse_other(names: Iterable[str], column: IdColumn) -> None:
    """Refuse names that cannot be answered as ``column`` has them.

    Raises
    ------
    ValueError: one is no text or, where the column has integers, none of its.
    """
    if column.type == "string":
        if not all(map(_is_text, names)):
            raise ValueError(f"a name in the column {column.name} is no text")
        return
    most = 2 ** (_BITS[column.type] - 1)
    if not all(_WHOLE.fullmatch(name) and -most <= int(name) < most for name in names):
        raise ValueError(f"a name in the {column.type} column {column.name} is no integer of its")


class Names:
    """The users or the items of a version, by their places.

    Raises
    ------
    ValueError: as :func:`refuse_other`.
    """

    def __init__(self, ids: Ids, column: IdColumn) -> None:
        self.ids, self.column, self._are_whole = ids, column, column.type != "string"
        # Half of a surrogate pair is no text, and is only there as an escape.
        if self._are_whole or b"\\ud" in ids.text.lower():
            refuse_other(ids, column)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.ids)

    def json(self, place: int) -> bytes:
        """Return the name at ``place`` as JSON."""
        line = self.ids.line(place)
        return line[1:-1] if self._are_whole else line

    def answered(self, place: int) -> str | int:
        """Return the name at ``place`` as it is answered."""
        return int(self.ids[place]) if self._are_whole else self.ids[place]

    def places(self, names: Sequence[str | int | None]) -> list[int | None]:
        """Return the place of each of ``names``, None where it is not known or missing; 5 and "5" are the same."""
        found = iter(self.ids.places([str(name) for name in names if name is not None]))
        return [None if name is None else next(found) for name in names]

    def find(self, text: str) -> int | None:
        """Return the place of the name that is written so."""
        return self.ids.places([text])[0]

    def beginning(self, prefix: str) -> range:
        """Return the places of the names that begin with ``prefix``: they stand together."""
        first = self.ids.insertion(prefix)
        low, high = first, len(self.ids)
        while low < high:
            middle = (low + high) // 2
            if self.ids[middle].startswith(prefix):
                low = middle + 1
            else:
                high = middle
        return range(first, low)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
