"""What serving reads of a tracking server: the same facts of MLflow and of the one in memory that unit tests use."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from contract.decoding import Decoder
from contract.errors import ModelArtifactError, UnreadableAnswerError
from contract.tracking import TrackingServer
from serving.kinds.kmeans.kind import KIND
from serving.versions import registry_answers as answers
from serving.versions.cache import LocalCache
from serving.versions.loading import fetch
from serving.versions.registered import Stretch
from serving.versions.registry import RegisteredModel, Registry
from tests.memory_tracking import MemoryTracking
from tests.tracking import Tracking, artifact


@dataclass(frozen=True)
class Server:
    """A tracking server to write to and to read."""

    tracking: Tracking
    registry: Registry
    model: str


@pytest.fixture(params=["mlflow", "memory"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    if request.param == "mlflow":
        url, transport = request.getfixturevalue("services")["MLFLOW_TRACKING_URI"], None
    else:
        url, transport = "http://memory", MemoryTracking()
    tracking, registry = Tracking(url, transport), Registry(TrackingServer(url), transport=transport)
    yield Server(tracking, registry, tracking.model(f"registry-{uuid.uuid4().hex[:8]}"))
    registry.close()
    tracking.close()


def test_versions_aliases_and_artifacts_are_read_as_they_were_written(server: Server) -> None:
    tracking, registry, model = server.tracking, server.registry, server.model
    registered = registry.model(model)
    assert registered is not None and (registered.created_ms or 0) > 0
    assert registry.versions(model) == Stretch(1, ()) and registered.aliases == {} and not registered.is_restoring
    assert registry.model(f"{model}-not") is None
    assert model in registry.model_names()
    files = artifact()
    tags = {"rows": "²", "gate_reason": "x" * 5000, "note": "line\nbreak \N{SNOWMAN}", "empty": ""}
    for number in (1, 2):
        assert tracking.version(model, files, tags) == number
    tracking.alias(model, "champion", 2)
    tracking.alias(model, "previous", 1)
    tracking.tag(model, 2, "rows", "7")
    registered = registry.model(model)
    assert registered is not None and registered.aliases == {"champion": 2, "previous": 1}
    one, two = registry.versions(model).versions
    assert (one.model, one.number, one.fault) == (model, 1, None)
    assert one.tags == {"state": "ready", **tags} and two.tags == {**one.tags, "rows": "7"}
    assert one.created_ms > 0 and one.run_id != two.run_id
    location = registry.locate(one.source)
    assert registry.file_sizes(location, "swathe") == {name: len(body) for name, body in files.items()}
    assert registry.file_sizes(location, "nowhere") == {}
    for name, body in files.items():
        assert registry.download(location, name, len(body)) == body
        with pytest.raises(ModelArtifactError, match=r"bytes"):
            registry.download(location, name, len(body) - 1)
    with pytest.raises(UnreadableAnswerError, match="500"):
        registry.download(location, "swathe/not.json", 100)


@pytest.mark.parametrize("source", ["models:/m-not", "s3://elsewhere/model", "mlflow-artifacts:/1/../../x", "/etc"])
def test_an_artifact_that_is_elsewhere_is_that_version_s_fault(server: Server, source: str, tmp_path: Path) -> None:
    with pytest.raises(ModelArtifactError):
        fetch(server.registry, server.registry.locate(source), LocalCache(tmp_path), KIND)


@pytest.mark.parametrize("name", ["a'b", 'a"b', "a b\n", "\N{SNOWMAN}&=?#%2F", "x" * 200])
def test_whatever_a_model_is_called_its_versions_are_found(server: Server, name: str) -> None:
    model = server.tracking.model(f"{name}-{uuid.uuid4().hex[:8]}")
    server.tracking.version(model, {})
    server.tracking.alias(model, "champion", 1)
    registered = server.registry.model(model)
    assert registered is not None and registered.aliases == {"champion": 1}
    assert [(version.model, version.number) for version in server.registry.versions(model).versions] == [(model, 1)]
    assert model in server.registry.model_names()


def test_more_than_a_page_of_versions_is_read_or_a_stretch_of_them(server: Server) -> None:
    tracking, registry, model = server.tracking, server.registry, server.model
    for _ in range(6):
        tracking.version(model, {})

    def numbers(**asked: int) -> tuple[int, list[int]]:
        found = registry.versions(model, most=2, **asked)
        return found.first, [version.number for version in found.versions]

    assert numbers() == (1, [1, 2, 3, 4, 5, 6])
    # The newest, whatever a tag has changed last; as many pages as it takes to what is known.
    tracking.tag(model, 1, "note", "late")
    assert numbers(down_to=6) == numbers(down_to=5) == (5, [5, 6])
    assert numbers(down_to=4) == (3, [3, 4, 5, 6])
    assert numbers(below=4, down_to=3) == (2, [2, 3])
    tracking.delete(model, 2)
    # What is not among the numbers that are covered is there no more.
    assert numbers(below=4, down_to=3) == (1, [1, 3])
    assert numbers(below=1, down_to=0) == (1, [])
    runs = {version.number: version.run_id for version in registry.versions(model).versions}
    found = registry.versions_of_runs(model, [runs[5], runs[3], "0" * 32])
    assert [version.number for version in found] == [5, 3]
    tracking.delete(model)
    assert registry.model(model) is None and numbers() == (1, [])
    tracking.model(model, again=True)
    assert registry.model(model) is not None and numbers() == (1, [])


@pytest.mark.parametrize("large", [1, 3, 5])
def test_an_entry_that_is_too_large_is_alone(server: Server, large: int) -> None:
    tracking, registry = server.tracking, server.registry
    model = tracking.model(f"{server.model}-{'x' * 200}")
    for number in range(1, 6):
        tracking.version(model, {}, {"x": "y" * 9000} if number == large else {})
    tracking.alias(model, "champion", 2)
    with pytest.MonkeyPatch.context() as patch:
        for name, kind, most in (
            ("VERSIONS", answers.VersionsPage, 4000),
            ("MODELS", answers.ModelsPage, 4000),
            ("ALIASES", answers.ModelAnswer, 200),
        ):
            patch.setattr(answers, name, Decoder(kind, most_bytes=most, most_values=1000))
        found = registry.versions(model).versions
        assert [(version.number, version.fault is None) for version in found] == [(n, n != large) for n in range(1, 6)]
        assert "more than 4,000 bytes" in (found[large - 1].fault or "")
        assert registry.model(model) == RegisteredModel({"champion": 2}, is_restoring=False)
        assert model in registry.model_names()
        patch.setattr(answers, "MOST_LISTED", 1500)
        found = registry.versions(model).versions
        assert found[0].fault is not None and (found[4].fault is None) == (large != 5)
