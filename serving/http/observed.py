"""Around every request: its id, the count, the log line."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import time
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.http.bodies_within_limits import headers_of
from serving.metrics import Metrics

logger = logging.getLogger("serving.access")

_OWN_ID: Final = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
_SLICE_BYTES: Final = 256 * 1024
_TRACE: Final = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


class Observed:
    """ASGI middleware, outermost."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, log_all: bool) -> None:
        self._app, self._metrics, self._log_all = app, metrics, log_all

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        headers = headers_of(scope)
        asked, parent = headers.get(b"x-request-id"), headers.get(b"traceparent")
        trace = _TRACE.fullmatch(parent) if parent else None
        request_id = asked if asked and _OWN_ID.fullmatch(asked) else os.urandom(8).hex().encode()
        scope["request_id"] = request_id.decode()
        added = [(b"x-request-id", request_id)]
        if trace:
            added.append((b"traceparent", trace[0]))
        # The client that hangs up first never sees a code; nginx calls that 499.
        code = 499

        async def answer(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
                message["headers"] = [*message.get("headers", ()), *added]
            if len(message.get("body", b"")) > _SLICE_BYTES:
                await _in_slices(message, send)
            else:
                await send(message)

        self._metrics.began()
        try:
            await self._app(scope, receive, answer)
        except Exception:
            # What nobody foresaw is answered further out, by Starlette's own outermost layer.
            code = 500
            raise
        finally:
            seconds = time.perf_counter() - began
            self._metrics.ended(scope.get("version"), _route(scope), code, seconds)
            if code >= 400 or self._log_all:
                self._log(scope, code, seconds, trace[1].decode() if trace else None)

    @staticmethod
    def _log(scope: Scope, code: int, seconds: float, trace_id: str | None) -> None:
        version = scope.get("version")
        facts: dict[str, Any] = {
            "request_id": scope["request_id"],
            "method": scope["method"],
            # Escaped: a path may hold line breaks.
            "path": json.dumps(scope["path"][:200]),
            "code": code,
            "ms": round(seconds * 1000, 3),
            "model": version.model if version else None,
            "version": version.number if version else None,
            "trace_id": trace_id,
        }
        told = " ".join(f"{name}={value}" for name, value in facts.items() if value is not None)
        logger.log(_level(code), told, extra={"facts": facts})


async def _in_slices(message: Message, send: Send) -> None:
    """Send a large body as fast as the client takes it, and let others in between."""
    body = memoryview(message["body"])
    more: bool = message.get("more_body", False)
    for begin in range(0, len(body), _SLICE_BYTES):
        part = bytes(body[begin : begin + _SLICE_BYTES])
        await send({**message, "body": part, "more_body": more or begin + len(part) < len(body)})
        await asyncio.sleep(0)


def _level(code: int) -> int:
    # 503 and 504 are somebody else's fault, and expected of a server that starts before its services.
    return logging.INFO if code < 500 else logging.ERROR if code == 500 else logging.WARNING


def _route(scope: Scope) -> str:
    return str(scope.get("route_name") or "other")
