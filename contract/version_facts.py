"""What a ready version says of its batch beside its numbers: a file of its artifact.

Older versions, and those whose batch could not be trained and that have no artifact, say the same in tags.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from contract.artifact import MOST_CLUSTERS, Label
from contract.decoding import Count, Decoder, Share
from contract.errors import ModelArtifactError

FACTS_FILE: Final = "swathe/facts.json"
FACTS_FORMAT: Final = 2
MOST_METRICS: Final = 128
"""That a version tells of itself; its run in MLflow has all."""
MOST_OF_A_FAMILY: Final = 16
"""Of metrics whose names differ behind the last slash only, as `drift/psi/<feature>`."""
MOST_NAME: Final = 250
"""Characters of a metric's name, as in MLflow."""
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
    ``metrics`` are what :func:`told_metrics` leaves of its run's, by name.
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
    metrics: Mapping[str, float] = field(default_factory=dict)

    def measured(self) -> Mapping[str, float]:
        """Return the metrics by name; of a version from before it told them, those that have fields of their own."""
        own = {
            "silhouette": self.silhouette,
            "ref/silhouette": self.ref_silhouette,
            "ref/wssse_per_row": self.ref_wssse_per_row,
        }
        return self.metrics or {name: value for name, value in own.items() if value is not None}


def told_metrics(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return of ``metrics`` those that a version tells of itself, in their order: finite ones of no large family.

    There is one of a large family for each of many things, as features are: of 300, nobody reads 600 lines, and
    whoever holds 1,000 versions would hold 600,000 numbers.
    """
    families = Counter(_family(name) for name in metrics)
    told = (
        (name, float(value))
        for name, value in metrics.items()
        if math.isfinite(value)
        and 0 < len(name) <= MOST_NAME
        and (not _family(name) or families[_family(name)] <= MOST_OF_A_FAMILY)
    )
    return dict(islice(told, MOST_METRICS))


def _family(name: str) -> str:
    return name.rpartition("/")[0]


def facts_to_json(facts: VersionFacts) -> bytes:
    """Return the facts as the bytes of their file."""
    return json.dumps({"format": FACTS_FORMAT, **dataclasses.asdict(facts)}, indent=1).encode()


def facts_from_json(body: bytes, source: str) -> VersionFacts:
    """Return the facts in ``body``; ``source`` is its name in messages.

    Raises
    ------
    ModelArtifactError: not facts of a known format.
    """
    try:
        found = FACTS.decode(body)
    except ValueError as error:
        raise ModelArtifactError(f"{source} is not a facts file: {error}") from error
    fields = msgspec.structs.asdict(found)
    return VersionFacts(**{**fields, "offsets": {int(lane): span for lane, span in found.offsets.items()}})


_Lane = Annotated[str, Meta(pattern="^[0-9]{1,10}$")]
_Offset = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_Text = Annotated[str, Meta(max_length=1_000)]
_Metric = Annotated[str, Meta(min_length=1, max_length=MOST_NAME)]


class _Facts1(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="format", tag=1):
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


class _Facts2(_Facts1, frozen=True, forbid_unknown_fields=True, tag_field="format", tag=2):
    metrics: Annotated[dict[_Metric, float], Meta(max_length=MOST_METRICS)]


FACTS: Final[Decoder[_Facts1 | _Facts2]] = Decoder(_Facts1 | _Facts2, most_bytes=4 * 2**20, most_values=500_000)
