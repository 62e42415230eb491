"""A kind of another sort, in a server of this process: its files, routes, documents and counts beside KMeans'."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from starlette.applications import Starlette

from contract.errors import Fault, InvalidRequestError, ModelArtifactError
from contract.tracking import TrackingServer
from serving.http.admission import Admission
from serving.http.answering import Answering
from serving.http.bodies_within_limits import BodyBudget, BodyReader
from serving.http.canary import Canary
from serving.http.inference_routes import InferenceRoutes
from serving.http.observed import Observed
from serving.http.routes import Parts, Routes
from serving.kinds.installed import kinds
from serving.kinds.kind import ArtifactFile, Asked, Counted, Kind, PagePart, Posting, Reading
from serving.kinds.litserve_api import Predictions
from serving.kinds.openapi_words import STRING, array_of, object_of, query_parameter, ref
from serving.kinds.prediction import Answer, PredictRequest
from serving.kinds.query import refuse_unknown
from serving.metrics import Metrics
from serving.pages.kept import Pages
from serving.pages.ui.page import UserInterface
from serving.service import Service
from serving.versions.cache import LocalCache
from serving.versions.pickup import Pickup
from serving.versions.registry import Registry
from tests.memory_tracking import MemoryTracking
from tests.tracking import Tracking, artifact

WORDS = "swathe/words.json"


class Greeter(NamedTuple):
    """Answers a name with each of its words."""

    words: tuple[str, ...]

    def decode(self, request: PredictRequest) -> str:
        name = json.loads(request.body)
        if request.tensors is not None:
            name = name["inputs"][0]["data"][0]
        if not isinstance(name, str):
            raise InvalidRequestError("no name", [Fault(("body",), "must be a name")])
        return name

    def decode_soon(self, request: PredictRequest) -> str:
        return self.decode(request)

    def predict(self, request: PredictRequest, decoded: str) -> list[str]:
        return [f"{word} {decoded}{'!' * (request.posting == 'shout')}" for word in self.words]

    def encode(self, request: PredictRequest, predicted: list[str]) -> Answer:
        if request.tensors is not None:
            tensor = {"name": "greeting", "datatype": "BYTES", "shape": [len(predicted)], "data": predicted}
            chain = request.tensors.chain
            told = {"model_name": chain["model"], "model_version": str(chain["version"]), "outputs": [tensor]}
            return Answer(json.dumps(told).encode(), (1,))
        return Answer(json.dumps({"greetings": predicted}).encode()[:-1] + b"," + request.chain_json, (1,))


@dataclass(frozen=True)
class Greetings:
    """A loaded version."""

    predictor: Greeter
    inputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def example(self) -> Mapping[str, Any]:
        return {}

    @property
    def described(self) -> Mapping[str, Any]:
        return {"words": len(self.predictor.words), "state": "mine", "path": "/mine"}

    @property
    def outputs(self) -> list[dict[str, Any]]:
        return [{"name": "greeting", "datatype": "BYTES", "shape": [-1]}]

    def takes_the_rows_of(self, other: object) -> bool:
        return isinstance(other, Greetings)


def _words(asked: Asked) -> Mapping[str, Any]:
    refuse_unknown(asked.query)
    return {"words": asked.served.predictor.words}


def _lines(asked: Asked) -> Iterator[bytes]:
    return (word.encode() + b"\n" for word in asked.served.predictor.words)


def _shown(ready: Any) -> Mapping[str, Any]:
    words = [word for version in ready for word in version.numbers.served.predictor.words]
    return {"words": words, "versions": "", "lines": None, "models": [], "scripts": ["/elsewhere.js"]}


@dataclass(frozen=True)
class GreeterKind:
    """The kind."""

    name: str = "greeter"
    platform: str = "greeter"
    files = (ArtifactFile(WORDS, 1000),)
    # Names of the server's own, which it does not get.
    counted = Counted("swathe_rows", "Greetings", "word")
    described = {"words": {"type": ["integer", "null"]}, "state": {"const": "mine"}}  # noqa: RUF012 - a constant
    schemas = {"Greetings": object_of({"greetings": array_of(STRING)}), "Problem": STRING}  # noqa: RUF012 - a constant
    # The files have the names of the clusterings' own.
    page = PagePart(
        Path(__file__).parent / "greeter", "clusters.html", _shown, ("clusters.js",), (("Word", "A greeting"),),
        ("clusters.css",),
    )  # fmt: skip
    outputs = ("greeting",)
    postings = (
        Posting("predict", "A greeting", "Greetings", lambda _: {"schema": STRING}, by_row=False),
        Posting("shout", "A loud greeting", "Greetings", lambda _: {"schema": STRING}, by_row=False),
    )
    readings = (
        Reading("/words", _words, name="words", summary="The words of {who}", schema="Greetings",
                problems=("404", "409"), lines=_lines, has_query=True, signpost="words"),
        Reading("/cluster-stats", _words, name="statistics", summary="The words of {who}, counted", schema="Greetings",
                problems=("404", "502"), parameters=lambda _: [query_parameter("letter", STRING, "Only with it")]),
    )  # fmt: skip

    def load(self, bodies: Mapping[str, bytes]) -> Greetings:
        words = json.loads(bodies[WORDS])
        if not words:
            raise ModelArtifactError(f"{WORDS} has no words")
        return Greetings(Greeter(tuple(words)))


BOTH: Mapping[str, Kind] = {**kinds(), "greeter": GreeterKind()}


class Line:
    """A registry in memory, and a server over it."""

    def __init__(self, directory: Path) -> None:
        memory = MemoryTracking()
        self.tracking = Tracking("http://memory", memory)
        cache = LocalCache(directory)
        cache.prepare()
        registry = Registry(TrackingServer("http://memory"), transport=memory)
        self.pickup = Pickup(registry, cache, BOTH, models=(), poll_s=1, grace_s=60)
        self.directory = directory
        self.stored: Any = None

    def look(self) -> None:
        while self.pickup.look():
            pass
        self.pickup.complete = True

    def ask(self, *asked: tuple[str, str, Any]) -> list[httpx.Response]:
        """Ask method, path and body, of one server."""

        async def answers() -> list[httpx.Response]:
            transport = httpx.ASGITransport(self._app())
            async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
                return [await client.request(method, path, json=body) for method, path, body in asked]

        return asyncio.run(answers())

    def _app(self) -> Starlette:
        service = Service(self.pickup, BOTH, None, "http://mlflow")
        metrics = Metrics(lambda: self.pickup.catalogue, BOTH)
        nobody: Any = None
        slow = Admission(8, 10)
        parts = Parts(
            service, BOTH, self.stored, Answering(Predictions(self.directory), nobody, slow), metrics,
            Pages(service, metrics, BOTH, with_key=False), UserInterface(service, BOTH), slow, slow,
            BodyReader(10_000, 10, BodyBudget(100_000)), Canary(0.0, "send", metrics),
        )  # fmt: skip
        app = Starlette(routes=[*Routes(parts).table(), *InferenceRoutes(parts).table()])
        app.add_middleware(Observed, metrics=metrics, log_all=False)
        return app


@pytest.fixture
def line(tmp_path: Path) -> Line:
    made = Line(tmp_path)
    made.tracking.version(made.tracking.model("flights"), artifact())
    model = made.tracking.model("hello")
    for words in (["Hello", "Good day"], [], ["Hi"]):
        made.tracking.version(model, {WORDS: json.dumps(words).encode()}, {"kind": "greeter"})
    made.tracking.alias(model, "champion", 1)
    made.look()
    return made


def test_each_kind_answers_for_its_own_versions(line: Line) -> None:
    said, loud, words, odd, other, mine, broken = line.ask(
        ("POST", "/api/hello/v3/predict", "Ada"),
        ("POST", "/api/hello/champion/shout", "Ada"),
        ("GET", "/api/hello/v1/words", None),
        ("POST", "/api/hello/v1/predict", 5),
        ("GET", "/api/hello/v1/clustering-results", None),
        ("POST", "/api/flights/v1/shout", "Ada"),
        ("GET", "/api/hello/v2/words", None),
    )
    assert said.json()["greetings"] == ["Hi Ada"] and said.json()["version"] == 3
    assert loud.json()["greetings"] == ["Hello Ada!", "Good day Ada!"] and loud.json()["model"] == "hello"
    assert words.json()["words"] == ["Hello", "Good day"] and words.json()["batch"] == 1 and words.headers["etag"]
    assert odd.status_code == 422
    assert other.status_code == 404 and "/words" in other.json()["message"]
    assert mine.status_code == 404 and "predict" in mine.json()["message"]
    assert broken.status_code == 409 and "has no words" in broken.json()["message"]


def test_queries_and_short_paths_are_the_kind_s(line: Line) -> None:
    lines, unknown, apart, short, home = line.ask(
        ("GET", "/api/hello/v1/words?x=1", None),
        ("GET", "/api/hello/v1/words?a=1&a=2", None),
        ("POST", "/api/hello/v1/predict?on_error=null", "Ada"),
        ("GET", "/api/words", None),
        ("GET", "/", None),
    )
    assert (lines.status_code, unknown.status_code, apart.status_code) == (422, 422, 422)
    # The default model is a clustering.
    assert short.status_code == 404 and "/cluster-stats" in short.json()["message"]
    assert "words" not in home.json() and home.json()["cluster statistics"] == "/api/cluster-stats"


def test_documents_and_counts_have_both(line: Line) -> None:
    listed, openapi, client, metrics = line.ask(
        ("GET", "/api/models", None),
        ("GET", "/openapi.json", None),
        ("GET", "/openapi-client.json", None),
        ("GET", "/metrics", None),
    )
    told = {model["name"]: model["versions"][0] for model in listed.json()}
    assert [(each["clusters"], each["words"]) for each in (told["flights"], told["hello"])] == [(4, None), (None, 2)]
    assert (told["hello"]["state"], told["hello"]["path"]) == ("ready", "/api/hello/v1")
    schemas = openapi.json()["components"]["schemas"]
    assert schemas["Problem"]["type"] == "object"
    assert "enum" in schemas["Models"]["items"]["properties"]["versions"]["items"]["properties"]["state"]
    paths = openapi.json()["paths"]
    assert "/api/hello/champion/shout" in paths and "/api/hello/v1/words" in paths
    assert "/api/flights/v1/shout" not in paths and "/api/hello/v1/clustering-results" not in paths
    assert paths["/api/hello/v1/shout"]["post"]["parameters"] == []
    predict = client.json()["paths"]["/api/{model}/{version}/predict"]["post"]
    bodies = predict["requestBody"]["content"]["application/json"]["schema"]["anyOf"]
    assert {"The cluster of each row", "A greeting"} <= set(predict["summary"].split("; ")) and STRING in bodies
    stats = client.json()["paths"]["/api/{model}/{version}/cluster-stats"]["get"]
    assert stats["summary"] == "Statistics per cluster of a version; The words of a version, counted"
    answers = stats["responses"]["200"]["content"]["application/json"]["schema"]
    assert answers == {"anyOf": [ref("ClusterStatistics"), ref("Greetings")]}
    assert [each["name"] for each in stats["parameters"]] == ["model", "version", "letter"]
    assert {"404", "409", "502"} <= stats["responses"].keys() and stats["operationId"] == "version_statistics"
    short = client.json()["paths"]["/api/cluster-stats"]["get"]
    assert short["responses"]["200"]["content"]["application/json"]["schema"] == answers
    own = paths["/api/hello/v1/cluster-stats"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert own == ref("Greetings")
    assert {"Greetings", "Predictions"} <= openapi.json()["components"]["schemas"].keys()
    assert metrics.status_code == 200


def test_the_page_of_a_model_has_its_kind_s_part_and_scripts(line: Line) -> None:
    # A version of another kind, which training never makes, is listed and left out of what is drawn.
    line.tracking.version("hello", artifact())
    line.tracking.version("hello", {WORDS: b'["<Hey>"]'}, {"kind": "greeter"})
    line.look()
    own, other, script, theirs, style = line.ask(
        ("GET", "/ui/hello", None),
        ("GET", "/ui/flights", None),
        ("GET", "/ui-assets/greeter/clusters.js", None),
        ("GET", "/ui-assets/kmeans/clusters.js", None),
        ("GET", "/ui-assets/greeter/clusters.css", None),
    )
    assert (
        "<p>Good day</p>" in own.text
        and "<p>&lt;Hey&gt;</p>" in own.text
        and '"/ui-assets/greeter/clusters.js"' in own.text
    )
    assert '<link rel="stylesheet" href="/ui-assets/greeter/clusters.css">' in own.text
    # What fills a kind's part does not reach the page around it.
    assert "elsewhere.js" not in own.text and "/ui/flights" in own.text
    assert own.text.count('<th scope="row">v') == 5 and "A greeting" in own.text and "Profiles" not in own.text
    assert "Profiles" in other.text and "Greetings" not in other.text and "/ui-assets/greeter" not in other.text
    assert (
        "greetings" in script.text
        and "show(row" in theirs.text
        and style.headers["content-type"].startswith("text/css")
    )


def test_the_inference_protocol_asks_any_kind(line: Line) -> None:
    tensor = {"name": "rows", "datatype": "BYTES", "shape": [1], "data": ["Ada"]}
    said, champion, shown, broken, odd, openapi = line.ask(
        ("POST", "/v2/models/hello/versions/3/infer", {"inputs": [tensor]}),
        ("POST", "/v2/models/hello/infer", {"inputs": [tensor]}),
        ("GET", "/v2/models/hello/versions/1", None),
        ("POST", "/v2/models/hello/versions/2/infer", {"inputs": [tensor]}),
        ("POST", "/v2/models/hello/infer", {"inputs": [tensor | {"data": [5]}]}),
        ("GET", "/openapi.json", None),
    )
    assert said.json()["outputs"][0]["data"] == ["Hi Ada"] and said.json()["model_version"] == "3"
    assert champion.json()["outputs"][0]["data"] == ["Hello Ada", "Good day Ada"]
    assert (shown.json()["platform"], shown.json()["outputs"][0]["name"]) == ("greeter", "greeting")
    assert broken.status_code == 409 and "has no words" in broken.json()["error"]
    assert odd.status_code == 422 and odd.json()["error"] == "no name"
    infer = openapi.json()["paths"]["/v2/models/hello/versions/3/infer"]["post"]
    assert infer["summary"] == "A greeting, by v3 of hello"


def test_rows_are_counted_without_outcomes(line: Line) -> None:
    asked = [("POST", "/api/hello/v1/predict", "Ada")] * 3 + [("GET", "/metrics", None)]
    text = line.ask(*asked)[-1].text
    assert 'swathe_rows_total{model="hello",version="1"} 3.0' in text
    assert not [line for line in text.splitlines() if line.startswith("swathe_predictions") and "hello" in line]


def test_nothing_outside_the_kinds_speaks_of_one() -> None:
    serving = Path(__file__).parents[4] / "serving"
    words = re.compile(r"kmeans|cluster|centroid", re.IGNORECASE)
    texts = [path for suffix in ("py", "html", "js") for path in serving.rglob(f"*.{suffix}")]
    found = [path for path in texts if serving / "kinds" not in path.parents and words.search(path.read_text("utf-8"))]
    assert len(texts) > 60 and not found
