"""A bound on how long the head of an answer may take: one that drips is late without one of its bytes being late."""

from __future__ import annotations

import math
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx


class HeadDeadline:
    """Reads on a client's connections end when the thread's time is up."""

    def __init__(self, http: httpx.Client) -> None:
        self._own = threading.local()
        # httpx has no way to pass a backend on and still find proxies by itself.
        for transport in [http._transport, *http._mounts.values()]:
            pool = getattr(transport, "_pool", None)
            if pool is not None:
                pool._network_backend = _Backend(pool._network_backend, self)

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Let this thread's reads take no longer than ``seconds`` together."""
        self._own.ends_at = time.monotonic() + seconds
        try:
            yield
        finally:
            self._own.ends_at = math.inf

    def check(self) -> None:
        """Raise ReadTimeout where the thread's time is up."""
        if time.monotonic() > getattr(self._own, "ends_at", math.inf):
            raise httpcore.ReadTimeout("the head of the answer took too long")


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, deadline: HeadDeadline) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._deadline.check()
        return self._stream.read(max_bytes, timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, backend: httpcore.NetworkBackend, deadline: HeadDeadline) -> None:
        self._backend, self._deadline = backend, deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(self._backend.connect_tcp(host, port, timeout, local_address, socket_options), self._deadline)
