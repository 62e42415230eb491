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
    if given in {None, b"application/json"}:
        return
    told = (given or b"").decode("latin-1")
    kind = told.partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise UnsupportedMediaError(f"content type {kind[:100]!r} is not read; send application/json")


class BodyReader:
    """Reads bodies of at most ``most`` bytes that are whole within ``deadline_s``."""

    def __init__(self, most: int, deadline_s: float) -> None:
        self._most, self._deadline_s = most, deadline_s

    async def read(self, scope: Scope, receive: Receive) -> bytes:
        """Return the request's body.

        Raises
        ------
        RequestTooLargeError: it has too many bytes.
        DeadlineExceededError: it takes too long.
        ClientDisconnect: the client is gone.
        """
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
