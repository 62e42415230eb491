"""What the routes ask for, without HTTP: names to versions, versions to answers."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from contract.errors import NotReadyError, UnknownNameError
from contract.model_version import (
    ALIASES,
    DRIFTS,
    GATES,
    TAG_GATE,
    TAG_GATE_REASON,
    TAG_ROLLED_BACK,
    TAG_ROWS,
    TAG_SCHEME,
    TAG_STREAM,
)
from contract.uri import without_credentials
from contract.version_facts import VersionFacts
from serving.kinds.kind import Kind
from serving.versions import tags as read
from serving.versions.catalogue import Catalogue, ServedModel, Version
from serving.versions.pickup import Pickup

_VERSION: Final = re.compile(r"v([1-9][0-9]{0,8})")


@dataclass(frozen=True)
class Selected:
    """A version, whether the path that named it can ever name another one, and whether it is asked for as champion."""

    version: Version
    fixed: bool
    champion: bool = False


class Service:
    """Answers from the catalogue of the moment. Safe to share between threads."""

    def __init__(self, pickup: Pickup, kinds: Mapping[str, Kind], default_model: str | None, mlflow_url: str) -> None:
        self._pickup, self._default_model, self._mlflow_url = pickup, default_model, mlflow_url
        self._described = [name for kind in kinds.values() for name in kind.described]

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue of the moment; take it once per request."""
        return self._pickup.catalogue

    def select(self, model: str, name: str) -> Selected:
        """Return the version that ``name`` (`v3`, or an alias) means in ``model``.

        Raises
        ------
        UnknownNameError: no such model, version or alias.
        """
        served = self.catalogue.model(model)
        number = _VERSION.fullmatch(name)
        if number:
            return Selected(served.version(int(number[1])), fixed=True)
        if name == ALIASES[0] and name not in served.aliases:
            return Selected(served.champion(), fixed=False, champion=True)
        return Selected(served.aliased(name), fixed=False, champion=name == ALIASES[0])

    def select_default(self) -> Selected:
        """Return the default model's champion or, while there is none, its newest ready version.

        Raises
        ------
        UnknownNameError: there is nothing to serve yet.
        """
        return Selected(self.catalogue.default_model(self._default_model).champion(), fixed=False)

    def default_model(self) -> ServedModel | None:
        """Return the model behind the short paths, or None while there is nothing to serve."""
        try:
            return self.catalogue.default_model(self._default_model)
        except UnknownNameError:
            return None

    def signposts(self, base: str = "") -> dict[str, str]:
        """Return what there is to look at; the server is shown below the path ``base``."""
        own = {
            "page for people": "/ui",
            "models": "/api/models",
            **self._of_the_default(),
            "every route": "/docs",
            "OpenAPI": "/openapi.json",
            "OpenAPI for generated clients": "/openapi-client.json",
            "readiness": "/health/ready",
            "metrics": "/metrics",
        }
        return {name: base + path for name, path in own.items()} | {"MLflow": self._mlflow_url}

    def _of_the_default(self) -> dict[str, str]:
        """Return the short paths to name: those that the default model's kind has, as at others' there is nothing."""
        try:
            numbers = self.select_default().version.numbers
        except UnknownNameError:
            return {}
        readings = numbers.kind.readings if numbers else ()
        return {reading.signpost: f"/api{reading.path}" for reading in readings if reading.signpost}

    def models(self) -> list[dict[str, Any]]:
        """Return all models with their versions and aliases."""
        return [
            {
                "name": model.name,
                "aliases": dict(model.aliases),
                "versions": [self.describe(version) for version in model.versions.values()],
            }
            for model in self.catalogue.models.values()
        ]

    def freshness(self) -> dict[str, Any]:
        """Return how old the picture of the registry is, in seconds, and what keeps it so."""
        checked_at = self.catalogue.checked_at
        return {
            "registry_age_s": None if checked_at is None else round(time.time() - checked_at, 3),
            "registry_error": without_credentials(self._pickup.last_error or "") or None,
        }

    def require_ready(self) -> None:
        """Check that the registry was read whole, now or by an earlier process.

        Raises
        ------
        NotReadyError: it was not; says why.
        """
        if not self._pickup.complete:
            raise NotReadyError(
                f"the registry was not read whole yet: {self._pickup.last_error or 'versions are being read'}"
            )

    @staticmethod
    def facts(version: Version) -> VersionFacts:
        """Return what a version says of its batch: in its artifact or, without a file for it, in its tags."""
        written = version.numbers.facts if version.numbers else None
        return written or read.facts(version.tags)

    def metrics(self, version: Version) -> dict[str, float]:
        """Return what was measured of a version, by name; its rows, which all versions tell, as well."""
        rows = read.whole(version.tags.get(TAG_ROWS))
        found = dict(self.facts(version).measured())
        return found if rows is None else {"rows": float(rows)} | found

    def describe(self, version: Version) -> dict[str, Any]:
        """Return a version as it is listed."""
        tags, numbers = version.tags, version.numbers
        facts = self.facts(version)
        run = f"{self._mlflow_url}/#/experiments/{version.experiment_id}/runs/{version.run_id}"
        told: dict[str, Any] = {
            "version": version.number,
            "state": version.state,
            "reason": version.reason,
            "batch": version.batch,
            "rows": read.whole(tags.get(TAG_ROWS)),
            "rejected": facts.rejected,
            "run_id": version.run_id,
            "run_url": run if version.experiment_id else None,
            "stream": read.text(tags.get(TAG_STREAM)),
            "scheme": read.text(tags.get(TAG_SCHEME)),
            "window": read.interval(facts.window),
            "event_window": read.interval(facts.event_window),
            "offsets": facts.offsets and {str(lane): span for lane, span in facts.offsets.items()},
            "silhouette": facts.silhouette,
            "ref_silhouette": facts.ref_silhouette,
            "gate": read.word(tags.get(TAG_GATE), GATES),
            "gate_reason": read.text(tags.get(TAG_GATE_REASON)),
            "drift": read.word(facts.drift, DRIFTS),
            "drift_reason": facts.drift_reason,
            "rolled_back": read.instant(tags.get(TAG_ROLLED_BACK)),
            "features": list(numbers.served.inputs) if numbers else None,
        }
        described: dict[str, Any] = {
            **dict.fromkeys(self._described),
            **(numbers.served.described if numbers else {}),
        }
        return {
            **told,
            # Whatever a kind tells, it tells nothing else under a name that all versions have.
            **{name: value for name, value in described.items() if name not in told},
            "deleted": version.gone_at is not None,
            "path": f"/api/{quote(version.model, safe='')}/{version.name}",
        }
