"""The files of a version's artifact as they are read: each of one type, with bounds.

The bounds are far above what trains in hours: four hundred clusters of eight hundred features are read.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from contract.decoding import Decoder, Name, Share

MOST_CLUSTERS: Final = 1000
"""As many as a stream file may ask for."""
MOST_FEATURES: Final = 10_000
MOST_GOLDEN_ROWS: Final = 20_000

_MIB: Final = 2**20

Label = Annotated[str, Meta(min_length=1, max_length=100)]
Features = Annotated[tuple[Name, ...], Meta(min_length=1, max_length=MOST_FEATURES)]
Numbers = Annotated[tuple[float, ...], Meta(max_length=MOST_FEATURES)]


class ScoringFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `scoring.kmeans.Scoring` is made of."""

    format: Literal[1]
    features: Features
    surrogates: Numbers
    mean: Numbers
    std: Numbers
    centers: Annotated[tuple[Numbers, ...], Meta(min_length=1, max_length=MOST_CLUSTERS)]
    labels: Annotated[tuple[Label, ...], Meta(min_length=1, max_length=MOST_CLUSTERS)]


class GoldenFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `scoring.golden.Golden` is made of; a missing value is None."""

    format: Literal[1]
    features: Features
    rows: Annotated[list[list[float | None]], Meta(min_length=1, max_length=MOST_GOLDEN_ROWS)]
    clusters: list[Annotated[int, Meta(ge=0, lt=MOST_CLUSTERS)]]
    distances: list[float]


class GoldenProbabilitiesFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The probabilities of golden rows, one for each cluster."""

    format: Literal[1]
    probabilities: Annotated[list[list[float]], Meta(min_length=1, max_length=MOST_GOLDEN_ROWS)]


class FeatureProfileFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One feature's distribution: ascending edges [m], shares [m + 2]."""

    edges: Annotated[tuple[float, ...], Meta(max_length=1000)]
    shares: Annotated[tuple[Share, ...], Meta(min_length=2, max_length=1002)]


class ProfileFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How each feature was distributed."""

    features: Annotated[dict[Name, FeatureProfileFields], Meta(min_length=1, max_length=MOST_FEATURES)]


SCORING: Final[Decoder[ScoringFile]] = Decoder(ScoringFile, most_bytes=32 * _MIB, most_values=1_100_000)
GOLDEN: Final[Decoder[GoldenFile]] = Decoder(GoldenFile, most_bytes=64 * _MIB, most_values=4_000_000)
GOLDEN_PROBABILITIES: Final[Decoder[GoldenProbabilitiesFile]] = Decoder(
    GoldenProbabilitiesFile, most_bytes=16 * _MIB, most_values=600_000
)
PROFILE: Final[Decoder[ProfileFile]] = Decoder(ProfileFile, most_bytes=32 * _MIB, most_values=1_000_000)
