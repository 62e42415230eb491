"""Compression of answers, for clients that take gzip."""

from __future__ import annotations

from typing import Final

from starlette.middleware.gzip import GZipResponder, IdentityResponder
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.http.bodies_within_limits import header
from serving.http.codings import takes_gzip

LEAST_BYTES: Final = 1000
# Level 9 takes ten times the time of level 1 for a tenth less.
_LEVEL: Final = 1


def coding_for(scope: Scope, size: int) -> str:
    """Return the coding that an answer of ``size`` bytes is sent in: `gzip`, or "" for none."""
    told = header(scope, b"accept-encoding") or b""
    return "gzip" if size >= LEAST_BYTES and takes_gzip(told.decode("latin-1")) else ""


class Compressed:
    """ASGI middleware. Starlette's own would compress for `gzip;q=0`, which says not to."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        responder: ASGIApp
        if coding_for(scope, LEAST_BYTES):
            responder = GZipResponder(self._app, LEAST_BYTES, compresslevel=_LEVEL)
        else:
            responder = IdentityResponder(self._app, LEAST_BYTES)
        await responder(scope, receive, send)
