"""Reads what a request brings, within limits."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

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


def check_media_type(request: Request) -> None:
    """Refuse a body that says it is not JSON.

    Raises
    ------
    UnsupportedMediaError: names the content type.
    """
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise UnsupportedMediaError(f"content type {kind[:100]!r} is not read; send application/json")


async def read_body(request: Request, most: int, deadline_s: float) -> bytes:
    """Return the request's body.

    Raises
    ------
    RequestTooLargeError: it has more than ``most`` bytes.
    DeadlineExceededError: it is not whole within ``deadline_s``.
    """
    told = request.headers.get("content-length", "")
    if told.isdigit() and int(told) > most:
        raise RequestTooLargeError(f"the body has {told} bytes, the limit is {most} (SWATHE_SERVING_MAX_BODY_BYTES)")
    try:
        async with asyncio.timeout(deadline_s):
            return await _joined(request, most)
    except TimeoutError as error:
        raise DeadlineExceededError(f"the body was not whole within {deadline_s:g} s") from error


async def _joined(request: Request, most: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise RequestTooLargeError(f"the body has more than {most} bytes (SWATHE_SERVING_MAX_BODY_BYTES)")
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
