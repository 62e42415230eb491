"""How connections are read: uvicorn's protocol over httptools, without what a client can do to it."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class HttpProtocol(HttpToolsProtocol):
    """Keeps trailers apart from headers: uvicorn adds a chunked body's trailers to the list that the app reads."""

    def on_headers_complete(self) -> None:
        """Begin the request with the headers that came before its body."""
        self.scope["headers"] = [*self.headers]
        super().on_headers_complete()
