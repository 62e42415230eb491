"""The API key: who may ask."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

# What supervisors and load balancers ask, who have no key.
_OPEN: Final = ("/health/live", "/health/ready")


class RequiredKey:
    """ASGI middleware. ``refuse`` answers a request without the right key; inside CORS, as preflights carry none."""

    def __init__(self, app: ASGIApp, *, api_key: str, refuse: ASGIApp) -> None:
        self._app, self._refuse = app, refuse
        self._key = api_key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        allowed = scope["type"] != "http" or self._allowed(scope)
        await (self._app if allowed else self._refuse)(scope, receive, send)

    def _allowed(self, scope: Scope) -> bool:
        if scope["path"] in _OPEN:
            return True
        headers: Mapping[bytes, bytes] = dict(scope["headers"])
        return hmac.compare_digest(headers.get(b"x-api-key") or _given(headers.get(b"authorization", b"")), self._key)


def _given(authorization: bytes) -> bytes:
    """Return the key in the header; a browser that is asked for one sends it as a password, with any name."""
    scheme, _, rest = authorization.partition(b" ")
    if scheme.lower() != b"basic":
        return rest
    try:
        return base64.b64decode(rest, validate=True).partition(b":")[2]
    except binascii.Error:
        return b""
