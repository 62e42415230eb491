"""Brings an artifact to MLflow as a logged model, and proves that it arrived."""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import tenacity
from mlflow.entities import LoggedModel, LoggedModelOutput
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from requests import HTTPError
from requests.exceptions import ChunkedEncodingError, ContentDecodingError
from requests.exceptions import ConnectionError as RequestsConnectionError

from contract.errors import ModelArtifactError, SwatheError
from pipeline.train.mlflow_client.runs import Runs, mlflow_errors
from pipeline.train.mlflow_client.tracking import TAG_VERSIONS, numbers_in

logger = logging.getLogger(__name__)

# The server's proxy answers one file in some 20 ms, most of it waiting.
_THREADS = 4
_CUT_OFF = (ChunkedEncodingError, ContentDecodingError, RequestsConnectionError)
_ATTEMPTS = 3


class ArtifactStore:
    """Artifacts of one experiment's logged models, through the tracking server's proxy."""

    def __init__(self, runs: Runs, uri: str) -> None:
        self._runs, self._uri = runs, uri

    def begin(self, run_id: str, name: str, model_type: str, params: Mapping[str, object]) -> LoggedModel:
        """Create the logged model, so that its id can be written into the artifact."""
        given = {key: str(value) for key, value in params.items()}
        with mlflow_errors(self._uri):
            return self._runs.client.create_logged_model(self._runs.experiment_id, name, run_id, {}, given, model_type)

    @contextmanager
    def begun(self, run_id: str, name: str, model_type: str, params: Mapping[str, object]) -> Iterator[LoggedModel]:
        """Create a logged model, which the end of the block makes the run's; if that is not reached, none is left."""
        model = self.begin(run_id, name, model_type, params)
        try:
            yield model
            self.finish(model, run_id)
        except BaseException:
            self._discard(model)
            raise

    def upload(self, model: LoggedModel, path: Path, on_sent: Callable[[int], None] = lambda _: None) -> None:
        """Upload all files below ``path``; ``on_sent`` hears of the bytes of each, from any thread."""
        repository = get_artifact_repository(model.artifact_location)

        def put(file: Path) -> None:
            folder = file.parent.relative_to(path)
            repository.log_artifact(str(file), None if folder == Path() else str(folder))  # type: ignore[no-untyped-call]
            on_sent(file.stat().st_size)

        with mlflow_errors(self._uri), ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(put, [file for file in path.rglob("*") if file.is_file()]))

    def finish(self, model: LoggedModel, run_id: str) -> None:
        """Mark the logged model as the run's, and as ready."""
        with mlflow_errors(self._uri):
            self._runs.client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
            self._runs.client.finalize_logged_model(model.model_id, "READY")

    def _discard(self, model: LoggedModel) -> None:
        """Delete the logged model and its files, as far as the server lets us: the next attempt makes its own."""
        try:
            with mlflow_errors(self._uri):
                self._runs.client.delete_logged_model(model.model_id)
                get_artifact_repository(model.artifact_location).delete_artifacts()  # type: ignore[no-untyped-call]
        except SwatheError as error:
            logger.warning("logged model not deleted model_id=%s reason=%s", model.model_id, error)

    def read(self, source: str, names: Sequence[str]) -> dict[str, bytes]:
        """Return files of the logged model ``source`` (`models:/<id>`) by name.

        Raises
        ------
        ModelArtifactError: one of them is not there.
        """
        return self._read(self._location(source), names)

    def fetch(self, source: str, most_bytes: Mapping[str, int], directory: Path) -> None:
        """Bring files of the logged model ``source`` below ``directory``, by name, each of so many bytes at most.

        Raises
        ------
        ModelArtifactError: one of them is not there, or is longer.
        """
        location = self._location(source)
        with mlflow_errors(self._uri):
            repository = get_artifact_repository(location)
            folders = sorted({str(Path(name).parent) for name in most_bytes})
            found = {entry.path: entry.file_size for folder in folders for entry in repository.list_artifacts(folder)}
        for name, most in most_bytes.items():
            if (size := found.get(name) or 0) > most:
                raise ModelArtifactError(f"{name} of {source} has {size:,} bytes, of which {most:,} are read at most")
        self._fetch(location, list(most_bytes), directory)

    def _location(self, source: str) -> str:
        with mlflow_errors(self._uri):
            return str(self._runs.client.get_logged_model(source.removeprefix("models:/")).artifact_location)

    def read_file(self, location: str, name: str) -> bytes:
        """Return the file ``name`` of the run or the logged model whose artifacts are at ``location``.

        Raises
        ------
        ModelArtifactError: it is not there.
        """
        return self._read(location, [name])[name]

    def _read(self, location: str, names: Sequence[str]) -> dict[str, bytes]:
        with tempfile.TemporaryDirectory(prefix="swathe-read-") as directory:
            self._fetch(location, names, Path(directory))
            return {name: (Path(directory) / name).read_bytes() for name in names}

    def was_registered(self, model_id: str, name: str) -> bool:
        """Return whether the logged model ``model_id`` was registered as a version of ``name``.

        MLflow notes it in the logged model, where it stays when the version is deleted.
        """
        with mlflow_errors(self._uri):
            tags = self._runs.client.get_logged_model(model_id).tags
        return bool(numbers_in(tags.get(TAG_VERSIONS, "[]"), name))

    def text_of_run(self, artifact_uri: str, name: str) -> str | None:
        """Return a run's own artifact ``name``, or None where it has none."""
        folder, _, file = name.rpartition("/")
        with mlflow_errors(self._uri):
            repository = get_artifact_repository(artifact_uri)
            # The proxy answers 500 to the download of a file that is not there.
            if not any(entry.path.endswith(file) for entry in repository.list_artifacts(folder)):
                return None
        return self.read_file(artifact_uri, name).decode(errors="replace")

    def check(self, location: str, expected: Mapping[str, str]) -> None:
        """Check by download that the artifact at ``location`` is what ``expected`` (name → SHA-256) says.

        Raises
        ------
        ModelArtifactError: a file is missing or altered.
        """
        with tempfile.TemporaryDirectory(prefix="swathe-check-") as directory:
            self._fetch(location, list(expected), Path(directory))
            found = digests(Path(directory))
        wrong = sorted(name for name in expected if found.get(name) != expected[name])
        if wrong:
            raise ModelArtifactError(f"{location} reads back altered in {', '.join(wrong)}; nothing was registered")

    def _fetch(self, location: str, names: Sequence[str], directory: Path) -> None:
        repository = get_artifact_repository(location)

        @tenacity.retry(
            # Cut off on the way: what has come is written anew.
            retry=tenacity.retry_if_exception_type(_CUT_OFF),
            stop=tenacity.stop_after_attempt(_ATTEMPTS),
            wait=tenacity.wait_exponential(0.2),
            reraise=True,
        )
        def fetch(name: str) -> None:
            target = directory / name
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                repository._download_file(name, str(target))  # type: ignore[no-untyped-call]
            except HTTPError as error:
                if error.response is not None and error.response.status_code == 404:
                    raise ModelArtifactError(f"the artifact at {location} has no file {name}") from error
                raise

        with mlflow_errors(self._uri), ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(fetch, names))


def digests(path: Path) -> dict[str, str]:
    """Return the SHA-256 of each file below ``path``, by its relative name."""
    return {str(file.relative_to(path)): _digest(file) for file in sorted(path.rglob("*")) if file.is_file()}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
