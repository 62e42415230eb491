"""Pages that are made from the catalogue and kept until it changes."""

from __future__ import annotations

import orjson

from serving import docs_page, openapi
from serving.catalogue import Catalogue
from serving.service import Service


class Pages:
    """The OpenAPI document and the page that shows it."""

    def __init__(self, service: Service, *, with_key: bool) -> None:
        self._service, self._with_key = service, with_key
        self._made_of: Catalogue | None = None
        self._document = b""
        self.docs = docs_page.page()

    def openapi(self) -> bytes:
        """Return the OpenAPI document of what is served now."""
        catalogue = self._service.catalogue
        if self._made_of is None or self._made_of.models != catalogue.models:
            default = self._service.default_model()
            self._document = orjson.dumps(openapi.document(catalogue, default, with_key=self._with_key))
            self._made_of = catalogue
        return self._document
