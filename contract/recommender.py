"""What training leaves of a recommender: the files of its artifact beside Spark's own, and its stored lists.

Factors, ids and what is told of items are as `scoring.factors`, `scoring.ids` and `scoring.item_ratings` write them;
their headers and sizes follow from `recommender.json`, so a bound on their bytes is all that is said here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from contract.decoding import Count, Decoder, Name, Share
from contract.errors import ModelArtifactError
from contract.model_version import GOLDEN_FILE, STATISTICS_FILE, ResultsFile

_MIB: Final = 2**20

RECOMMENDER_FILE: Final = "swathe/recommender.json"
USERS_FILE: Final = "swathe/users.txt"
ITEMS_FILE: Final = "swathe/items.txt"
USER_FACTORS_FILE: Final = "swathe/user_factors.npy"
ITEM_FACTORS_FILE: Final = "swathe/item_factors.npy"
ITEM_COUNTS_FILE: Final = "swathe/item_counts.npy"
ITEM_MEANS_FILE: Final = "swathe/item_means.npy"

MOST_BYTES: Final[Mapping[str, int]] = {
    RECOMMENDER_FILE: 10_000,
    USERS_FILE: 256 * _MIB,
    ITEMS_FILE: 256 * _MIB,
    USER_FACTORS_FILE: 4_096 * _MIB,
    ITEM_FACTORS_FILE: 4_096 * _MIB,
    ITEM_COUNTS_FILE: 512 * _MIB,
    ITEM_MEANS_FILE: 512 * _MIB,
    STATISTICS_FILE: _MIB,
    GOLDEN_FILE: 32 * _MIB,
}
"""Of each file at most, by its name."""

STATISTICS_FORMAT: Final = 1
GOLDEN_USERS: Final = 100
"""Users in a golden file at most."""
GOLDEN_RATINGS: Final = 10_000
"""Ratings of one of them at most."""
GOLDEN_PAIRS: Final = 1_000

LISTS_FORMAT: Final = 1
LIST_ITEMS: Final = 100
"""Items in a stored list at most; fewer where a user has rated nearly all."""
LISTS_ROW_GROUP_ROWS: Final = 200
"""Users of a row group of stored lists at most: reading one list reads one row group."""

# Columns of stored lists.
USER, ITEMS, SCORES, RATED_ITEMS, RATINGS = "_user", "items", "scores", "rated_items", "ratings"


@dataclass(frozen=True)
class IdColumn:
    """A column of the stream that names users or items; inside, an integer is its decimal text."""

    name: Name
    type: Literal["string", "int32", "int64"]


@dataclass(frozen=True)
class Columns:
    """What the stream calls what a recommender reads."""

    user: IdColumn
    item: IdColumn
    rating: Name


@dataclass(frozen=True)
class Spread:
    """Of ratings; ``std`` is that of all of them, not of a sample."""

    min: float
    max: float
    mean: float
    std: float


@dataclass(frozen=True)
class Measured:
    """What a model did on ratings that it had not seen.

    ``ratings`` of ``users`` were looked at; of ``cold`` ones the user or the item was not known, and they are left out
    of what is told. ``values`` are by measure, as `rmse` or `ndcg_at_10`, and ``baselines`` the same measures of what
    is simpler: `global_mean`, `user_mean`, `item_mean`, `user_item_means`, `popularity`.
    """

    ratings: Count
    users: Count
    cold: Count
    values: Annotated[dict[str, float], Meta(max_length=100)]
    baselines: Annotated[dict[str, dict[str, float]], Meta(max_length=100)]

    def metrics(self, prefix: str) -> dict[str, float]:
        """Return all of it by the name of a metric: `<prefix>/rmse`, `<prefix>/user_mean/rmse`."""
        counts = {"ratings": self.ratings, "users": self.users, "cold": self.cold}
        found = {f"{prefix}/{name}": float(value) for name, value in {**self.values, **counts}.items()}
        for baseline, values in self.baselines.items():
            found |= {f"{prefix}/{baseline}/{name}": value for name, value in values.items()}
        return found


@dataclass(frozen=True)
class RecommenderStatistics:
    """Of the ratings that a version was fitted to, by how many ``users`` of how many ``items``, and how good it is.

    ``density`` is the share of all pairs that are rated. Of the records, ``left_out`` have no user, no item or no
    rating, and ``superseded`` were rated again later. ``held_out`` is what was not fitted; ``prequential`` is the
    version before, ``before``, on the newest batch.
    """

    columns: Columns
    implicit: bool
    users: Count
    items: Count
    ratings: Count
    density: Share
    rating: Spread
    left_out: Count
    superseded: Count
    held_out: Measured | None = None
    prequential: Measured | None = None
    before: Count | None = None


@dataclass(frozen=True)
class ListsManifest:
    """The stored lists of one version: for each of ``users`` users the best items that the user has not rated.

    Columns: ``_user`` string; ``items`` list of string and ``scores`` list of float32, best first; ``rated_items`` list
    of string and ``ratings`` list of float32: what the list rests on, sorted by item. Files are sorted by ``_user``,
    strings compared by their UTF-8 bytes; the end keys of a file are ``[_user]``.
    """

    model: str
    run_id: str
    users: int
    files: tuple[ResultsFile, ...]


class _User(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    user: str
    items: Annotated[tuple[str, ...], Meta(min_length=1, max_length=GOLDEN_RATINGS)]
    ratings: Annotated[tuple[float, ...], Meta(min_length=1, max_length=GOLDEN_RATINGS)]
    factors: Annotated[tuple[float, ...], Meta(min_length=1, max_length=1_000)]


class _Pair(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    user: str
    item: str
    rating: float


class GoldenRatingsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `scoring.golden_ratings.GoldenRatings` is made of."""

    format: Literal[1]
    longest: Annotated[float, Meta(ge=0)]
    users: Annotated[tuple[_User, ...], Meta(min_length=1, max_length=GOLDEN_USERS)]
    pairs: Annotated[tuple[_Pair, ...], Meta(min_length=1, max_length=GOLDEN_PAIRS)]


GOLDEN_RATINGS_FILE: Final[Decoder[GoldenRatingsFile]] = Decoder(
    GoldenRatingsFile, most_bytes=MOST_BYTES[GOLDEN_FILE], most_values=2_500_000
)


class _Statistics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: Literal[1]
    recommender: RecommenderStatistics


RECOMMENDER_STATISTICS: Final[Decoder[_Statistics]] = Decoder(
    _Statistics, most_bytes=MOST_BYTES[STATISTICS_FILE], most_values=10_000
)


def recommender_statistics_to_json(statistics: RecommenderStatistics) -> bytes:
    """Return the statistics file of a recommender."""
    return json.dumps({"format": STATISTICS_FORMAT, "recommender": asdict(statistics)}, indent=1).encode()


def recommender_statistics_from_json(body: bytes, source: str) -> RecommenderStatistics:
    """Return what a statistics file says; ``source`` is its name in messages.

    Raises
    ------
    ModelArtifactError: not a statistics file of a recommender.
    """
    try:
        return RECOMMENDER_STATISTICS.decode(body).recommender
    except ValueError as error:
        raise ModelArtifactError(f"{source} is not a statistics file of a recommender: {error}") from error


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: Annotated[str, Meta(min_length=1, max_length=1024)]
    # It goes into a header.
    etag: Annotated[str, Meta(pattern="^[!#-~]{1,200}$")]
    bytes: Annotated[int, Meta(ge=1, le=2**40)]
    rows: Count
    first: tuple[str]
    last: tuple[str]


class _Lists(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: Literal[1]
    model: Name
    run_id: str
    users: Count
    files: Annotated[tuple[_File, ...], Meta(max_length=10_000)]


LISTS: Final[Decoder[_Lists]] = Decoder(_Lists, most_bytes=16 * _MIB, most_values=500_000)


def lists_to_json(manifest: ListsManifest) -> bytes:
    """Return the manifest of stored lists as the bytes of its object."""
    return json.dumps({"format": LISTS_FORMAT, **asdict(manifest)}, indent=1).encode()


def lists_from_json(body: bytes, key: str) -> ListsManifest:
    """Return the manifest of stored lists in ``body``.

    Raises
    ------
    ModelArtifactError: not such a manifest of this format.
    """
    try:
        found = LISTS.decode(body)
    except ValueError as error:
        raise ModelArtifactError(f"{key} is not a manifest of stored lists that this version reads: {error}") from error
    files = tuple(ResultsFile(**msgspec.structs.asdict(file)) for file in found.files)
    return ListsManifest(found.model, found.run_id, found.users, files)
