"""What is made from the whole catalogue, or from all that was counted: in a thread, and kept as bytes where it can be.

A thousand versions take half a second, in which the event loop answers others.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import orjson

from serving.kinds.kind import Kind
from serving.metrics import Metrics
from serving.pages import docs_page, openapi
from serving.pages.inference_documents import repository_index
from serving.service import Service
from serving.versions.catalogue import Catalogue, ServedModel


class Pages:
    """The OpenAPI documents, the lists of all versions, the metrics. Lives on the event loop, works in one thread.

    ``base`` is the path below which a document is shown.
    """

    def __init__(self, service: Service, metrics: Metrics, kinds: Mapping[str, Kind], *, with_key: bool) -> None:
        self._service, self._metrics, self._kinds, self._with_key = service, metrics, kinds, with_key
        self._thread = ThreadPoolExecutor(1, "pages")
        self._kept: dict[str, tuple[Mapping[str, ServedModel], bytes]] = {}
        self._making: dict[str, asyncio.Future[bytes]] = {}
        self._client_document = orjson.dumps(openapi.client_document(kinds, with_key=with_key))

    async def openapi(self, base: str = "") -> bytes:
        """Return the OpenAPI document of what is served now."""
        return _below(await self._of_catalogue("openapi", self._document), base)

    def openapi_client(self, base: str) -> bytes:
        """Return the OpenAPI document with one operation per route."""
        return _below(self._client_document, base)

    @staticmethod
    def docs(base: str) -> bytes:
        """Return the page of the first document."""
        return docs_page.page(base)

    async def models(self) -> bytes:
        """Return all models with their versions and aliases."""
        return await self._of_catalogue("models", lambda _: self._service.models())

    async def index(self, *, only_ready: bool) -> bytes:
        """Return every version with its state, as the Open Inference Protocol lists them."""
        return await self._of_catalogue(f"index {only_ready}", partial(repository_index, only_ready=only_ready))

    async def metrics(self) -> bytes:
        """Return what was counted."""
        return await self._once("metrics", self._metrics.text)

    def _document(self, catalogue: Catalogue) -> Any:
        return openapi.document(catalogue, self._service.default_model(), self._kinds, with_key=self._with_key)

    async def _of_catalogue(self, name: str, make: Callable[[Catalogue], Any]) -> bytes:
        models, body = self._kept.get(name, (None, b""))
        # The catalogue is a new one at every look at the registry: whether it is another one is found in the thread.
        if models is self._service.catalogue.models:
            return body
        return await self._once(name, partial(self._remade, name, make))

    def _remade(self, name: str, make: Callable[[Catalogue], Any]) -> bytes:
        catalogue = self._service.catalogue
        models, body = self._kept.get(name, (None, b""))
        if models != catalogue.models:
            with _no_collection():
                body = _dumped(make(catalogue))
        self._kept[name] = (catalogue.models, body)
        return body

    async def _once(self, name: str, work: Callable[[], bytes]) -> bytes:
        """Return what ``work`` makes; all who ask meanwhile get the same."""
        making = self._making.get(name)
        if making is None:
            making = self._making[name] = asyncio.get_running_loop().run_in_executor(self._thread, work)
            making.add_done_callback(partial(self._made, name))
        return await asyncio.shield(making)

    def _made(self, name: str, future: asyncio.Future[bytes]) -> None:
        del self._making[name]
        if not future.cancelled():
            # Looked at, so that asyncio does not complain of one that nobody waited for.
            future.exception()


def _below(document: bytes, base: str) -> bytes:
    """Return ``document`` with the server's address; none is the root, as OpenAPI has it."""
    return b'{"servers":[{"url":"%s"}],' % base.encode() + document[1:] if base else document


def _dumped(made: Any) -> bytes:
    """Return ``made`` as JSON, and take it apart: encoding and freeing it whole would be two long steps."""
    if not isinstance(made, dict) or "paths" not in made:
        return orjson.dumps(made)
    paths = made.pop("paths")
    parts = [orjson.dumps(path) + b":" + orjson.dumps(paths.pop(path)) for path in list(paths)]
    return orjson.dumps(made)[:-1] + b',"paths":{' + b",".join(parts) + b"}}"


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the garbage collector away, which would look through a million new objects in one long step."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
