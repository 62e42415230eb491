"""All that is needed to register a run's version, as the run keeps it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Final

from pipeline.train.ledger.ledger import Artifact

RECORD_FILE: Final = "swathe/version.json"
GATE_FILE: Final = "swathe/gate.json"


@dataclass(frozen=True)
class VersionRecord:
    """All that is needed to register a run's version; a run that is FINISHED has it as an artifact.

    ``artifact`` is None for a batch whose rows cannot be trained; ``metrics`` are what the gate looks at, and
    ``reference`` the sample that some of them were measured on.
    """

    run_id: str
    source: str
    tags: Mapping[str, str]
    description: str
    artifact: Artifact | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    reference: str | None = None

    def to_json(self) -> str:
        """Return the record as text."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> VersionRecord:
        """Return the record in ``text``.

        Raises
        ------
        ValueError, TypeError: not a record.
        """
        fields = json.loads(text)
        artifact = fields.pop("artifact")
        return cls(artifact=Artifact(**artifact) if artifact else None, **fields)
