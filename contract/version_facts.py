"""What a ready version says of its batch beside its numbers: a file of its artifact.

Older versions, and those whose batch could not be trained and that have no artifact, say the same in tags.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from contract.artifact import MOST_CLUSTERS, Label
from contract.decoding import Count, Decoder, Share
from contract.errors import ModelArtifactError

FACTS_FILE: Final = "swathe/facts.json"
FACTS_FORMAT: Final = 1
MOST_FLOWS: Final = 10
"""Of one cluster."""
LEAST_FLOW: Final = 0.005


@dataclass(frozen=True)
class Flow:
    """Of the batch's rows, those that the version before has in ``before``: ``share``, 0 to 1, are in ``after``."""

    before: Label
    after: Label
    share: Share


@dataclass(frozen=True)
class VersionFacts:
    """Of the batch, or batches, that a version was trained on, and of the version beside others.

    ``offsets`` are, per lane, the first offset and the one after the last. ``window`` and ``event_window`` are ISO
    8601 intervals, UTC: of the records' timestamps, and of the stream's event-time column where it has one.
    ``reference`` is the key of the sample on which ``ref_silhouette`` and ``ref_wssse_per_row`` were measured.
    ``flows`` are where the rows of each cluster of the version before are now: the ten largest of at least 0.5 %.
    """

    offsets: Mapping[int, tuple[int, int]] | None = None
    rejected: int | None = None
    window: str | None = None
    event_window: str | None = None
    silhouette: float | None = None
    reference: str | None = None
    ref_silhouette: float | None = None
    ref_wssse_per_row: float | None = None
    drift: str | None = None
    drift_reason: str | None = None
    flows: tuple[Flow, ...] = ()


def facts_to_json(facts: VersionFacts) -> bytes:
    """Return the facts as the bytes of their file."""
    return json.dumps({"format": FACTS_FORMAT, **dataclasses.asdict(facts)}, indent=1).encode()


def facts_from_json(body: bytes, source: str) -> VersionFacts:
    """Return the facts in ``body``; ``source`` is its name in messages.

    Raises
    ------
    ModelArtifactError: not facts of this format.
    """
    try:
        found = FACTS.decode(body)
    except ValueError as error:
        raise ModelArtifactError(f"{source} is not a facts file: {error}") from error
    fields = msgspec.structs.asdict(found)
    del fields["format"]
    return VersionFacts(**{**fields, "offsets": {int(lane): span for lane, span in found.offsets.items()}})


_Lane = Annotated[str, Meta(pattern="^[0-9]{1,10}$")]
_Offset = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_Text = Annotated[str, Meta(max_length=1_000)]


class _FactsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: Literal[1]
    offsets: dict[_Lane, tuple[_Offset, _Offset]]
    rejected: Count
    window: _Text | None
    event_window: _Text | None
    silhouette: float | None
    reference: _Text | None
    ref_silhouette: float | None
    ref_wssse_per_row: float | None
    drift: _Text | None
    drift_reason: _Text | None
    flows: Annotated[tuple[Flow, ...], Meta(max_length=MOST_FLOWS * MOST_CLUSTERS)]


FACTS: Final[Decoder[_FactsFile]] = Decoder(_FactsFile, most_bytes=4 * 2**20, most_values=500_000)
