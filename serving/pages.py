"""Pages that are made from the catalogue and kept until it changes."""

from __future__ import annotations

import orjson

from serving import docs_page, openapi
from serving.catalogue import Catalogue
from serving.service import Service


class Pages:
    """The OpenAPI documents and the page that shows one; ``base`` is the path below which they are shown."""

    def __init__(self, service: Service, *, with_key: bool) -> None:
        self._service, self._with_key = service, with_key
        self._made_of: Catalogue | None = None
        self._document = b""
        self._client_document = orjson.dumps(openapi.client_document(with_key=with_key))

    def openapi(self, base: str) -> bytes:
        """Return the OpenAPI document of what is served now."""
        catalogue = self._service.catalogue
        if self._made_of is None or self._made_of.models != catalogue.models:
            default = self._service.default_model()
            self._document = orjson.dumps(openapi.document(catalogue, default, with_key=self._with_key))
            self._made_of = catalogue
        return _below(self._document, base)

    def openapi_client(self, base: str) -> bytes:
        """Return the OpenAPI document with one operation per route."""
        return _below(self._client_document, base)

    @staticmethod
    def docs(base: str) -> bytes:
        """Return the page."""
        return docs_page.page(base)


def _below(document: bytes, base: str) -> bytes:
    """Return ``document`` with the server's address; none is the root, as OpenAPI has it."""
    return b'{"servers":[{"url":"%s"}],' % base.encode() + document[1:] if base else document
