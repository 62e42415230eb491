"""How many slow requests are worked on at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from contract.errors import OverloadedError


class Admission:
    """Lets so many requests in at once, and refuses the rest at once."""

    def __init__(self, limit: int) -> None:
        self._limit, self._inside = limit, 0

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Hold a place.

        Raises
        ------
        OverloadedError: all places are taken.
        """
        if self._inside >= self._limit:
            raise OverloadedError(f"{self._limit} requests are being worked on, which is the limit; try again")
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
