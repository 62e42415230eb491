"""Bounds on what a connection may take before and beside a request: bytes, time, and its number among all.

uvicorn's protocol bounds none of them. Nothing is done for each header, and one timer serves all connections.
"""

from __future__ import annotations

import asyncio
import logging
import os
import resource
from typing import Any, Final, Never

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from serving.http.problems import problem

logger = logging.getLogger(__name__)

# Request line and headers together. A cursor is the longest thing that we give out ourselves.
HEAD_BYTES: Final = 32 * 1024
MOST_HEADERS: Final = 200
# What chunk sizes, their extensions and trailers may take beside the body, and beside a quarter of it.
FRAMING_BYTES: Final = 64 * 1024
# Requests that may wait behind the one being answered.
MOST_PIPELINED: Final = 100
MOST_CONNECTIONS: Final = 1000
# So many connections are taken in one turn of the loop.
BACKLOG: Final = 128

_END_OF_HEAD: Final = b"\r\n\r\n"
_HEAD_S: Final = 10.0
# How long the rest of a body is read away that was answered before it was whole: some clients read only then.
_LINGER_S: Final = 5.0
# What a body that comes at this pace has brought is no time lost, when somebody has to go.
_PACE_BYTES_S: Final = 256 * 1024
_TELL_S: Final = 10.0
# Part of the time for a head after which all connections are looked at.
_EVERY: Final = 0.1


def connections_allowed() -> int:
    """Return how many connections there may be: half of the descriptors, so that files and services have theirs."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else max(16, min(MOST_CONNECTIONS, soft // 2))


class Connections:
    """The open connections of the API process. Lives on its event loop.

    Parameters
    ----------
    most: how many there may be; beyond that the ones that have been idle longest are closed, and then those that are
        furthest behind with their body, or in taking their answer
    body_s: how long a request's body may take, and a client to take 64 KiB of an answer
    head_s: how long a request's head may take, and a new or idle connection to begin one
    """

    def __init__(self, *, most: int, body_s: float, head_s: float = _HEAD_S) -> None:
        self._most, self.body_s, self.head_s = most, body_s, min(head_s, body_s)
        self._open: set[BoundedProtocol] = set()
        self._sweeping: asyncio.TimerHandle | None = None
        # As of the last look at all connections: asking the clock for each request would cost more than the looks.
        self.now = 0.0
        self._told_at = float("-inf")

    def protocol(self, **given: Any) -> BoundedProtocol:
        """Return the protocol of a new connection; this is what uvicorn calls."""
        return BoundedProtocol(self, **given)

    def opened(self, connection: BoundedProtocol) -> None:
        """Count a connection in, and make room for it."""
        self._open.add(connection)
        if len(self._open) > self._most:
            self._make_room(connection)
        if self._sweeping is None:
            self.now = connection.since
            self._sweep_later(connection.loop)

    def closed(self, connection: BoundedProtocol) -> None:
        """Count a connection out."""
        self._open.discard(connection)

    def _make_room(self, newest: BoundedProtocol) -> None:
        waited_for = [each for each in self._open if each.keeps_us_waiting() and each is not newest]
        # Several at a time, as the search costs more than the closing.
        waited_for.sort(key=BoundedProtocol.worth)
        for each in waited_for[: 1 + self._most // 16] or [newest]:
            self._open.discard(each)
            each.transport.abort()
        now = newest.loop.time()
        if now - self._told_at > _TELL_S:
            self._told_at = now
            logger.warning("connections=%d is the limit: idle and slow ones are closed for new ones", self._most)

    def _sweep_later(self, loop: asyncio.AbstractEventLoop) -> None:
        self._sweeping = loop.call_later(_EVERY * self.head_s, self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        self.now = now = loop.time()
        for connection in [each for each in self._open if each.is_overdue(now - _EVERY * self.head_s)]:
            connection.transport.abort()
        self._sweeping = None
        if self._open:
            self._sweep_later(loop)


class _ExcessError(Exception):
    """Raised through the parser, which stops there."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with bounds. ``since`` is when what the client owes us began to be owed, in loop time."""

    def __init__(self, bounds: Connections, **given: Any) -> None:
        super().__init__(**given)
        self._bounds = bounds
        self.since = self.loop.time()
        self._owing, self._in_head, self._lingering = True, True, False
        self._head_bytes = self._wire_bytes = self._body_bytes = 0
        self._stalled_at: float | None = None
        self._excess: tuple[int, str] | None = None

    def keeps_us_waiting(self) -> bool:
        """Return whether what comes next is up to the client: a request, the rest of a body, or taking an answer."""
        reading = not self._in_head and not self.pipeline
        return self._stalled_at is not None or (self._owing and (reading or not self._is_answering()))

    def worth(self) -> tuple[int, float]:
        """Return what tells how soon this one is closed for others: those that never asked anything are the first."""
        if self._stalled_at is not None:
            return 2, self._stalled_at
        if self._in_head and not self.transport.get_write_buffer_size():
            return int(self.cycle is not None), self.since
        return 2, self.since + (0 if self._in_head else self._body_bytes / _PACE_BYTES_S)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def is_overdue(self, now: float) -> bool:
        """Return whether the client has let us wait for too long."""
        if self._stalled_at is not None and now - self._stalled_at > self._bounds.body_s:
            return True
        # While an answer is being made, what waits behind it waits for us.
        if not self._owing or self.pipeline or (self._in_head and self._is_answering()):
            return False
        if self._in_head:
            allowed_s = self._bounds.head_s
        else:
            # The reader of the body is a little quicker, and answers.
            allowed_s = _LINGER_S if self._lingering else self._bounds.head_s + self._bounds.body_s
        if now - self.since <= allowed_s:
            return False
        # What was handed over may still be on its way to a slow reader.
        return now - self.since > self._bounds.body_s or not self.transport.get_write_buffer_size()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in uvicorn
        """Begin."""
        super().connection_made(transport)
        self._bounds.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._bounds.closed(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse ``data``, of a head no more than its bound."""
        if self._in_head and self._head_bytes + len(data) < HEAD_BYTES:
            # Nearly every request: there is nothing that it could exceed.
            self._head_bytes += len(data)
            super().data_received(data)
            return
        # The head alone first, where its end is in sight: the body behind it then comes in one piece.
        end = data.find(_END_OF_HEAD, 0, HEAD_BYTES - self._head_bytes) + len(_END_OF_HEAD)
        left = memoryview(data)
        while left and not self.transport.is_closing():
            # One header without an end reaches no callback of the parser: bytes are counted here.
            most = HEAD_BYTES - self._head_bytes if end < len(_END_OF_HEAD) else end
            part, end = left[:most] if self._in_head else left, 0
            self._count(len(part))
            super().data_received(part)  # type: ignore[arg-type] # the parser takes any buffer
            self._refuse_excess()
            left = left[len(part) :]

    def _count(self, size: int) -> None:
        if self._in_head:
            self._head_bytes += size
        else:
            self._wire_bytes += size

    def _refuse_excess(self) -> None:
        if self.transport.is_closing():
            return
        if self._in_head and self._head_bytes >= HEAD_BYTES:
            self._refuse(431, f"request line and headers have more than {HEAD_BYTES} bytes")
        elif self._wire_bytes - self._body_bytes > FRAMING_BYTES + self._body_bytes // 4:
            self._refuse(400, "the body's chunks are too small, or have something beside them; send larger ones")

    def _refuse(self, status: int, message: str) -> None:
        logger.info("connection closed client=%s code=%d reason=%s", self.client, status, message)
        if self._is_answering():
            # An answer is still to come, and this one would be taken for it.
            self.transport.close()
            return
        request_id = os.urandom(8).hex()
        answer = problem(status, message, request_id, connection="close", x_request_id=request_id)
        head = [STATUS_LINE[status], *(b"%s: %s\r\n" % header for header in answer.raw_headers), b"\r\n"]
        self.transport.write(b"".join(head) + bytes(answer.body))
        self.transport.close()

    def _stop(self, status: int, message: str) -> Never:
        self._excess = (status, message)
        raise _ExcessError

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, or was stopped for being too much."""
        self._refuse(*(self._excess or (400, msg)))

    def _unsupported_upgrade_warning(self) -> None:
        """Answer without the upgrade that a client offers, and without a line in the log for each."""

    def on_message_begin(self) -> None:
        """Begin a request, unless too many wait already."""
        if len(self.pipeline) >= MOST_PIPELINED:
            self._stop(400, f"more than {MOST_PIPELINED} requests wait on this connection")
        self.since, self._owing = self._bounds.now, True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Start the request, unless it has too many headers."""
        if len(self.headers) > MOST_HEADERS:
            self._stop(431, f"the request has more than {MOST_HEADERS} headers")
        super().on_headers_complete()
        self._in_head, self._lingering = False, False
        self._head_bytes = self._wire_bytes = self._body_bytes = 0
        # What comes behind the body is no header of the request, whose list this was.
        self.headers = []

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request's body."""
        super().on_message_complete()
        self._in_head, self._owing = True, self.cycle.response_complete

    def on_response_complete(self) -> None:
        """Wait for the rest of the body, or for the next request."""
        self._lingering = not self._in_head and not self.pipeline
        self.since, self._owing = self._bounds.now, True
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Note since when the client takes nothing."""
        self._stalled_at = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Note that it does; where that was the answer's end, its time for the next request begins."""
        self._stalled_at = None
        if self._in_head and not self._is_answering():
            self.since = self.loop.time()
        super().resume_writing()
