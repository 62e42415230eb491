"""Reads what a request brings, within limits."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Awaitable, Generator
from typing import Any, Final

from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive, Scope

from contract.errors import (
    DeadlineExceededError,
    Fault,
    InvalidRequestError,
    OverloadedError,
    RequestTooLargeError,
    UnsupportedMediaError,
)
from serving.http.codings import coding_of, inflating

# Bodies up to here need no room: as many as there are connections fit.
SMALL_BYTES: Final = 64 * 1024
_SLOW_S: Final = 5.0
_MOST_PARAMETERS: Final = 20


def read_query(request: Request) -> dict[str, str]:
    """Return the query's parameters.

    Raises
    ------
    InvalidRequestError: one is given twice, or there are more than any route has.
    """
    if request.scope["query_string"].count(b"&") > _MOST_PARAMETERS:
        raise InvalidRequestError("the query has too many parameters", [Fault(("query",), "each may be given once")])
    pairs = request.query_params.multi_items()
    query = dict(pairs)
    if len(query) != len(pairs):
        raise InvalidRequestError("a query parameter is given twice", [Fault(("query",), "each may be given once")])
    return query


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """Return the headers by name in lower case, the last of those that came twice; made once a request."""
    found: dict[bytes, bytes] | None = scope.get("headers_by_name")
    if found is None:
        found = scope["headers_by_name"] = dict(scope["headers"])
    return found


def header(scope: Scope, name: bytes) -> bytes | None:
    """Return a header's value; ``name`` is in lower case."""
    return headers_of(scope).get(name)


def check_media_type(scope: Scope) -> None:
    """Refuse a body that says it is not JSON.

    Raises
    ------
    UnsupportedMediaError: names the content type.
    """
    given = header(scope, b"content-type")
    if given is not None and not is_json(given):
        raise UnsupportedMediaError(f"content type {_kind(given)[:100]!r} is not read; send application/json")


def is_json(content_type: bytes) -> bool:
    """Return whether a body of this type is JSON, so that a page of another origin has to ask before it sends one."""
    if content_type == b"application/json":
        return True
    kind = _kind(content_type)
    return kind == "application/json" or kind.endswith("+json")


def _kind(content_type: bytes) -> str:
    return content_type.decode("latin-1").partition(";")[0].strip().lower()


class Room:
    """What one request holds of a budget in bytes; it is given back when the block ends."""

    __slots__ = ("_budget", "_held")

    def __init__(self, budget: BodyBudget) -> None:
        self._budget, self._held = budget, 0

    def __enter__(self) -> Room:
        return self

    def __exit__(self, *_: object) -> None:
        self._budget.free += self._held
        self._held = 0

    def hold(self, size: int) -> None:
        """Hold ``size`` bytes in all; to be called before they are there, also those that inflating makes.

        Raises
        ------
        OverloadedError: there are not as many left.
        """
        more = size - self._held
        if more > self._budget.free:
            raise OverloadedError(
                f"all bodies together may have {self._budget.most} bytes (SWATHE_SERVING_BODIES_BYTES), and not enough "
                f"are left for this one; try again"
            )
        if more > 0:
            self._budget.free -= more
            self._held = size


class BodyBudget:
    """The bytes of all bodies that are being read or worked on. Lives on the event loop."""

    def __init__(self, most: int) -> None:
        self.most = self.free = most


class BodyReader:
    """Reads bodies of at most ``most`` bytes that are whole within ``deadline_s``, all together within a budget."""

    def __init__(self, most: int, deadline_s: float, budget: BodyBudget) -> None:
        self._most, self._deadline_s, self._budget = most, deadline_s, budget

    def room(self) -> Room:
        """Return the room in which a body is read, and kept until it is answered."""
        return Room(self._budget)

    async def read(self, scope: Scope, receive: Receive, room: Room, most: int | None = None) -> bytes:
        """Return the request's body, inflated, of at most ``most`` bytes where the route needs no more.

        Raises
        ------
        UnsupportedMediaError: it came in a coding that is not read.
        MalformedRequestError: it is not as its coding says.
        RequestTooLargeError: it has too many bytes, before or after inflating.
        OverloadedError: ``room`` cannot hold it.
        DeadlineExceededError: it takes too long, or comes too slowly.
        ClientDisconnect: the client is gone.
        """
        most = self._most if most is None else min(most, self._most)
        coding = coding_of(header(scope, b"content-encoding"))
        body = await self._received(scope, receive, room, most)
        return body if coding is None else await self._inflated(body, coding, room, most)

    async def _inflated(self, body: bytes, coding: str, room: Room, most: int) -> bytes:
        # Beside the event loop, and held as it comes: a body of some KB may become as many MB.
        coming = inflating(body, coding)
        pieces: list[bytes] = []
        size = 0
        while (piece := await asyncio.to_thread(next, coming, None)) is not None:
            size += len(piece)
            if size > most:
                raise self._too_large(most, "more bytes, inflated")
            if size > SMALL_BYTES:
                room.hold(len(body) + size)
            pieces.append(piece)
        return b"".join(pieces)

    async def _received(self, scope: Scope, receive: Receive, room: Room, most: int) -> bytes:
        told = header(scope, b"content-length") or b""
        size = int(told) if told.isdigit() and len(told) < 20 else 0
        if size > most or len(told) >= 20:
            raise self._too_large(most, f"{told.decode('latin-1')[:20]} bytes")
        if size > SMALL_BYTES:
            room.hold(size)
        # Nearly every small body is there: a deadline would cost more than taking it does.
        coming = receive()
        try:
            waiting = coming.send(None)  # type: ignore[attr-defined] # of ASGI servers it is a coroutine
        except StopIteration as there:
            if not there.value.get("more_body") and there.value["type"] == "http.request":
                return self._whole(there.value, most)
            first: Awaitable[Message] = _given(there.value)
        else:
            first = _continued(coming, waiting)
        try:
            async with asyncio.timeout(self._deadline_s) as limit:
                pace = _Pace(limit, size, self._deadline_s) if size > SMALL_BYTES else None
                message = await first
                if message["type"] == "http.request" and not message.get("more_body"):
                    return self._whole(message, most)
                return await self._joined(message, receive, room, most, pace)
        except TimeoutError as error:
            told_s = f"within {self._deadline_s:g} s, or came too slowly for that"
            raise DeadlineExceededError(f"the body was not whole {told_s}") from error

    def _whole(self, message: Message, most: int) -> bytes:
        body: bytes = message.get("body", b"")
        if len(body) > most:
            raise self._too_large(most)
        return body

    async def _joined(self, message: Message, receive: Receive, room: Room, most: int, pace: _Pace | None) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while True:
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > most:
                raise self._too_large(most)
            if size > SMALL_BYTES:
                room.hold(size)
            chunks.append(chunk)
            if not message.get("more_body"):
                return b"".join(chunks)
            if pace is not None:
                pace.came(size)
            message = await receive()

    def _too_large(self, most: int, told: str = "more bytes") -> RequestTooLargeError:
        setting = " (SWATHE_SERVING_MAX_BODY_BYTES)" if most == self._most else ""
        return RequestTooLargeError(f"the body has {told}, the limit is {most}{setting}")


async def _given(message: Message) -> Message:
    return message


@types.coroutine
def _continued(begun: Any, waiting: Any) -> Generator[Any, Any, Message]:
    """Return what a coroutine returns that was begun, and is ``waiting``."""
    try:
        while True:
            try:
                sent = yield waiting
            except BaseException as error:  # the coroutine's own, a cancellation too
                waiting = begun.throw(error)
            else:
                waiting = begun.send(sent)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


class _Pace:
    """Ends a body that holds room and comes too slowly: a tenth of it has a tenth of the time, and some seconds."""

    def __init__(self, limit: asyncio.Timeout, size: int, deadline_s: float) -> None:
        self._limit, self._size, self._deadline_s = limit, size, deadline_s
        self._begun = (limit.when() or 0.0) - deadline_s
        self.came(0)

    def came(self, size: int) -> None:
        """Note that ``size`` bytes have come."""
        self._limit.reschedule(self._begun + min(self._deadline_s, _SLOW_S + self._deadline_s * size / self._size))
