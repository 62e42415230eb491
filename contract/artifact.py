"""The files of a version's artifact as they are read: each of one type, with bounds.

The bounds are far above what trains in hours: four hundred clusters of eight hundred features are read.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from contract.decoding import Decoder, Name, Share
from contract.features import CellType

MOST_CLUSTERS: Final = 1000
"""As many as a stream file may ask for."""
MOST_FEATURES: Final = 10_000
MOST_GOLDEN_ROWS: Final = 20_000

_MIB: Final = 2**20

Label = Annotated[str, Meta(min_length=1, max_length=100)]
Features = Annotated[tuple[Name, ...], Meta(min_length=1, max_length=MOST_FEATURES)]
Numbers = Annotated[tuple[float, ...], Meta(max_length=MOST_FEATURES)]

Value = Annotated[str, Meta(max_length=1000)] | Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | bool
"""Of a category."""
Cell = float | int | str | bool | None
Of = Literal["hour", "weekday", "month"]
_Us = Annotated[int, Meta(ge=-(2**62), le=2**62)]
_Seconds = Annotated[int, Meta(ge=-86_400, le=86_400)]
_Unit = Annotated[float, Meta(ge=-1, le=1)]
_MOST_CHANGES: Final = 5_000


class InputFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column that a version reads."""

    name: Name
    type: CellType


class ZoneFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Offsets of a zone [m + 1], and since when the next one holds [m]."""

    name: Name
    since_us: Annotated[tuple[_Us, ...], Meta(max_length=_MOST_CHANGES)]
    offsets_s: Annotated[tuple[_Seconds, ...], Meta(min_length=1, max_length=_MOST_CHANGES + 1)]


class _FeatureFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="as"):
    name: Name
    column: Name
    flag: bool

    @property
    def width(self) -> int:
        """Number of columns that it is encoded as."""
        return 1 + self.flag


class NumberFields(_FeatureFields, frozen=True, forbid_unknown_fields=True, tag="number"):
    """A number, as it is."""


class LogFields(_FeatureFields, frozen=True, forbid_unknown_fields=True, tag="log"):
    """The logarithm of a magnitude, with its sign."""


class CategoryFields(_FeatureFields, frozen=True, forbid_unknown_fields=True, tag="category"):
    """A category, and the values that have a column of their own."""

    values: Annotated[tuple[Value, ...], Meta(min_length=1, max_length=256)]

    @property
    def width(self) -> int:
        """Number of columns that it is encoded as."""
        return len(self.values) + 1 + self.flag


class CyclicFields(_FeatureFields, frozen=True, forbid_unknown_fields=True, tag="cyclic"):
    """A time of day, week or year, with sine and cosine of each slot."""

    of: Of
    table: Annotated[tuple[tuple[_Unit, _Unit], ...], Meta(max_length=24)]
    zone: ZoneFields

    @property
    def width(self) -> int:
        """Number of columns that it is encoded as."""
        return 2 + self.flag


class EncodingFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `scoring.features.Encoding.from_fields` reads, as :meth:`fields` gives it."""

    inputs: Annotated[tuple[InputFields, ...], Meta(min_length=1, max_length=MOST_FEATURES)]
    features: Annotated[
        tuple[NumberFields | LogFields | CategoryFields | CyclicFields, ...],
        Meta(min_length=1, max_length=MOST_FEATURES),
    ]

    def __post_init__(self) -> None:
        """Refuse more columns than are encoded, before anything is made of them."""
        width = sum(feature.width for feature in self.features)
        if width > MOST_FEATURES:
            raise ValueError(f"{width} encoded columns are more than {MOST_FEATURES}")

    def fields(self) -> dict[str, Any]:
        """Return it as JSON's own types."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found


class NumberFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the scoring file of any clustering has; in format 2, where rows are typed, factors and encoding too."""

    format: Literal[1, 2]
    features: Features
    surrogates: Numbers
    mean: Numbers
    std: Numbers
    factors: Numbers | None = None
    encoding: EncodingFields | None = None

    def __post_init__(self) -> None:
        """Refuse a format that is not the one of its fields."""
        if [self.factors is None, self.encoding is None] != [self.format == 1] * 2:
            raise ValueError(f"factors and encoding do not stand in format {self.format}")


class ScoringFile(NumberFile, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `scoring.kmeans.Scoring` is made of."""

    centers: Annotated[tuple[Numbers, ...], Meta(min_length=1, max_length=MOST_CLUSTERS)]
    labels: Annotated[tuple[Label, ...], Meta(min_length=1, max_length=MOST_CLUSTERS)]


class GoldenFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `scoring.golden.Golden` is made of; a missing value is None."""

    format: Literal[1, 2]
    features: Features
    rows: Annotated[list[list[Cell]], Meta(min_length=1, max_length=MOST_GOLDEN_ROWS)]
    clusters: list[Annotated[int, Meta(ge=0, lt=MOST_CLUSTERS)]]
    distances: list[float]
    types: Annotated[tuple[CellType, ...], Meta(min_length=1, max_length=MOST_FEATURES)] | None = None
    """Of typed rows, format 2: the type of each input."""

    def __post_init__(self) -> None:
        """Refuse a format that is not the one of its fields."""
        if (self.types is None) != (self.format == 1):
            raise ValueError(f"types do not stand in format {self.format}")


class GoldenProbabilitiesFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The probabilities of golden rows, one for each cluster."""

    format: Literal[1]
    probabilities: Annotated[list[list[float]], Meta(min_length=1, max_length=MOST_GOLDEN_ROWS)]


class FeatureProfileFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One feature's distribution: ascending edges [m], shares [m + 2]."""

    edges: Annotated[tuple[float, ...], Meta(max_length=1000)]
    shares: Annotated[tuple[Share, ...], Meta(min_length=2, max_length=1002)]


class CategoryProfileFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A category's distribution: values [m], shares [m + 2] of these, of others and of missing ones."""

    values: Annotated[tuple[Value, ...], Meta(max_length=256)]
    shares: Annotated[tuple[Share, ...], Meta(min_length=2, max_length=258)]


class TimeProfileFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A time's distribution: shares of its slots, 24, 7 or 12, and of missing ones."""

    shares: Annotated[tuple[Share, ...], Meta(min_length=8, max_length=25)]


class ProfileFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How each feature was distributed; of numbers alone it has ``features`` and nothing else."""

    features: Annotated[dict[Name, FeatureProfileFields], Meta(max_length=MOST_FEATURES)]
    format: Literal[2] | None = None
    categories: Annotated[dict[Name, CategoryProfileFields], Meta(max_length=MOST_FEATURES)] = {}
    times: Annotated[dict[Name, TimeProfileFields], Meta(max_length=MOST_FEATURES)] = {}


SCORING: Final[Decoder[ScoringFile]] = Decoder(ScoringFile, most_bytes=32 * _MIB, most_values=1_100_000)
GOLDEN: Final[Decoder[GoldenFile]] = Decoder(GoldenFile, most_bytes=64 * _MIB, most_values=4_000_000)
GOLDEN_PROBABILITIES: Final[Decoder[GoldenProbabilitiesFile]] = Decoder(
    GoldenProbabilitiesFile, most_bytes=16 * _MIB, most_values=600_000
)
PROFILE: Final[Decoder[ProfileFile]] = Decoder(ProfileFile, most_bytes=32 * _MIB, most_values=1_000_000)
