"""What nobody foresaw is counted and answered as what it is."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serving.http.observed import Observed
from serving.http.problems import unexpected
from serving.kinds.installed import kinds
from serving.metrics import Metrics
from serving.versions.catalogue import Catalogue


async def _broken(_request: Request) -> Response:
    raise RuntimeError("nobody foresaw this")


def test_an_unforeseen_error_is_a_500_in_the_answer_the_count_and_the_log(caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics(Catalogue, kinds())
    app = Starlette(routes=[Route("/broken", _broken)], exception_handlers={Exception: unexpected})
    app.add_middleware(Observed, metrics=metrics, log_all=False)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            return await client.get("/broken")

    answer = asyncio.run(ask())
    assert answer.status_code == 500
    assert answer.json()["request_id"] in caplog.text
    assert 'swathe_requests_total{code="500"' in metrics.text().decode()
    assert "code=500" in caplog.text and "code=499" not in caplog.text
