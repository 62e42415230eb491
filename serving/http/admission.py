"""How much slow work is done at once, and for how long anybody waits for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from contract.errors import DeadlineExceededError, OverloadedError

T = TypeVar("T")


class Admission:
    """Lets so many slow requests in, and refuses the rest at once. Lives on the event loop."""

    def __init__(self, limit: int, deadline_s: float) -> None:
        self._limit, self._deadline_s, self._inside = limit, deadline_s, 0
        self._threads = ThreadPoolExecutor(limit, "slow")

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Hold a place.

        Raises
        ------
        OverloadedError: all places are taken.
        """
        self._enter()
        try:
            yield
        finally:
            self._inside -= 1

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Return what blocking ``work`` returns; it holds its place until it ends, waited for or not.

        Raises
        ------
        OverloadedError: all places are taken.
        DeadlineExceededError: it takes too long.
        """
        self._enter()
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        future.add_done_callback(self._left)
        try:
            async with asyncio.timeout(self._deadline_s):
                return await asyncio.shield(future)
        except TimeoutError as error:
            raise DeadlineExceededError(f"no answer within {self._deadline_s:g} s") from error

    def _enter(self) -> None:
        if self._inside >= self._limit:
            raise OverloadedError(f"{self._limit} requests are being worked on, which is the limit; try again")
        self._inside += 1

    def _left(self, future: asyncio.Future[T]) -> None:
        self._inside -= 1
        if not future.cancelled():
            # Looked at, so that asyncio does not complain of one that nobody waited for.
            future.exception()
