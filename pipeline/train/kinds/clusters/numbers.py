"""The numbers of a clustering, as they travel with its version."""

from __future__ import annotations

from dataclasses import dataclass

from contract.lineage import Lineage, lineage_to_json
from contract.model_version import (
    GOLDEN_FILE,
    LINEAGE_FILE,
    PROFILE_FILE,
    SCORING_FILE,
    STATISTICS_FILE,
    ClusterStatistics,
    statistics_to_json,
)
from contract.version_facts import FACTS_FILE, VersionFacts, facts_to_json
from pipeline.train.kinds.clusters.drift import Profile
from scoring.golden import Golden
from scoring.scorer import ClusterNumbers


@dataclass(frozen=True)
class Numbers:
    """All of a version that is not Spark's own format."""

    scoring: ClusterNumbers
    statistics: list[ClusterStatistics]
    golden: Golden
    lineage: Lineage
    profile: Profile
    facts: VersionFacts

    def files(self) -> dict[str, bytes]:
        """Return the artifact's files, by name."""
        return {
            SCORING_FILE: self.scoring.to_json(),
            STATISTICS_FILE: statistics_to_json(self.statistics),
            GOLDEN_FILE: self.golden.to_json(),
            LINEAGE_FILE: lineage_to_json(self.lineage),
            PROFILE_FILE: self.profile.to_json(),
            FACTS_FILE: facts_to_json(self.facts),
        }
