"""The prediction server, and beside it a watch on its event loop: how long it does one thing without looking up.

What the loop's thread computes between two of the watch's turns is measured, so a busy machine takes nothing from it.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from pathlib import Path

import uvicorn

STALLS_VARIABLE = "WATCHED_STALLS"
_WINDOW_S = 0.05


def longest_s(stalls: Path, since: float) -> float:
    """Return the longest stretch that was written after ``since``, in seconds of processor time."""
    lines = [line.split() for line in stalls.read_text().splitlines()]
    return max(float(line[1]) for line in lines if float(line[0]) > since)


async def _watch(stalls: Path) -> None:
    longest, before, window = 0.0, time.thread_time(), time.monotonic()
    while True:
        await asyncio.sleep(0.001)
        now = time.thread_time()
        longest, before = max(longest, now - before), now
        if time.monotonic() - window > _WINDOW_S:
            window = time.monotonic()
            with stalls.open("a") as file:
                file.write(f"{window} {longest}\n")
            longest, before = 0.0, time.thread_time()


_startup = uvicorn.Server.startup
_watches: list[asyncio.Task[None]] = []


async def _watched_startup(server: uvicorn.Server, sockets: list[socket.socket] | None = None) -> None:
    await _startup(server, sockets)
    _watches.append(asyncio.create_task(_watch(Path(os.environ[STALLS_VARIABLE]))))


if __name__ == "__main__":
    from serving.__main__ import main

    # LitServe makes uvicorn's server itself, in a process of its own.
    uvicorn.Server.startup = _watched_startup  # type: ignore[method-assign, assignment] # there is no hook for it
    main()
