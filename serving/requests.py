"""Reads what a request brings, within limits."""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive, Scope

from contract.errors import (
    DeadlineExceededError,
    Fault,
    InvalidRequestError,
    RequestTooLargeError,
    UnsupportedMediaError,
)
from serving.codings import coding_of, inflated


def read_query(request: Request) -> dict[str, str]:
    """Return the query's parameters.

    Raises
    ------
    InvalidRequestError: one is given twice.
    """
    pairs = request.query_params.multi_items()
    query = dict(pairs)
    if len(query) != len(pairs):
        raise InvalidRequestError("a query parameter is given twice", [Fault(("query",), "each may be given once")])
    return query


def header(scope: Scope, name: bytes) -> bytes | None:
    """Return a header's value; ``name`` is in lower case."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return None


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


class BodyReader:
    """Reads bodies of at most ``most`` bytes that are whole within ``deadline_s``."""

    def __init__(self, most: int, deadline_s: float) -> None:
        self._most, self._deadline_s = most, deadline_s

    async def read(self, scope: Scope, receive: Receive) -> bytes:
        """Return the request's body, inflated where it came compressed.

        Raises
        ------
        UnsupportedMediaError: it came in a coding that is not read.
        MalformedRequestError: it is not as its coding says.
        RequestTooLargeError: it has too many bytes, before or after inflating.
        DeadlineExceededError: it takes too long.
        ClientDisconnect: the client is gone.
        """
        coding = coding_of(header(scope, b"content-encoding"))
        body = await self._received(scope, receive)
        if coding is None:
            return body
        # Beside the event loop: a body of some KB may become as many MB.
        return await asyncio.to_thread(inflated, body, coding, self._most)

    async def _received(self, scope: Scope, receive: Receive) -> bytes:
        told = header(scope, b"content-length") or b""
        if told.isdigit() and int(told) > self._most:
            raise RequestTooLargeError(
                f"the body has {told.decode()[:20]} bytes, the limit is {self._most} (SWATHE_SERVING_MAX_BODY_BYTES)"
            )
        try:
            async with asyncio.timeout(self._deadline_s):
                message = await receive()
                if message["type"] == "http.request" and not message.get("more_body"):
                    body: bytes = message.get("body", b"")
                    if len(body) > self._most:
                        raise self._too_large()
                    return body
                return await self._joined(message, receive)
        except TimeoutError as error:
            raise DeadlineExceededError(f"the body was not whole within {self._deadline_s:g} s") from error

    async def _joined(self, message: Message, receive: Receive) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while True:
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self._most:
                raise self._too_large()
            chunks.append(chunk)
            if not message.get("more_body"):
                return b"".join(chunks)
            message = await receive()

    def _too_large(self) -> RequestTooLargeError:
        return RequestTooLargeError(f"the body has more than {self._most} bytes (SWATHE_SERVING_MAX_BODY_BYTES)")
