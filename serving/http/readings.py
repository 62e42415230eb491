"""The routes of kinds that are read: of a version by its path, and of the default model by a short one."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from contract.errors import UnknownNameError
from serving.http.admission import Admission
from serving.http.bodies_within_limits import read_query
from serving.http.codings import prefers
from serving.http.compressed import coding_for
from serving.http.conditional import entity_tag, has_already
from serving.kinds.kind import Asked, Kind, Reading
from serving.service import Service
from serving.stored_rows.range_cache import RangeCache
from serving.versions.catalogue import Version

# A shared cache must not give lines for a page, nor hand out without a key what it got with one.
_VARY: Final = "Accept, Accept-Encoding, X-API-Key, Authorization"
# Not for ever, even of a fixed version: a model that is deleted and made anew has the same paths.
_REVALIDATED: Final = "no-cache"

NDJSON: Final = "application/x-ndjson"


class Readings:
    """The endpoints of what all kinds have to read; at one path, each kind answers for its own versions."""

    def __init__(
        self,
        service: Service,
        kinds: Mapping[str, Kind],
        stored: RangeCache,
        *,
        slow: Admission,
        exports: Admission,
    ) -> None:
        self._service, self._kinds, self._stored = service, kinds, stored
        self._slow, self._exports = slow, exports

    def table(self) -> list[tuple[str, Callable[[Request], Awaitable[Response]]]]:
        """Return path and endpoint of each."""
        paths: dict[str, dict[str, Reading]] = {}
        for kind in self._kinds.values():
            for reading in kind.readings:
                paths.setdefault(reading.path, {})[kind.name] = reading
        return [
            (base + path, partial(self._read, path, by_kind))
            for base in ("/api", "/api/{model}/{version}")
            for path, by_kind in paths.items()
        ]

    async def _read(self, path: str, by_kind: Mapping[str, Reading], request: Request) -> Response:
        version = self._selected(request)
        query = read_query(request) if any(reading.has_query for reading in by_kind.values()) else {}
        numbers = version.required_numbers()
        reading = by_kind.get(numbers.kind.name)
        if reading is None:
            known = [each.path for each in numbers.kind.readings]
            raise UnknownNameError("route", path, known, within=f"{version.name} of model {version.model!r}")
        asked = Asked(version, numbers.served, request.path_params, query, self._stored)
        if reading.lines is not None and prefers(accepted(request), NDJSON, "application/json"):
            return await self._export(partial(reading.lines, asked))
        return _stored(request, await self._slow.in_thread(partial(_answered, reading, asked)))

    async def _export(self, lines: Callable[[], Iterator[bytes]]) -> Response:
        with contextlib.ExitStack() as place:
            place.enter_context(self._exports.one())
            return _Export(await self._slow.in_thread(lines), place.pop_all())

    def _selected(self, request: Request) -> Version:
        named = request.path_params
        if "version" in named:
            selected = self._service.select(named["model"], named["version"])
        else:
            selected = self._service.select_default()
        request.scope["version"] = selected.version
        return selected.version


class _Export(StreamingResponse):
    """Lines that hold a place until the last one is sent, or the client is gone."""

    def __init__(self, lines: Iterator[bytes], place: contextlib.ExitStack) -> None:
        super().__init__(lines, media_type=NDJSON, headers={"vary": _VARY})
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them."""
        with self._place:
            await super().__call__(scope, receive, send)


def _answered(reading: Reading, asked: Asked) -> bytes:
    return orjson.dumps({**reading.answer(asked), **asked.version.chain})


def _stored(request: Request, body: bytes) -> Response:
    """Answer with what may be kept, and asked for again by its tag."""
    tag = entity_tag(body, coding_for(request.scope, len(body)))
    headers = {"etag": tag, "cache-control": _REVALIDATED, "vary": _VARY}
    if has_already(request.headers.getlist("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def accepted(request: Request) -> str:
    """Return what the client takes."""
    return ",".join(request.headers.getlist("accept"))
