"""What attempts at the same batch leave in MLflow: one run, as if it had been tried once. Spark is stood for here."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import mlflow
import numpy as np
import pytest
from mlflow.entities import Run
from mlflow.models import Model as MlflowModel

from contract.errors import AccessDeniedError, ModelArtifactError, ServiceDownError, StopError, SwatheError
from contract.lineage import Lineage, Transition
from contract.model_version import TAG_STATE
from pipeline.stream_file import load_stream
from pipeline.train import version_builder as build
from pipeline.train.kinds.clusters import clustering, describe
from pipeline.train.kinds.clusters.clustering import TRANSITIONS_FILE
from pipeline.train.kinds.clusters.comparison import Comparison
from pipeline.train.kinds.clusters.drift import Profile
from pipeline.train.kinds.clusters.numbers import Numbers
from pipeline.train.kinds.kind import Opened
from pipeline.train.kinds.kmeans.kind import KMeansKind
from pipeline.train.mlflow_client.runs import TAG_ATTEMPTS, TAG_ERROR, TAG_OWNER, Runs
from pipeline.train.mlflow_client.upload import ArtifactStore
from pipeline.train.publish.plan import Action, Step
from pipeline.train.publish.publisher import Publisher
from pipeline.train.read.batches import sealed_batches
from pipeline.train.series import Series
from pipeline.train.settings import TrackingSettings
from pipeline.train.trainer import Trainer
from pipeline.train.typed import typed_commands
from pipeline.train.version_builder import VersionBuilder
from scoring.features import Encoding
from tests.memory_store import MemoryStore
from tests.unit.land.test_landed_types import TEXT, land

# MLflow's own use of its database library.
pytestmark = pytest.mark.filterwarnings("ignore")

KEY = "key"
LINEAGE = Lineage(("C1",), (), 2, 1, (Transition("survived", ("C1",), ("C1",), 1.0),))
DOWN = ServiceDownError("mlflow", "http://m", "refused")


class Line:
    """A trainer whose fit is stood for, with MLflow on SQLite and an object store in memory."""

    def __init__(self, directory: Path) -> None:
        self.done: list[str] = []
        self.faults: dict[str, SwatheError] = {}
        path, store = directory / "s.yaml", MemoryStore()
        path.write_text(TEXT)
        land(store, path, 5, first=0)
        land(store, path, 5, first=5)
        stream = load_stream(path)
        series = Series(stream, "disjoint", "s", "", "", None, typed_commands(str(path), stream, "disjoint", "s"))
        tracking = TrackingSettings(uri=f"sqlite:///{directory}/m.db")
        self.batches = sealed_batches(store, "s")
        self.runs = Runs(tracking, "s", "s")
        self.client = self.runs.client
        self.client.create_experiment("s", (directory / "artifacts").as_uri())
        artifacts = ArtifactStore(self.runs, tracking.uri)
        nothing = cast("Any", None)
        kind = KMeansKind(Opened(series, store, nothing, artifacts))
        kind.comparer = cast("Any", SimpleNamespace(compare=self.compare))
        publisher = Publisher(
            series, nothing, nothing, registrations=nothing, kind=kind, runs=self.runs, artifacts=artifacts,
            lease=nothing, uri="",
        )  # fmt: skip
        builder = VersionBuilder(
            series,
            store=store,
            runs=self.runs,
            artifacts=artifacts,
            spark=cast("Any", SimpleNamespace(session=lambda: None, scratch=str, cancel=self.passed("cancel"))),
            kind=kind,
        )
        self.trainer = Trainer(series, kind=kind, store=store, runs=self.runs, publisher=publisher, builder=builder)

    def compare(self, *_: object) -> Comparison:
        return Comparison(LINEAGE, Profile({}), cast("Any", None), "", {"silhouette": 0.5, "wssse_per_row": 1.0}, None)

    def passed(self, name: str, found: object = None) -> Any:
        """Return a step that is noted, fails if it is to, and returns ``found``."""

        def step(*_: object, **__: object) -> object:
            self.done.append(name)
            if name in self.faults:
                raise self.faults[name]
            return found

        return step

    def take(self, *numbers: int) -> None:
        list(self.trainer.take([Step(number, KEY, Action.TRAIN, None) for number in numbers or (1,)], self.batches))

    def models(self) -> list[Any]:
        return list(self.client.search_logged_models([self.runs.experiment_id]))

    @property
    def run(self) -> Run:
        [run] = self.runs.of_batch(1)
        return run


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of MLflow's, which takes seconds to make."""
    file = tmp_path_factory.mktemp("empty") / "m.db"
    mlflow.MlflowClient(f"sqlite:///{file}").search_experiments()
    return file


@pytest.fixture
def line(tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    shutil.copy(empty, tmp_path)
    made = Line(tmp_path)
    trained = SimpleNamespace(
        scoring=SimpleNamespace(encoding=Encoding.plain(("a",))), clusters=[SimpleNamespace(size=5)], model=None,
        assigned=SimpleNamespace(drop=str), swept=None, rows=5, params={"k": 1}, metrics={}, sentences=[], mean=(),
    )  # fmt: skip
    trained.named = lambda _: trained

    @contextmanager
    def prepared(*_: object) -> Iterator[tuple[None, int]]:
        yield None, 5

    def save(path: Path, *_: object, **__: object) -> MlflowModel:
        path.mkdir()
        (path / "scoring.json").write_text("{}")
        return MlflowModel()

    monkeypatch.setattr(clustering, "prepared_rows", prepared)
    monkeypatch.setattr(build, "save_artifact", save)
    monkeypatch.setattr(Numbers, "files", lambda _: {})
    sample = SimpleNamespace(rows=np.zeros((5, 1)), clusters=np.zeros(5), cells=None, probabilities=None)
    sample.of = lambda _: sample
    picture = {"clusters/sizes": np.zeros((9, 9, 3), np.uint8)}
    stood_for: dict[str, object] = {
        "silhouette": 0.5, "statistics": [], "draw": picture,
        "prove": SimpleNamespace(golden=SimpleNamespace(probabilities=None), sample=sample, apart=0, all_rows=None),
        "write_results": "results/s/r/manifest.json",
    }  # fmt: skip
    for name, found in stood_for.items():
        monkeypatch.setattr(clustering, name, made.passed(name, found))
    monkeypatch.setattr(build, "event_window_ms", made.passed("event_window_ms"))
    monkeypatch.setattr(KMeansKind, "train", made.passed("train", trained))
    monkeypatch.setattr(describe, "run_metrics", made.passed("metrics", {"silhouette": 0.5}))
    monkeypatch.setattr(Publisher, "publish", made.passed("publish", "none"))
    for owner, name in ((ArtifactStore, "check"), (Runs, "log_images"), (Runs, "log"), (ArtifactStore, "finish")):
        real = getattr(owner, name)

        def step(*given: Any, real: Any = real, name: str = name, **more: Any) -> object:
            made.passed(name)()
            return real(*given, **more)

        monkeypatch.setattr(owner, name, step)
    before = mlflow.get_tracking_uri()
    yield made
    mlflow.set_tracking_uri(before)


def test_what_fails_every_time_is_one_run_and_nothing_else_however_often(line: Line) -> None:
    refused: list[tuple[str, SwatheError]] = [
        ("write_results", AccessDeniedError("403")),
        ("check", ModelArtifactError("altered")),
        ("log_images", DOWN),
        ("log", DOWN),
        ("finish", DOWN),
    ]
    for name, error in refused:
        line.faults = {name: error}
        for _ in range(2):
            with pytest.raises(type(error)):
                line.take()
        assert line.run.info.status == "FAILED" and line.models() == [], name
    assert line.run.data.tags[TAG_ATTEMPTS] == str(2 * len(refused))
    # In the end it is as if it had been tried once.
    line.faults = {}
    line.take()
    [model] = line.models()
    assert model.status == "READY" and line.run.info.status == "FINISHED"
    made = line.run.outputs
    assert made is not None and [output.model_id for output in made.model_outputs] == [model.model_id]
    table = mlflow.artifacts.load_dict(f"{line.run.info.artifact_uri}/{TRANSITIONS_FILE}")
    assert table["data"] == [["survived", "C1", "C1", 1.0]], table
    assert TRANSITIONS_FILE in line.run.data.tags["mlflow.loggedArtifacts"]


def test_a_store_that_refuses_results_is_asked_before_an_artifact_is_made(line: Line) -> None:
    line.faults = {"write_results": AccessDeniedError("403")}
    with pytest.raises(AccessDeniedError):
        line.take()
    assert "check" not in line.done and "log_images" not in line.done


def test_rows_that_numpy_assigns_otherwise_are_no_results(line: Line) -> None:
    line.faults = {"prove": ModelArtifactError("numpy and Spark disagree")}
    with pytest.raises(ModelArtifactError):
        line.take()
    assert "prove" in line.done and "write_results" not in line.done


def test_a_reason_without_an_end_gets_its_end(line: Line) -> None:
    """Killed between the two."""
    run_id = line.runs.start(1, KEY, None).info.run_id
    line.client.set_tag(run_id, TAG_ERROR, "feature 'x' is constant")
    line.client.set_tag(run_id, TAG_STATE, "failed")
    line.take()
    assert line.done == ["publish"]
    assert line.run.info.status == "FAILED" and TAG_OWNER not in line.run.data.tags


def test_a_long_reason_says_where_it_is_whole(line: Line) -> None:
    line.faults = {"train": StopError("x" * 9_000)}
    with pytest.raises(StopError):
        line.take()
    assert line.run.data.tags[TAG_ERROR].endswith("(shortened; whole in what the trainer said)")
