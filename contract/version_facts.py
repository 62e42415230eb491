"""What a ready version says of its batch beside its numbers: a file of its artifact.

Older versions, and those whose batch could not be trained and that have no artifact, say the same in tags.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from contract.errors import ModelArtifactError

FACTS_FILE: Final = "swathe/facts.json"
FACTS_FORMAT: Final = 1


@dataclass(frozen=True)
class VersionFacts:
    """Of the batch, or batches, that a version was trained on, and of the version beside others.

    ``offsets`` are, per lane, the first offset and the one after the last. ``window`` and ``event_window`` are ISO
    8601 intervals, UTC: of the records' timestamps, and of the stream's event-time column where it has one.
    ``reference`` is the key of the sample on which ``ref_silhouette`` and ``ref_wssse_per_row`` were measured.
    """

    offsets: Mapping[int, tuple[int, int]]
    rejected: int
    window: str | None = None
    event_window: str | None = None
    silhouette: float | None = None
    reference: str | None = None
    ref_silhouette: float | None = None
    ref_wssse_per_row: float | None = None
    drift: str | None = None
    drift_reason: str | None = None


def facts_to_json(facts: VersionFacts) -> bytes:
    """Return the facts as the bytes of their file."""
    return json.dumps({"format": FACTS_FORMAT, **dataclasses.asdict(facts)}, indent=1).encode()


def facts_from_json(body: bytes, source: str) -> VersionFacts:
    """Return the facts in ``body``; ``source`` names the version, for the message.

    Raises
    ------
    ModelArtifactError: not facts of this format.
    """
    try:
        fields: dict[str, Any] = json.loads(body)
        if fields.pop("format") != FACTS_FORMAT:
            raise ValueError(f"its format is not {FACTS_FORMAT}")
        offsets = {int(lane): (int(first), int(after)) for lane, (first, after) in fields.pop("offsets").items()}
        return VersionFacts(offsets=offsets, **fields)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ModelArtifactError(f"{FACTS_FILE} of {source} cannot be read: {error}") from error
