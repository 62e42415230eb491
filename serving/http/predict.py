"""The routes that are asked with a body, bare ASGI endpoints: what a small request costs is mostly around the sums."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from contract.errors import Fault, InvalidRequestError, SwatheError, UnknownNameError
from serving.http.answering import Answering
from serving.http.bodies_within_limits import BodyReader, check_media_type, read_query
from serving.http.canary import Canary, Drawn
from serving.http.problems import from_error
from serving.kinds.kind import Kind, Posting
from serving.kinds.prediction import Answer, PredictRequest
from serving.kinds.query import refuse_unknown
from serving.metrics import Metrics
from serving.service import Service
from serving.versions.catalogue import Version

_JSON: Final = (b"content-type", b"application/json")


class Predict:
    """Answers a body, where each kind answers for its own versions; most often `predict`, the rows of it."""

    def __init__(
        self,
        postings: Mapping[str, Posting],
        service: Service,
        answering: Answering,
        *,
        bodies: BodyReader,
        canary: Canary,
        metrics: Metrics,
    ) -> None:
        self._postings, self._name = postings, next(iter(postings.values())).name
        self.path = f"/api/{{model}}/{{version}}/{self._name}"
        self._service, self._answering = service, answering
        self._bodies, self._canary, self._metrics = bodies, canary, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        scope["route_name"] = self.path
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
        numbers = drawn.version.required_numbers()
        posting = self._postings.get(numbers.kind.name)
        if posting is None:
            known = [each.name for each in numbers.kind.postings]
            within = f"{drawn.version.name} of model {drawn.version.model!r}"
            raise UnknownNameError("route", self._name, known, within=within)
        apart = bool(scope["query_string"]) and _apart(Request(scope), posting)
        check_media_type(scope)
        with self._bodies.room() as room:
            body = await self._bodies.read(scope, receive, room)
            asked = PredictRequest(body, numbers.served.predictor, drawn.version.chain_json, apart, posting=self._name)
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


def postings(kinds: Iterable[Kind]) -> list[dict[str, Posting]]:
    """Return what is asked with a body: for each route, what it is to which kind."""
    routes: dict[str, dict[str, Posting]] = {}
    for kind in kinds:
        for posting in kind.postings:
            routes.setdefault(posting.name, {})[kind.name] = posting
    return list(routes.values())


def _apart(request: Request, posting: Posting) -> bool:
    """Return whether faulty rows are to be answered apart from the others: `?on_error=null`."""
    query = read_query(request)
    if not posting.by_row:
        refuse_unknown(query)
        return False
    asked = query.get("on_error", "refuse")
    if set(query) - {"on_error"} or asked not in {"null", "refuse"}:
        problem = "known is on_error=null or on_error=refuse"
        raise InvalidRequestError(f"the query is not as it should be; {problem}", [Fault(("query",), problem)])
    return asked == "null"
