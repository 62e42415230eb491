"""The numbers of a clustering, as they travel with its version."""

from __future__ import annotations

from dataclasses import dataclass

from contract.lineage import Lineage, lineage_to_json
from contract.model_version import (
    GOLDEN_FILE,
    GOLDEN_PROBABILITIES_FILE,
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
from scoring.likely import probabilities_to_json
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
        golden = {GOLDEN_FILE: self.golden.to_json()}
        if self.golden.probabilities is not None:
            golden[GOLDEN_PROBABILITIES_FILE] = probabilities_to_json(self.golden)
        return {
            **golden,
            SCORING_FILE: self.scoring.to_json(),
            STATISTICS_FILE: statistics_to_json(self.statistics),
            LINEAGE_FILE: lineage_to_json(self.lineage),
            PROFILE_FILE: self.profile.to_json(),
            FACTS_FILE: facts_to_json(self.facts),
        }
