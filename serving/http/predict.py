"""The predict route, as a bare ASGI endpoint: what a small request costs is mostly what is around the arithmetic."""

from __future__ import annotations

from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from contract.errors import Fault, InvalidRequestError, SwatheError
from serving.http.answering import Answering
from serving.http.bodies_within_limits import BodyReader, check_media_type, read_query
from serving.http.canary import Canary, Drawn
from serving.http.problems import from_error
from serving.kinds.prediction import Answer, PredictRequest
from serving.metrics import Metrics
from serving.service import Service
from serving.versions.catalogue import Version

PATH: Final = "/api/{model}/{version}/predict"
_JSON: Final = (b"content-type", b"application/json")


class Predict:
    """Answers the rows of a body."""

    def __init__(
        self, service: Service, answering: Answering, *, bodies: BodyReader, canary: Canary, metrics: Metrics
    ) -> None:
        self._service, self._answering = service, answering
        self._bodies, self._canary, self._metrics = bodies, canary, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        scope["route_name"] = PATH
        try:
            answer = await self._answer(scope, receive)
        except SwatheError as error:
            await from_error(error, scope["request_id"])(scope, receive, send)
            return
        headers = [_JSON, (b"content-length", b"%d" % len(answer.body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        drawn = self._drawn(scope)
        predictor = drawn.version.required_numbers().served.predictor
        apart = bool(scope["query_string"]) and _apart(Request(scope))
        check_media_type(scope)
        with self._bodies.room() as room:
            body = await self._bodies.read(scope, receive, room)
            asked = PredictRequest(body, predictor, drawn.version.chain_json, apart)
            answer = self._answering.soon(asked) or await self._answering.later(asked)
        if answer.error is not None:
            raise answer.error
        self._metrics.predicted(drawn.version, answer.counts)
        if drawn.shadow is not None:
            ask = partial(compared, self._answering, self._bodies, asked)
            self._canary.compare_later(drawn, sum(answer.counts), ask)
        return answer

    def _drawn(self, scope: Scope) -> Drawn:
        named = scope["path_params"]
        selected = self._service.select(named["model"], named["version"])
        drawn = Drawn(selected.version)
        if selected.champion:
            model = self._service.catalogue.model(selected.version.model)
            drawn = self._canary.draw(model, selected.version, scope["request_id"])
        scope["version"] = drawn.version
        return drawn


async def compared(answering: Answering, bodies: BodyReader, asked: PredictRequest, shadow: Version) -> Answer:
    """Return of how many rows of ``asked`` the ``shadow`` gives another answer."""
    with bodies.room() as room:
        room.hold(len(asked.body))
        return await answering.answer(asked._replace(shadow=shadow.required_numbers().served.predictor))


def _apart(request: Request) -> bool:
    """Return whether faulty rows are to be answered apart from the others: `?on_error=null`."""
    query = read_query(request)
    if set(query) - {"on_error"} or query["on_error"] not in {"null", "refuse"}:
        problem = "known is on_error=null or on_error=refuse"
        raise InvalidRequestError(f"the query is not as it should be; {problem}", [Fault(("query",), problem)])
    return query["on_error"] == "null"
