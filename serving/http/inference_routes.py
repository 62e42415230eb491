"""The Open Inference Protocol over HTTP. Without a version in the path, the champion answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from contract.errors import Fault, InvalidRequestError, MalformedRequestError, SwatheError
from serving.http.canary import Drawn
from serving.http.predict import compared
from serving.http.problems import from_error, request_id_of
from serving.http.routes import Parts
from serving.http.whole_path import WholePathRoute
from serving.kinds.prediction import PredictRequest, Tensors
from serving.pages import inference_documents
from serving.versions.catalogue import Version

_HEADER_LENGTH: Final = "inference-header-content-length"
# An index is asked for with one field.
_INDEX_BYTES: Final = 4096


class InferenceRoutes:
    """The endpoints under /v2."""

    def __init__(self, parts: Parts) -> None:
        self._service, self._metrics, self._canary = parts.service, parts.metrics, parts.canary
        self._answering, self._bodies, self._pages = parts.answering, parts.bodies, parts.pages

    def table(self) -> list[BaseRoute]:
        """Return the routes."""
        routes: list[BaseRoute] = [
            _route("/v2", self.server),
            _route("/v2/health/live", self.live),
            _route("/v2/health/ready", self.ready),
            _route("/v2/repository/index", self.index, "POST"),
        ]
        for base in ("/v2/models/{model}/versions/{version}", "/v2/models/{model}"):
            routes += [
                _route(f"{base}/infer", self.infer, "POST"),
                _route(f"{base}/ready", self.model_ready),
                _route(base, self.metadata),
            ]
        return routes

    async def infer(self, request: Request) -> Response:
        """Answer the rows of a tensor."""
        drawn = self._drawn(request)
        version = drawn.version
        predictor = version.required_numbers().served.predictor
        tensors = Tensors(_header_length(request), version.chain)
        with self._bodies.room() as room:
            body = await self._bodies.read(request.scope, request.receive, room)
            asked = PredictRequest(body, predictor, version.chain_json, tensors=tensors)
            answer = await self._answering.answer(asked)
        if answer.error is not None:
            raise answer.error
        self._metrics.predicted(version, answer.counts)
        if drawn.shadow is not None:
            ask = partial(compared, self._answering, self._bodies, asked)
            self._canary.compare_later(drawn, sum(answer.counts), ask)
        if answer.json_bytes is None:
            return Response(answer.body, media_type="application/json")
        headers = {_HEADER_LENGTH: str(answer.json_bytes)}
        return Response(answer.body, media_type="application/octet-stream", headers=headers)

    async def metadata(self, request: Request) -> Response:
        """Return the tensors of a version."""
        version = self._version(request)
        return _json(inference_documents.model_metadata(self._service.catalogue.model(version.model), version))

    async def model_ready(self, request: Request) -> Response:
        """Return that a version is ready."""
        version = self._version(request)
        version.required_numbers()
        return _json({"name": version.model, "ready": True})

    async def index(self, request: Request) -> Response:
        """Return every version with its state."""
        with self._bodies.room() as room:
            body = await self._bodies.read(request.scope, request.receive, room, _INDEX_BYTES)
        return Response(await self._pages.index(only_ready=_only_ready(body)), media_type="application/json")

    async def server(self, _request: Request) -> Response:
        """Return who answers."""
        return _json(inference_documents.server_metadata())

    async def live(self, _request: Request) -> Response:
        """Return that the process answers."""
        return _json({"live": True})

    async def ready(self, _request: Request) -> Response:
        """Return whether the registry was read."""
        self._service.require_ready()
        return _json({"ready": True})

    def _drawn(self, request: Request) -> Drawn:
        version = self._version(request)
        if "version" in request.path_params:
            return Drawn(version)
        drawn = self._canary.draw(self._service.catalogue.model(version.model), version, request_id_of(request))
        request.scope["version"] = drawn.version
        return drawn

    def _version(self, request: Request) -> Version:
        named = request.path_params
        version = self._service.select(
            named["model"], f"v{named['version']}" if "version" in named else "champion"
        ).version
        request.scope["version"] = version
        return version


def _route(path: str, endpoint: Callable[[Request], Awaitable[Response]], method: str = "GET") -> BaseRoute:
    async def guarded(request: Request) -> Response:
        request.scope["route_name"] = path
        try:
            return await endpoint(request)
        except SwatheError as error:
            return from_error(error, request_id_of(request), protocol=True)

    return WholePathRoute(path, guarded, methods=[method], name=path, include_in_schema=False)


def _header_length(request: Request) -> int | None:
    told = request.headers.get(_HEADER_LENGTH)
    if told is None:
        return None
    if not (told.isascii() and told.isdigit() and len(told) < 12):
        raise InvalidRequestError(f"{_HEADER_LENGTH} must be a number", [Fault((_HEADER_LENGTH,), "must be a number")])
    return int(told)


def _only_ready(body: bytes) -> bool:
    if not body.strip():
        return False
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedRequestError("the body is not JSON") from error
    if not isinstance(asked, dict) or not isinstance(asked.get("ready", False), bool):
        raise InvalidRequestError('the body must be {"ready": true} or {}', [Fault(("ready",), "must be a boolean")])
    return bool(asked.get("ready", False))


def _json(answer: Any) -> Response:
    return Response(orjson.dumps(answer), media_type="application/json")
