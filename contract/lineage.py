"""What became of a series' clusters from one version to the next: the lineage file of a version's artifact."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from contract.artifact import MOST_CLUSTERS, Label
from contract.decoding import Count, Decoder, Share
from contract.errors import ModelArtifactError

LINEAGE_FORMAT: Final = 1

Kind = Literal["survived", "split", "merged", "appeared", "vanished"]
KINDS: Final[tuple[Kind, ...]] = ("survived", "split", "merged", "appeared", "vanished")


@dataclass(frozen=True)
class Transition:
    """What became of the labels ``before``; ``share`` of their rows, 0 to 1, went into the labels ``after``.

    `appeared` has no label before, `vanished` none after; several that merged into one have a transition each.
    """

    kind: Kind
    before: Annotated[tuple[Label, ...], Meta(max_length=MOST_CLUSTERS)]
    after: Annotated[tuple[Label, ...], Meta(max_length=MOST_CLUSTERS)]
    share: Share


@dataclass(frozen=True)
class Lineage:
    """The labels of a version's clusters, and how they came about.

    ``labels`` are by cluster number; ``retired`` were used by earlier versions and never come back; the next new
    cluster is called ``C<next_label>``. ``predecessor`` is the version that ``transitions`` compare with, None for
    the first of a series, which has none.
    """

    labels: tuple[str, ...]
    retired: tuple[str, ...]
    next_label: int
    predecessor: int | None
    transitions: tuple[Transition, ...]

    def counts(self) -> dict[Kind, int]:
        """Return how many transitions of each kind there were."""
        found = Counter(each.kind for each in self.transitions)
        return {kind: found[kind] for kind in KINDS}


def lineage_to_json(lineage: Lineage) -> bytes:
    """Return the lineage file."""
    return json.dumps({"format": LINEAGE_FORMAT, **asdict(lineage)}, indent=1).encode()


def lineage_from_json(body: bytes, source: str) -> Lineage:
    """Return the lineage in ``body``; ``source`` is its name in messages.

    Raises
    ------
    ModelArtifactError: not a lineage file of this format.
    """
    try:
        found = LINEAGE.decode(body)
        if not all(each.before or each.after for each in found.transitions):
            raise ValueError("a transition has a label neither before nor after")
    except ValueError as error:
        raise ModelArtifactError(f"{source} is not a lineage file: {error}") from error
    return Lineage(found.labels, found.retired, found.next_label, found.predecessor, found.transitions)


class _LineageFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: Literal[1]
    labels: Annotated[tuple[Label, ...], Meta(min_length=1, max_length=MOST_CLUSTERS)]
    retired: tuple[Label, ...]
    next_label: Count
    predecessor: Annotated[int, Meta(ge=1, le=999_999_999)] | None
    transitions: Annotated[tuple[Transition, ...], Meta(max_length=2 * MOST_CLUSTERS)]


LINEAGE: Final[Decoder[_LineageFile]] = Decoder(_LineageFile, most_bytes=16 * 2**20, most_values=1_000_000)
