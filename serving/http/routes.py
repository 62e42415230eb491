"""HTTP: paths to the service, and its answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import orjson
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from contract.errors import SwatheError
from serving.http.admission import Admission
from serving.http.answering import Answering
from serving.http.base_path import HEADER, base_of
from serving.http.bodies_within_limits import BodyReader
from serving.http.canary import Canary
from serving.http.codings import prefers
from serving.http.compressed import Compressed
from serving.http.predict import Predict, postings
from serving.http.problems import from_error, request_id_of
from serving.http.readings import Readings, accepted
from serving.http.whole_path import WholePathRoute
from serving.kinds.kind import Kind
from serving.metrics import CONTENT_TYPE as METRICS_TYPE
from serving.metrics import Metrics
from serving.pages import docs_page
from serving.pages.kept import Pages
from serving.pages.ui import page as ui_page
from serving.pages.ui.page import UserInterface
from serving.service import Service
from serving.stored_rows.range_cache import RangeCache

_COMPRESSED: Final = (Middleware(Compressed),)

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Parts:
    """What the endpoints work with."""

    service: Service
    kinds: Mapping[str, Kind]
    stored: RangeCache
    answering: Answering
    metrics: Metrics
    pages: Pages
    user_interface: UserInterface
    slow: Admission
    exports: Admission
    bodies: BodyReader
    canary: Canary


class Routes:
    """The endpoints over one service."""

    def __init__(self, parts: Parts) -> None:
        self._service, self._slow, self._kinds = parts.service, parts.slow, parts.kinds.values()
        self._pages, self._user_interface = parts.pages, parts.user_interface
        self._predicts = [
            Predict(
                by_kind, parts.service, parts.answering, bodies=parts.bodies, canary=parts.canary, metrics=parts.metrics
            )
            for by_kind in postings(parts.kinds.values())
        ]
        self._readings = Readings(parts.service, parts.kinds, parts.stored, slow=parts.slow, exports=parts.exports)

    def table(self) -> list[BaseRoute]:
        """Return the routes, the most used first; none is added per version."""
        return [
            *(WholePathRoute(each.path, each, methods=["POST"], include_in_schema=False) for each in self._predicts),
            _route("/health/live", self.live),
            _route("/health/ready", self.ready),
            _route("/metrics", self.metrics),
            _route("/api/models", self.models),
            *(_route(path, endpoint) for path, endpoint in self._readings.table()),
            _route("/openapi.json", self.openapi),
            _route("/openapi-client.json", self.openapi_client),
            _route("/docs", self.docs),
            _route("/", self.home),
            _route("/api", self.home),
            _route("/ui", self.user_interface),
            _route("/ui/{model}", self.user_interface),
            docs_page.assets(),
            *ui_page.assets(self._kinds),
        ]

    async def models(self, _request: Request) -> Response:
        """Return all models and versions."""
        listed = await self._pages.models()
        return Response(listed, media_type="application/json", headers={"cache-control": "no-cache"})

    async def live(self, _request: Request) -> Response:
        """Return that the process answers."""
        return _json({"status": "live"})

    async def ready(self, _request: Request) -> Response:
        """Return whether the registry was read, and how old that picture is."""
        self._service.require_ready()
        return _json({"status": "ready", **self._service.freshness()})

    async def metrics(self, _request: Request) -> Response:
        """Return what was counted."""
        return Response(await self._pages.metrics(), headers={"content-type": METRICS_TYPE})

    async def openapi(self, request: Request) -> Response:
        """Return the OpenAPI document of this moment."""
        return _below(await self._pages.openapi(base_of(request.scope)), "application/json")

    async def openapi_client(self, request: Request) -> Response:
        """Return the OpenAPI document with one operation per route, for generated clients."""
        return _below(self._pages.openapi_client(base_of(request.scope)), "application/json")

    async def docs(self, request: Request) -> Response:
        """Return the OpenAPI page."""
        return _below(self._pages.docs(base_of(request.scope)), "text/html")

    async def user_interface(self, request: Request) -> Response:
        """Return the page of a model for people."""
        page = partial(self._user_interface.page, request.path_params.get("model"), base_of(request.scope))
        return _html(await self._slow.in_thread(page))

    async def home(self, request: Request) -> Response:
        """Return where to go from here."""
        base = base_of(request.scope)
        if prefers(accepted(request), "text/html", "application/json"):
            return _html(self._user_interface.home(base))
        return _json(self._service.signposts(base), vary=f"Accept, {HEADER}")


def _route(path: str, endpoint: Endpoint, method: str = "GET") -> WholePathRoute:
    async def guarded(request: Request) -> Response:
        request.scope["route_name"] = path
        try:
            return await endpoint(request)
        except SwatheError as error:
            return from_error(error, request_id_of(request))

    return WholePathRoute(path, guarded, methods=[method], name=path, include_in_schema=False, middleware=_COMPRESSED)


def _below(document: bytes, media_type: str) -> Response:
    """Answer with a document whose links begin with the base path of the request."""
    return Response(document, media_type=media_type, headers={"cache-control": "no-cache", "vary": HEADER})


def _json(answer: Any, **headers: str) -> Response:
    return Response(orjson.dumps(answer), headers=headers, media_type="application/json")


def _html(page: bytes) -> Response:
    return Response(page, media_type="text/html", headers={**ui_page.HEADERS, "vary": f"Accept, {HEADER}"})
