"""Who may ask: requests addressed to this server, not sent by a stranger's page, with the key if there is one."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from serving.http.bodies_within_limits import headers_of, is_json
from serving.settings import OPEN

_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_PAGE: Final = frozenset({b"same-origin", b"none"})

# Answers a request in our stead, with the reason.
Refuse = Callable[[Scope, Receive, Send, str], Awaitable[None]]


class AddressedHere:
    """ASGI middleware: refuses a `Host` that is not ours, and what pages of other origins can send unasked.

    A name that a stranger's DNS points to loopback makes the stranger's page same-origin with this server; its
    `Host` gives it away. A page of another origin may POST without asking first, unless the body is JSON.
    """

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str], origins: Iterable[str], refuse: Refuse) -> None:
        self._app, self._refuse = app, refuse
        self._hosts = tuple(host.lower() for host in hosts)
        self._origins = frozenset(origin.encode() for origin in origins)
        self._is_ours = lru_cache(maxsize=256)(self._matches)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request."""
        reason = self._reason(scope) if scope["type"] == "http" else None
        return self._app(scope, receive, send) if reason is None else self._refuse(scope, receive, send, reason)

    def _reason(self, scope: Scope) -> str | None:
        pairs = scope["headers"]
        headers = headers_of(scope)
        host = headers.get(b"host")
        if len(headers) != len(pairs) and sum(name == b"host" for name, _ in pairs) > 1:
            return "the request has more than one Host"
        if host is not None and self._hosts and not self._is_ours(host) and scope["path"] not in OPEN:
            return (
                "the request's Host is no name of this server (a page could reach it by DNS rebinding); "
                "SWATHE_SERVING_ALLOWED_HOSTS names those it has beside localhost"
            )
        if scope["method"] not in _READING and self._is_foreign(headers, host):
            return "a page of another origin may send JSON only, and asks before; see SWATHE_SERVING_CORS_ORIGINS"
        return None

    def _matches(self, host: bytes) -> bool:
        told = host.decode("latin-1").lower()
        bare = told.rpartition(":")[0] if told.rpartition(":")[2].isdigit() else told
        names = {told, bare, bare.rstrip(".")}
        # Brackets are an IPv6 address here, and a set of characters to fnmatch.
        patterns = [pattern.replace("[", "[[]") for pattern in self._hosts]
        return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)

    def _is_foreign(self, headers: dict[bytes, bytes], host: bytes | None) -> bool:
        if is_json(headers.get(b"content-type", b"")):
            return False
        site, origin = headers.get(b"sec-fetch-site"), headers.get(b"origin")
        if origin in self._origins:
            return False
        if site is not None:
            return site.lower() not in _OWN_PAGE
        # Clients that are no browsers send neither.
        return origin is not None and origin.partition(b"://")[2].lower() != (host or b"").lower()


class RequiredKey:
    """ASGI middleware. ``refuse`` answers a request without the right key; inside CORS, as preflights carry none."""

    def __init__(self, app: ASGIApp, *, api_key: str, refuse: ASGIApp) -> None:
        self._app, self._refuse = app, refuse
        self._key = api_key.encode()

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request."""
        allowed = scope["type"] != "http" or scope["path"] in OPEN or self._has_key(headers_of(scope))
        return (self._app if allowed else self._refuse)(scope, receive, send)

    def _has_key(self, headers: Mapping[bytes, bytes]) -> bool:
        given = headers.get(b"x-api-key") or _given(headers.get(b"authorization", b""))
        return hmac.compare_digest(given, self._key)


def _given(authorization: bytes) -> bytes:
    """Return the key in the header; a browser that is asked for one sends it as a password, with any name."""
    scheme, _, rest = authorization.partition(b" ")
    if scheme.lower() != b"basic":
        return rest
    try:
        return base64.b64decode(rest, validate=True).partition(b":")[2]
    except binascii.Error:
        return b""
