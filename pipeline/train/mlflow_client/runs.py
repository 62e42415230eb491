"""The MLflow run of one batch: begun before the work, filled in one go, and always ended."""

from __future__ import annotations

import functools
import json
import logging
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import mlflow
import numpy as np
import numpy.typing as npt
from mlflow.data.dataset_source_registry import resolve_dataset_source
from mlflow.entities import Dataset, DatasetInput, InputTag, LifecycleStage, Metric, Param, Run, RunTag
from mlflow.environment_variables import MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_LOGGED_ARTIFACTS, MLFLOW_LOGGED_IMAGES
from requests import RequestException

from contract import remedies
from contract.errors import AccessDeniedError, ChainError, ServiceDownError, StopError
from contract.uri import without_credentials
from pipeline.train.lease import this_process
from pipeline.train.mlflow_client.images import IMAGES_FOLDER, image_files
from pipeline.train.mlflow_client.limits import METRICS_PER_CALL, RUN_TAG_CHARS, portions, shortened
from pipeline.train.mlflow_client.tracking import TAG_MODEL
from pipeline.train.settings import TrackingSettings

logger = logging.getLogger(__name__)

# The server's proxy answers one file in some 20 ms, most of it waiting.
_THREADS: Final = 4

_ABSENT: Final = "RESOURCE_DOES_NOT_EXIST"

TAG_BATCH: Final = "swathe.batch"
TAG_TRAIN_KEY: Final = "swathe.train_key"
TAG_OWNER: Final = "swathe.owner"
TAG_LAUNCHER: Final = "swathe.launcher_run_id"
TAG_ERROR: Final = "swathe.error"
TAG_ATTEMPTS: Final = "swathe.attempts"
"""How often the batch was tried in this run, where that is more than once."""
TAG_SUPERSEDED: Final = "swathe.superseded_by"
TAG_NOTE: Final = "mlflow.note.content"
"""What MLflow's page of a run shows as its description."""


@dataclass(frozen=True)
class LoggedOn:
    """A logged model, and the dataset that its metrics were measured on."""

    model_id: str
    dataset: str
    digest: str


@contextmanager
def mlflow_errors(uri: str) -> Iterator[None]:
    """Say what mlflow's client raises in our own words."""
    try:
        yield
    except MlflowException as error:
        first = str(error.message).splitlines()[0][:300]
        status = error.get_http_status_code()  # type: ignore[no-untyped-call]
        if status in {401, 403}:
            raise AccessDeniedError(f"the tracking server at {uri} refuses us: {first}") from error
        # A connection that failed is reported as an internal error with this text.
        if status >= 500 or "API request to" in first:
            raise ServiceDownError("mlflow", uri, first) from error
        raise StopError(f"the tracking server at {uri} refuses a request: {first}") from error
    except RequestException as error:
        # Artifacts go through its proxy, whose failures are not said as MLflow's other ones.
        status = error.response.status_code if error.response is not None else 0
        if status in {401, 403}:
            raise AccessDeniedError(f"the tracking server at {uri} refuses us ({status})") from error
        raise ServiceDownError("mlflow", uri, f"{type(error).__name__}: {str(error)[:300]}") from error


def end_launcher_run(uri: str, run_id: str) -> None:
    """End the run of an `mlflow run` as KILLED.

    Raises
    ------
    ServiceDownError: the tracking server does not do it.
    """
    with mlflow_errors(uri):
        MlflowClient(uri).set_terminated(run_id, "KILLED")


class Runs:
    """Runs of one registered model, in the experiment of its stream.

    Every method raises :class:`ServiceDownError`, :class:`AccessDeniedError` or :class:`StopError` for what the
    tracking server does.
    """

    def __init__(self, settings: TrackingSettings, experiment: str, model: str) -> None:
        self._uri, self._experiment, self._model = settings.uri, experiment, model
        mlflow.set_tracking_uri(settings.uri)
        # Else each run that ends is asked for once more, to print its address.
        MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT.set(True)  # type: ignore[no-untyped-call]
        self.client = MlflowClient(settings.uri)

    @functools.cached_property
    def experiment_id(self) -> str:
        """The experiment's id; it is created when it is first asked for."""
        with mlflow_errors(self._uri):
            return self._found() or self._create_experiment()

    def _found(self) -> str | None:
        found = self.client.get_experiment_by_name(self._experiment)
        if found is not None and found.lifecycle_stage == LifecycleStage.DELETED:
            raise ChainError(
                f"experiment {self._experiment!r}, where the runs of model {self._model!r} belong, was deleted; "
                f"{remedies.restore(self._experiment)} brings it back"
            )
        return str(found.experiment_id) if found else None

    def _create_experiment(self) -> str:
        try:
            return str(self.client.create_experiment(self._experiment))
        except MlflowException:
            # Another trainer of the same stream, under the other scheme, was quicker.
            found = self._found()
            if found is None:
                raise
            return found

    def start(self, batch: int, key: str, launcher: str | None) -> Run:
        """Begin the run of ``batch``."""
        tags = {TAG_MODEL: self._model, TAG_BATCH: str(batch), TAG_TRAIN_KEY: key, **self._owned(launcher)}
        experiment_id = self.experiment_id
        with mlflow_errors(self._uri):
            return self.client.create_run(experiment_id, tags=tags, run_name=f"{self._model}-batch-{batch}")

    def begin_again(self, run: Run, launcher: str | None) -> Run:
        """Take up a run that failed: the same batch is looked at again."""
        attempts = int(run.data.tags.get(TAG_ATTEMPTS, "1")) + 1
        with mlflow_errors(self._uri):
            self.client.update_run(run.info.run_id, status="RUNNING")
            self._tag(run.info.run_id, {**self._owned(launcher), TAG_ATTEMPTS: str(attempts)})
            for key in {TAG_ERROR, TAG_NOTE} & {*run.data.tags}:
                self.client.delete_tag(run.info.run_id, key)
            return self.client.get_run(run.info.run_id)

    def _tag(self, run_id: str, tags: Mapping[str, str]) -> None:
        self.client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()])

    @staticmethod
    def _owned(launcher: str | None) -> dict[str, str]:
        return {
            TAG_OWNER: json.dumps(asdict(this_process())),
            "mlflow.source.name": "swathe",
            **({TAG_LAUNCHER: launcher} if launcher else {}),
        }

    def of_batch(self, batch: int) -> list[Run]:
        """Return all runs of ``batch``, newest first."""
        where = f"tags.`{TAG_MODEL}` = '{self._model}' and tags.`{TAG_BATCH}` = '{batch}'"
        with mlflow_errors(self._uri):
            experiment_id = self._found()
            return list(self.client.search_runs([experiment_id], where)) if experiment_id else []

    def log(
        self,
        run_id: str,
        params: Mapping[str, object],
        metrics: Mapping[str, float],
        curves: Mapping[str, Mapping[int, float]],
        *,
        model: LoggedOn,
    ) -> None:
        """Log parameters, metrics and curves, all in one call unless they are very many.

        The step of ``metrics`` is 0, so that a run is one point of each; they are the logged model's, too, as measured
        on the rows of its dataset. ``curves`` have a value at each of several steps.
        """
        now_ms = int(time.time() * 1000)
        of_model = {"model_id": model.model_id, "dataset_name": model.dataset, "dataset_digest": model.digest}
        points = [Metric(name, float(value), now_ms, 0, **of_model) for name, value in metrics.items()]
        points += [Metric(name, y, now_ms, x) for name, curve in curves.items() for x, y in curve.items()]
        given = [Param(name, str(value)) for name, value in params.items()]
        with mlflow_errors(self._uri):
            for some in portions(points, METRICS_PER_CALL - len(given)):
                # The parameters once more are the same values, which changes nothing.
                self.client.log_batch(run_id, metrics=list(some), params=given)

    def log_text(self, run_id: str, text: str, name: str) -> None:
        """Log ``text`` as the run's artifact ``name``."""
        with mlflow_errors(self._uri):
            self.client.log_text(run_id, text, name)

    def log_images(self, run_id: str, images: Mapping[str, npt.NDArray[np.uint8]], step: int) -> None:
        """Log ``images`` [height, width, 3] by key, for the charts of MLflow's pages, as of ``step`` and of step 0.

        A chart shows the images of one step: step 0 lays all runs side by side, the others go through them.
        """
        if not images:
            return
        with tempfile.TemporaryDirectory(prefix="swathe-artifact-") as folder, mlflow_errors(self._uri):
            files = image_files(Path(folder), images, (0, step), int(time.time() * 1000))
            # Its artifact's address is asked for once, by the first.
            self.client.log_artifact(run_id, str(files[0]), IMAGES_FOLDER)
            with ThreadPoolExecutor(_THREADS) as pool:
                list(pool.map(lambda file: self.client.log_artifact(run_id, str(file), IMAGES_FOLDER), files[1:]))
            self._tag(run_id, {MLFLOW_LOGGED_IMAGES: "True"})

    def log_tables(self, run_id: str, tables: Mapping[str, Mapping[str, Sequence[object]]]) -> None:
        """Log all tables of the run, by the name of their file, each of columns of equal length."""
        # Not by MLflow's `log_table`, which appends to what an earlier attempt has left.
        for name, columns in tables.items():
            body = {"columns": list(columns), "data": list(zip(*columns.values(), strict=True))}
            self.log_text(run_id, json.dumps(body), name)
        listed = [{"path": name, "type": "table"} for name in tables]
        if listed:
            with mlflow_errors(self._uri):
                self.client.set_tag(run_id, MLFLOW_LOGGED_ARTIFACTS, json.dumps(listed))

    def log_dataset(self, run_id: str, *, name: str, url: str, digest: str, profile: Mapping[str, object]) -> None:
        """Log which rows the run was trained on; ``profile`` says how many and where, however long that is."""
        source = resolve_dataset_source(url)
        dataset = Dataset(name, digest, source._get_source_type(), source.to_json(), profile=json.dumps(profile))
        entry = DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])
        with mlflow_errors(self._uri):
            self.client.log_inputs(run_id, [entry])

    def end(
        self, run_id: str, status: str, tags: Mapping[str, str] | None = None, whole: str = "what the trainer said"
    ) -> None:
        """End the run as FINISHED, FAILED or KILLED, with ``tags``; who worked on it is nobody's business any more.

        ``whole`` is where a tag that is too long stands in full.
        """
        told = {
            key: shortened(without_credentials(value), RUN_TAG_CHARS, f"whole in {whole}")
            for key, value in (tags or {}).items()
        }
        with mlflow_errors(self._uri):
            self._tag(run_id, told)
            self.client.set_terminated(run_id, status)
            self._disown(run_id)

    def _disown(self, run_id: str) -> None:
        try:
            self.client.delete_tag(run_id, TAG_OWNER)
        except MlflowException as error:
            # Disowned already, by whoever was killed then.
            if error.error_code != _ABSENT:
                raise
