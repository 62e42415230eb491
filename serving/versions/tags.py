"""A version's tags, which anybody may have written: what a tag says, or None where that is not what it should be."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Final

from msgspec import Meta

from contract.decoding import Decoder
from contract.kind import DEFAULT
from contract.model_version import (
    TAG_DRIFT,
    TAG_DRIFT_REASON,
    TAG_KIND,
    TAG_OFFSETS,
    TAG_REF_SILHOUETTE,
    TAG_REJECTED,
    TAG_SILHOUETTE,
    TAG_WINDOW,
)
from contract.version_facts import VersionFacts

MOST_TEXT: Final = 5000
"""Characters of a text that is shown; MLflow itself takes up to 100,000."""

# ASCII only: isdigit and int() take other digits, and not the same ones.
_WHOLE: Final = re.compile(r"[0-9]{1,15}")
_REAL: Final = re.compile(r"-?[0-9]{1,309}(\.[0-9]{1,400})?([eE][-+]?[0-9]{1,3})?")

_Lane = Annotated[str, Meta(pattern="^[0-9]{1,10}$")]
_Offset = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_Offsets = dict[_Lane, tuple[_Offset, _Offset]]
_OFFSETS: Final[Decoder[_Offsets]] = Decoder(_Offsets, most_bytes=100_000, most_values=20_000)


def kind_of(tags: Mapping[str, str]) -> str:
    """Return the name of the kind of model, whether or not there is such a kind."""
    return tags.get(TAG_KIND) or DEFAULT


def whole(tag: str | None) -> int | None:
    """Return a whole number of at most 15 digits."""
    return int(tag) if tag and _WHOLE.fullmatch(tag) else None


def real(tag: str | None) -> float | None:
    """Return a finite number."""
    if not tag or _REAL.fullmatch(tag) is None:
        return None
    number = float(tag)
    return number if math.isfinite(number) else None


def text(tag: str | None, most: int = MOST_TEXT) -> str | None:
    """Return a text of at most ``most`` characters."""
    return tag if tag and len(tag) <= most else None


def word(tag: str | None, known: Sequence[str]) -> str | None:
    """Return one of the ``known`` words."""
    return tag if tag in known else None


def instant(tag: str | None) -> str | None:
    """Return an ISO 8601 time."""
    return tag if tag and len(tag) <= 40 and _is_instant(tag) else None


def interval(tag: str | None) -> str | None:
    """Return an ISO 8601 interval between two times."""
    ends = tag.split("/") if tag and len(tag) <= 81 else []
    return tag if len(ends) == 2 and all(map(_is_instant, ends)) else None


def offsets(tag: str | None) -> dict[str, tuple[int, int]] | None:
    """Return per lane the first and the next offset."""
    try:
        return _OFFSETS.decode(tag.encode()) if tag else None
    except ValueError:
        return None


def facts(tags: Mapping[str, str]) -> VersionFacts:
    """Return what a version without a facts file says in its tags; an odd one is as if it were absent."""
    spans = offsets(tags.get(TAG_OFFSETS))
    return VersionFacts(
        offsets=None if spans is None else {int(lane): span for lane, span in spans.items()},
        rejected=whole(tags.get(TAG_REJECTED)),
        window=interval(tags.get(TAG_WINDOW)),
        silhouette=real(tags.get(TAG_SILHOUETTE)),
        ref_silhouette=real(tags.get(TAG_REF_SILHOUETTE)),
        drift=text(tags.get(TAG_DRIFT)),
        drift_reason=text(tags.get(TAG_DRIFT_REASON)),
    )


def _is_instant(tag: str) -> bool:
    try:
        datetime.fromisoformat(tag)
    except ValueError:
        return False
    return tag.isascii()
