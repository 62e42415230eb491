"""Keeps a server busy, and notes each answer."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import httpx


@dataclass(frozen=True)
class Answered:
    """One request: when it was sent, how long it took, and its code; 0 where the connection failed."""

    sent_at: float
    seconds: float
    code: int
    text: str


class Load:
    """``connections`` clients that each send the next request when they have their answer."""

    def __init__(self, url: str, path: Callable[[], str], body: bytes, connections: int = 4) -> None:
        self.answers: list[Answered] = []
        self._url, self._path, self._body, self._connections = url, path, body, connections
        self._stop = False
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop = True
        self._thread.join(timeout=60)
        assert not self._thread.is_alive(), "a request hangs"

    @property
    def failures(self) -> list[Answered]:
        """All answers but 200."""
        return [answer for answer in self.answers if answer.code != 200]

    async def _run(self) -> None:
        limits = httpx.Limits(max_connections=self._connections, max_keepalive_connections=self._connections)
        async with httpx.AsyncClient(base_url=self._url, timeout=40, limits=limits) as client:
            await asyncio.gather(*(self._one(client) for _ in range(self._connections)))

    async def _one(self, client: httpx.AsyncClient) -> None:
        while not self._stop:
            began = time.monotonic()
            try:
                answer = await client.post(
                    self._path(), content=self._body, headers={"content-type": "application/json"}
                )
                code, text = answer.status_code, answer.text[:300]
            except httpx.TransportError as error:
                code, text = 0, repr(error)
                # Nobody there: not to spin until somebody is.
                await asyncio.sleep(0.02)
            self.answers.append(Answered(began, time.monotonic() - began, code, text))
