"""A server of this process with a recommender of each form."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx

from serving.kinds.als.recommendation import Recommendation
from serving.kinds.prediction import PredictRequest
from tests.unit.serving.kinds.als.artifacts import Made, made
from tests.unit.serving.kinds.test_seam import Line

EXPLICIT, IMPLICIT, WHOLE = made(), made(implicit=True, seed=1), made(whole=True, seed=2)
ALS = {"kind": "als"}


class Server:
    """A model of each form, and another version of the first."""

    def __init__(self, directory: Path) -> None:
        self.line = Line(directory)
        for name, versions in (("films", (EXPLICIT, made(seed=5))), ("plays", (IMPLICIT,)), ("whole", (WHOLE,))):
            model = self.line.tracking.model(name)
            for each in versions:
                self.line.tracking.version(model, each.files, ALS)
            self.line.tracking.alias(model, "champion", 1)
        self.line.look()
        self.app = self.line._app()

    def send(self, method: str, path: str, body: bytes | None = None) -> httpx.Response:
        async def answer() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
                headers = {} if body is None else {"content-type": "application/json"}
                return await client.request(method, path, content=body, headers=headers)

        return asyncio.run(answer())

    def post(self, path: str, body: Any) -> Any:
        answer = self.send("POST", path, json.dumps(body).encode())
        assert answer.status_code == 200, answer.text
        return answer.json()

    def get(self, path: str) -> Any:
        answer = self.send("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def served(self, model: str) -> Recommendation:
        served = self.line.pickup.catalogue.models[model].versions[1].required_numbers().served
        assert isinstance(served, Recommendation)
        return served


def ratings_of(of: Made, user: int) -> list[dict[str, Any]]:
    return [{"item": of.items[place], "rating": rating} for place, rating in of.given[user].items()]


def best(of: Made, user: int, n: int, exclude: Any) -> list[str]:
    return [of.items[place] for place, _ in of.scorer.recommend(of.scorer.recommender.user_factors[user], n, exclude)]


def asked(body: bytes, **options: Any) -> PredictRequest:
    nobody: Any = None
    return PredictRequest(body, nobody, b'"model":"films"}', posting="recommend", **options)
