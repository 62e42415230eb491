"""The path below which a proxy shows this server: links, redirects and the OpenAPI document begin with it.

Whoever sends `X-Forwarded-Prefix` changes the links of the own answer only: nothing but a plain path is taken, so
that it can name no other host, and caches keep the answers apart (`Vary`). docs/adr/0018.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Final
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.http.bodies_within_limits import headers_of
from serving.settings import base_path

HEADER: Final = "X-Forwarded-Prefix"
_HEADER: Final = HEADER.lower().encode()
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


def base_of(scope: Scope) -> str:
    """Return the base path that links in the answer to this request begin with."""
    return str(scope.get("base_path", ""))


class BasePath:
    """ASGI middleware: notes the base path; one that is ``fixed`` may be on the paths of requests, and is taken off.

    A proxy that sends the header has taken it off.
    """

    def __init__(self, app: ASGIApp, *, fixed: str | None) -> None:
        self._app, self._fixed = app, fixed

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request."""
        if scope["type"] == "http":
            base = _told(headers_of(scope)) if self._fixed is None else self._fixed
            if base:
                scope["base_path"] = base
                path = scope["path"]
                if self._fixed and (path == base or path.startswith(f"{base}/")):
                    scope["path"] = path[len(base) :] or "/"
                    scope["raw_path"] = scope["raw_path"].removeprefix(base.encode()) or b"/"
                send = _located(send, base)
        return self._app(scope, receive, send)


def _located(send: Send, base: str) -> Send:
    """Return a ``send`` that puts redirects below ``base``; without a host, which the proxy knows better."""

    async def located(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] in _REDIRECTS:
            message["headers"] = [
                (name, _below(value, base) if name == b"location" else value) for name, value in message["headers"]
            ]
        await send(message)

    return located


def _below(location: bytes, base: str) -> bytes:
    parts = urlsplit(location.decode("latin-1"))
    return f"{base}{parts.path}{'?' if parts.query else ''}{parts.query}".encode("latin-1")


def _told(headers: Mapping[bytes, bytes]) -> str | None:
    value = headers.get(_HEADER)
    return None if value is None else base_path(value.decode("latin-1").partition(",")[0])
