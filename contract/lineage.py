"""What became of a series' clusters from one version to the next: the lineage file of a version's artifact."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

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
    before: tuple[str, ...]
    after: tuple[str, ...]
    share: float


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
        fields: dict[str, Any] = json.loads(body)
        if fields.pop("format") != LINEAGE_FORMAT:
            raise ValueError(f"its format is not {LINEAGE_FORMAT}")
        transitions = tuple(_transition(each) for each in fields.pop("transitions"))
        labels, retired = tuple(fields.pop("labels")), tuple(fields.pop("retired"))
        return Lineage(labels=labels, retired=retired, transitions=transitions, **fields)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelArtifactError(f"{source} is not a lineage file: {error!r}") from error


def _transition(fields: Mapping[str, Any]) -> Transition:
    if fields["kind"] not in KINDS:
        raise ValueError(f"{fields['kind']!r} is no transition")
    return Transition(fields["kind"], tuple(fields["before"]), tuple(fields["after"]), float(fields["share"]))
