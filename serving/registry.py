"""The model registry and its artifacts over MLflow's REST API: importing mlflow would cost seconds and 176 MB."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from contract.errors import AccessDeniedError, ModelArtifactError, ServiceDownError
from contract.model_version import TAG_RESTORING

_API: Final = "/api/2.0/mlflow"
_ARTIFACTS: Final = "/api/2.0/mlflow-artifacts/artifacts"
_PAGE: Final = 200
_PROXIED: Final = "mlflow-artifacts:"
_LOGGED_MODEL: Final = "models:/"


@dataclass(frozen=True)
class RegisteredVersion:
    """A version as the registry shows it."""

    model: str
    number: int
    run_id: str
    source: str
    created_ms: int
    tags: Mapping[str, str]


@dataclass(frozen=True)
class RegisteredModel:
    """A registered model; while it ``is_restoring``, its versions and aliases come back one by one."""

    aliases: Mapping[str, int]
    is_restoring: bool


@dataclass(frozen=True)
class Location:
    """Where a version's artifact is: its path below the server's artifact proxy."""

    path: str
    experiment_id: str | None


class Registry:
    """Reads one tracking server. Safe to share between threads.

    Every method raises :class:`ServiceDownError` when the server does not answer or answers 5xx, and
    :class:`AccessDeniedError` when it refuses us.
    """

    def __init__(self, uri: str, *, timeout_s: float = 10.0) -> None:
        self.uri = uri.rstrip("/")
        self._http = httpx.Client(timeout=httpx.Timeout(timeout_s, connect=2.0))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def model_names(self) -> list[str]:
        """Return the names of all registered models."""
        return [entry["name"] for entry in self._pages("registered-models/search", {}, "registered_models")]

    def model(self, name: str) -> RegisteredModel | None:
        """Return the registered model ``name``, or None where there is none. A search leaves its aliases out."""
        answer = self._get("registered-models/get", {"name": name}, absent_ok=True)
        if answer is None:
            return None
        found = answer["registered_model"]
        aliases = {entry["alias"]: int(entry["version"]) for entry in found.get("aliases", [])}
        return RegisteredModel(aliases, any(tag["key"] == TAG_RESTORING for tag in found.get("tags", [])))

    def versions(self, model: str) -> list[RegisteredVersion]:
        """Return all versions of ``model`` in order."""
        name = model.replace("'", "''")
        entries = self._pages("model-versions/search", {"filter": f"name='{name}'"}, "model_versions")
        return sorted((_version(entry) for entry in entries), key=lambda version: version.number)

    def locate(self, source: str) -> Location:
        """Return where the artifact of a version with this ``source`` is.

        Raises
        ------
        ModelArtifactError: not an artifact that the tracking server passes on.
        """
        uri, experiment = source, None
        if source.startswith(_LOGGED_MODEL):
            answer = self._get(f"logged-models/{source.removeprefix(_LOGGED_MODEL)}", {}, absent_ok=True)
            if answer is None:
                raise ModelArtifactError(f"the registry has no logged model {source}")
            facts = answer["model"]["info"]
            uri, experiment = str(facts["artifact_uri"]), facts.get("experiment_id")
        if not uri.startswith(_PROXIED):
            raise ModelArtifactError(
                f"artifact {uri} is not behind the tracking server's proxy; `mlflow server` needs --serve-artifacts"
            )
        return Location(httpx.URL(uri).path.strip("/"), experiment)

    def file_names(self, location: Location, directory: str) -> set[str]:
        """Return the names, ``directory`` included, of an artifact's files in ``directory``; empty if it is not there.

        The proxy answers 500 to the download of a file that is not there, so ask before.
        """
        answer = self._send(_ARTIFACTS, {"path": f"{location.path}/{directory}"})
        self._refuse(answer, _ARTIFACTS)
        return {f"{directory}/{entry['path']}" for entry in answer.json().get("files", ()) if not entry["is_dir"]}

    def download(self, location: Location, name: str) -> bytes:
        """Return the bytes of file ``name`` of an artifact.

        Raises
        ------
        ModelArtifactError: there is no such file.
        """
        path = f"{_ARTIFACTS}/{location.path}/{name}"
        answer = self._send(path, {})
        if answer.status_code == 404:
            raise ModelArtifactError(f"the artifact has no file {name}")
        self._refuse(answer, path)
        return answer.content

    def _pages(self, path: str, fields: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        token = ""
        while True:
            answer = self._get(path, {**fields, "max_results": _PAGE, "page_token": token}) or {}
            found += answer.get(key, [])
            token = answer.get("next_page_token", "")
            if not token:
                return found

    def _get(self, path: str, fields: Mapping[str, Any], *, absent_ok: bool = False) -> dict[str, Any] | None:
        answer = self._send(f"{_API}/{path}", fields)
        if absent_ok and answer.status_code == 404:
            return None
        self._refuse(answer, path)
        try:
            decoded: dict[str, Any] = answer.json()
        except ValueError as error:
            raise ServiceDownError("mlflow", self.uri, f"its answer to {path} is not JSON") from error
        return decoded

    def _send(self, path: str, fields: Mapping[str, Any]) -> httpx.Response:
        try:
            return self._http.get(f"{self.uri}{path}", params=dict(fields))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ServiceDownError("mlflow", self.uri, f"{type(error).__name__}: {error}") from error

    def _refuse(self, answer: httpx.Response, path: str) -> None:
        if answer.status_code in {401, 403}:
            raise AccessDeniedError(f"the tracking server at {self.uri} refuses {path} ({answer.status_code})")
        if not answer.is_success:
            raise ServiceDownError("mlflow", self.uri, f"it answered {answer.status_code} to {path}")


def _version(fields: Mapping[str, Any]) -> RegisteredVersion:
    return RegisteredVersion(
        model=fields["name"],
        number=int(fields["version"]),
        run_id=fields.get("run_id", ""),
        source=fields.get("source", ""),
        created_ms=int(fields.get("creation_timestamp", 0)),
        tags={tag["key"]: tag.get("value", "") for tag in fields.get("tags", [])},
    )
