"""What a new version is compared with: the last ready version, and the champion."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from contract.errors import ModelArtifactError
from contract.lineage import Lineage, lineage_from_json
from contract.model_version import (
    LINEAGE_FILE,
    PROFILE_FILE,
    SCORING_FILE,
    STATISTICS_FILE,
    statistics_from_json,
)
from contract.series_commands import SeriesCommands
from pipeline.train.kinds.clusters.drift import Profile
from pipeline.train.mlflow_client.registry import RegisteredVersion, Registry, last_ready
from pipeline.train.mlflow_client.upload import ArtifactStore
from scoring.scorer import ClusterNumbers

logger = logging.getLogger(__name__)


ReadNumbers = Callable[[bytes], ClusterNumbers]
"""Raises ValueError where they are not those of the kind."""


@dataclass(frozen=True)
class Predecessor:
    """The last ready version: its numbers, its labels, how its batch was distributed, its clusters' shares [k]."""

    number: int
    scoring: ClusterNumbers
    lineage: Lineage
    profile: Profile
    shares: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse files of which each is sound, and which are not of one version.

        Raises
        ------
        ValueError: says which.
        """
        k, labels, shares = len(self.scoring.centers), len(self.lineage.labels), len(self.shares)
        if not k == labels == shares:
            raise ValueError(f"its numbers have {k} clusters, its lineage {labels}, its statistics {shares}")
        self.profile.refuse_other(self.scoring.encoding)


class History:
    """Reads earlier versions of one model."""

    def __init__(
        self, registry: Registry, artifacts: ArtifactStore, commands: SeriesCommands, read: ReadNumbers
    ) -> None:
        self._registry, self._artifacts, self._commands, self._read_numbers = registry, artifacts, commands, read

    def predecessor(self, number: int) -> Predecessor | None:
        """Return the last ready version before ``number``, or None where there is none to compare with.

        Raises
        ------
        ModelArtifactError: its artifact cannot be read.
        """
        version = last_ready(self._registry, number)
        return self._read(version) if version else None

    def _read(self, version: RegisteredVersion) -> Predecessor:
        source = f"version {version.number} of model {self._registry.model!r}"
        try:
            bodies = self._artifacts.read(version.source, (SCORING_FILE, LINEAGE_FILE, PROFILE_FILE, STATISTICS_FILE))
            return Predecessor(
                number=version.number,
                scoring=self._read_numbers(bodies[SCORING_FILE]),
                lineage=lineage_from_json(bodies[LINEAGE_FILE], source),
                profile=Profile.from_json(bodies[PROFILE_FILE]),
                shares=tuple(cluster.share for cluster in statistics_from_json(bodies[STATISTICS_FILE], source)),
            )
        except (ValueError, ModelArtifactError) as error:
            raise ModelArtifactError(
                f"{source} cannot be compared with: {error}; if an earlier release made it, train the series anew "
                f"with {self._commands.train_anew()}"
            ) from error
