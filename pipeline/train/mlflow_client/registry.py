"""The model registry over its REST API.

Not through mlflow's client: importing that takes seconds, which a command with nothing to do should not cost, and
it repeats a POST whose answer was lost, which would create a second version.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import httpx

from contract.errors import AccessDeniedError, ServiceDownError, StopError, UnreadableAnswerError
from contract.model_version import TAG_STATE, Alias
from pipeline.train.mlflow_client.limits import REGISTRY_CHARS, shortened
from pipeline.train.settings import TrackingSettings

logger = logging.getLogger(__name__)

_API = "/api/2.0/mlflow"
_PAGE = 200
# As long as a person waits to learn that the server hangs; what answered once may take longer.
FIRST_ANSWER_S = 7.0


@dataclass(frozen=True)
class RegisteredVersion:
    """A version as the registry shows it; ``tags`` are ours."""

    number: int
    run_id: str
    source: str
    tags: Mapping[str, str]
    description: str = ""


@dataclass(frozen=True)
class RegisteredModel:
    """What the registry shows of a model beside its versions."""

    description: str
    tags: Mapping[str, str]
    aliases: Mapping[str, int]


class Registry:
    """The versions of one registered model.

    Every method raises :class:`ServiceDownError` when the server does not answer or answers 5xx,
    :class:`UnreadableAnswerError` when it answers with what is no JSON, :class:`AccessDeniedError` when it refuses us,
    and :class:`StopError` when it refuses the request.
    """

    def __init__(self, settings: TrackingSettings, model: str) -> None:
        self.model = model
        server = settings.server
        self._uri = server.uri
        # Only a connection that never came about is tried again: nothing was sent.
        first = min(FIRST_ANSWER_S, settings.timeout_s)
        self._http = httpx.Client(timeout=first, headers=server.headers, transport=httpx.HTTPTransport(retries=1))
        self._timeout_s = settings.timeout_s

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def versions(self) -> dict[int, RegisteredVersion]:
        """Return all versions by number; none where the model is not registered yet."""
        return {version.number: version for version in sorted(self._found(_PAGE), key=lambda each: each.number)}

    def newest_first(self, at_a_time: int = 8) -> Iterator[RegisteredVersion]:
        """Yield the versions from the highest number down, asked for ``at_a_time`` as they are needed."""
        yield from self._found(at_a_time, {"order_by": "version_number DESC"})

    def _found(self, at_a_time: int, more: Mapping[str, str] = MappingProxyType({})) -> Iterator[RegisteredVersion]:
        wanted = {"filter": f"name='{self.model}'", "max_results": at_a_time, **more}
        page = ""
        while True:
            answer = self.call("GET", "model-versions/search", {**wanted, "page_token": page})
            yield from map(_version, answer.get("model_versions", []))
            page = answer.get("next_page_token", "")
            if not page:
                return

    def version(self, number: int) -> RegisteredVersion | None:
        """Return version ``number``, or None where there is none."""
        fields = {"name": self.model, "version": str(number)}
        found = self.call("GET", "model-versions/get", fields, absent_ok=True).get("model_version")
        return _version(found) if found else None

    def models(self) -> list[str]:
        """Return the names of all registered models."""
        found: list[str] = []
        page = ""
        while True:
            answer = self.call("GET", "registered-models/search", {"max_results": _PAGE, "page_token": page})
            found += [fields["name"] for fields in answer.get("registered_models", [])]
            page = answer.get("next_page_token", "")
            if not page:
                return found

    def model_facts(self) -> RegisteredModel | None:
        """Return the registered model, or None where it is not registered."""
        # Not `get`, which has the server read all its versions.
        wanted = {"filter": f"name='{self.model}'", "max_results": 1}
        for found in self.call("GET", "registered-models/search", wanted).get("registered_models", []):
            return _model(found)
        return None

    def aliases(self) -> dict[str, int]:
        """Return the aliases and the numbers they point to; none where the model is not registered yet."""
        found = self.model_facts()
        return dict(found.aliases) if found else {}

    def ensure_model(self, description: str) -> None:
        """Register the model if it is not."""
        if self.model_facts() is None:
            self.create_model(description, {})

    def create_model(self, description: str, tags: Mapping[str, str]) -> None:
        """Register the model; no error where it is already."""
        body = {"name": self.model, "description": description, "tags": _entries(tags)}
        self.call("POST", "registered-models/create", body, exists_ok=True)

    def delete_model(self) -> None:
        """Delete the model and all its versions; no error where there is none."""
        self.call("DELETE", "registered-models/delete", {"name": self.model}, absent_ok=True)

    def set_model_tag(self, key: str, value: str) -> None:
        """Set a tag of the model itself."""
        self.call("POST", "registered-models/set-tag", {"name": self.model, "key": key, "value": value})

    def delete_model_tag(self, key: str) -> None:
        """Remove a tag of the model itself; no error where there is none."""
        self.call("DELETE", "registered-models/delete-tag", {"name": self.model, "key": key}, absent_ok=True)

    def create_version(
        self, *, source: str, run_id: str, model_id: str | None, tags: Mapping[str, str], description: str
    ) -> int:
        """Create a version and return the number that the registry gave it. Sent once, never repeated.

        Sent as it is; see :func:`fitting`.
        """
        body: dict[str, Any] = {
            "name": self.model,
            "source": source,
            "run_id": run_id,
            "description": description,
            "tags": _entries(tags),
        }
        if model_id is not None:
            body["model_id"] = model_id
        return int(self.call("POST", "model-versions/create", body)["model_version"]["version"])

    def set_tags(self, number: int, tags: Mapping[str, str]) -> None:
        """Set tags of a version, one call each, in the order given."""
        for key, value in tags.items():
            body = {"name": self.model, "version": str(number), "key": key, "value": _fitting(value)}
            self.call("POST", "model-versions/set-tag", body)

    def delete_tag(self, number: int, key: str) -> None:
        """Remove a tag of a version; no error where there is none."""
        body = {"name": self.model, "version": str(number), "key": key}
        self.call("DELETE", "model-versions/delete-tag", body, absent_ok=True)

    def set_alias(self, alias: str, number: int) -> None:
        """Point ``alias`` to version ``number``."""
        body = {"name": self.model, "alias": alias, "version": str(number)}
        self.call("POST", "registered-models/alias", body)

    def delete_alias(self, alias: Alias) -> None:
        """Remove ``alias``; no error where there is none."""
        self.call("DELETE", "registered-models/alias", {"name": self.model, "alias": alias}, absent_ok=True)

    def call(
        self, method: str, path: str, fields: Mapping[str, Any], *, absent_ok: bool = False, exists_ok: bool = False
    ) -> dict[str, Any]:
        """Ask the tracking server; return its answer, empty where something is absent or exists and may be."""
        try:
            if method == "GET":
                answer = self._http.get(f"{self._uri}{_API}/{path}", params=dict(fields))
            else:
                answer = self._http.request(method, f"{self._uri}{_API}/{path}", json=dict(fields))
        except httpx.HTTPError as error:
            raise ServiceDownError("mlflow", self._uri, f"{type(error).__name__}: {error}") from error
        self._http.timeout = httpx.Timeout(self._timeout_s)
        if answer.is_success:
            return _decoded(path, answer)
        code = _error_code(answer)
        if (absent_ok and code == "RESOURCE_DOES_NOT_EXIST") or (exists_ok and code == "RESOURCE_ALREADY_EXISTS"):
            return {}
        raise self._error(path, answer, code)

    def _error(self, path: str, answer: httpx.Response, code: str) -> Exception:
        if answer.status_code in {401, 403}:
            return AccessDeniedError(
                f"the tracking server at {self._uri} refuses {path} ({answer.status_code}); check "
                "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
            )
        if answer.status_code >= 500:
            return ServiceDownError("mlflow", self._uri, f"it answered {answer.status_code} to {path}")
        return StopError(f"the tracking server at {self._uri} refuses {path} for model {self.model!r}: {code}")


def last_ready(registry: Registry, before: int) -> RegisteredVersion | None:
    """Return the ready version of the highest number below ``before``, or None where there is none."""
    below = (version for version in registry.newest_first() if version.number < before)
    return next((version for version in below if version.tags.get(TAG_STATE) == "ready"), None)


def fitting(version: RegisteredVersion) -> RegisteredVersion:
    """Return ``version`` as any registry takes it: what is too long is shortened, and says where the whole is."""
    whole = f"whole as the description of run {version.run_id}"
    tags = {key: _fitting(value) for key, value in version.tags.items()}
    return replace(version, tags=tags, description=shortened(version.description, REGISTRY_CHARS, whole))


def _fitting(value: str) -> str:
    return shortened(value, REGISTRY_CHARS, "the run's description has it whole")


def _decoded(path: str, answer: httpx.Response) -> dict[str, Any]:
    """Return the object that a server answered; what is in its place may answer with a page."""
    try:
        decoded = answer.json()
    except ValueError:
        decoded = None
    if not isinstance(decoded, dict):
        kind = answer.headers.get("content-type", "without a content type")
        raise UnreadableAnswerError(
            "mlflow", f"{path} at {answer.url.copy_with(query=None)}", f"no JSON object ({kind})"
        )
    return decoded


def _error_code(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("error_code", answer.status_code))
    except ValueError:
        return str(answer.status_code)


def _version(fields: Mapping[str, Any]) -> RegisteredVersion:
    return RegisteredVersion(
        number=int(fields["version"]),
        run_id=fields.get("run_id", ""),
        source=fields.get("source", ""),
        tags=_tags(fields),
        description=fields.get("description", ""),
    )


def _model(fields: Mapping[str, Any]) -> RegisteredModel:
    aliases = {entry["alias"]: int(entry["version"]) for entry in fields.get("aliases", [])}
    return RegisteredModel(fields.get("description", ""), _tags(fields), aliases)


def _tags(fields: Mapping[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag.get("value", "") for tag in fields.get("tags", [])}


def _entries(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]
