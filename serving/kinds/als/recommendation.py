"""A loaded version of a recommender, and how it is loaded: its files checked, above all against what Spark said."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from contract.errors import ModelArtifactError
from contract.model_version import GOLDEN_FILE, STATISTICS_FILE
from contract.recommender import (
    GOLDEN_RATINGS_FILE,
    ITEM_COUNTS_FILE,
    ITEM_FACTORS_FILE,
    ITEM_MEANS_FILE,
    ITEMS_FILE,
    MOST_BYTES,
    RECOMMENDER_FILE,
    USER_FACTORS_FILE,
    USERS_FILE,
    RecommenderStatistics,
    recommender_statistics_from_json,
)
from scoring.golden_ratings import GoldenPair, GoldenRatings, GoldenUser
from serving.kinds.als import numbers
from serving.kinds.als.numbers import Files, RecommenderNumbers
from serving.kinds.als.pairs import OUTPUTS
from serving.kinds.als.predictor import RecommenderPredictor
from serving.kinds.kind import ArtifactFile, ArtifactFiles
from serving.rows_in.cells import Inputs
from serving.versions.catalogue import Version

_MAPPED: Final = (
    RECOMMENDER_FILE, USERS_FILE, ITEMS_FILE, USER_FACTORS_FILE, ITEM_FACTORS_FILE, ITEM_COUNTS_FILE, ITEM_MEANS_FILE,
)  # fmt: skip
FILES: Final = (
    *(ArtifactFile(name, MOST_BYTES[name], is_mapped=True) for name in _MAPPED),
    *(ArtifactFile(name, MOST_BYTES[name]) for name in (STATISTICS_FILE, GOLDEN_FILE)),
)


@dataclass(frozen=True)
class Recommendation:
    """What a ready version answers with."""

    numbers: RecommenderNumbers
    statistics: RecommenderStatistics
    predictor: RecommenderPredictor

    @property
    def inputs(self) -> Inputs:
        """What a row has: a user and an item."""
        return self.predictor.inputs

    @cached_property
    def example(self) -> dict[str, Any]:
        """A plausible row: the first user and the item that is rated most."""
        user, item = self.numbers.users, self.numbers.items
        return {user.column.name: user.answered(0), item.column.name: item.answered(int(self.numbers.rated.order[0]))}

    @property
    def outputs(self) -> list[dict[str, Any]]:
        """The tensors of an answer."""
        return [{"name": name, "datatype": "FP64", "shape": [-1]} for name in OUTPUTS]

    @property
    def described(self) -> dict[str, Any]:
        """How many users and items there are, and whether ratings are implicit."""
        return {
            "users": len(self.numbers.users),
            "items": len(self.numbers.items),
            "implicit": self.numbers.implicit,
        }

    def takes_the_rows_of(self, other: object) -> bool:
        """Return whether what is asked of ``other`` can be asked of this one, and means the same."""
        return (
            isinstance(other, Recommendation)
            and other.inputs == self.inputs
            and other.numbers.implicit == self.numbers.implicit
        )


def load(bodies: ArtifactFiles) -> Recommendation:
    """Return the recommender in the files of an artifact.

    Raises
    ------
    ModelArtifactError: a file is not what it should be, or disagrees with another or with the golden file.
    """
    statistics = recommender_statistics_from_json(bodies[STATISTICS_FILE], STATISTICS_FILE)
    files = Files(tuple((name, bodies.paths[name]) for name in _MAPPED), statistics.columns)
    try:
        found = numbers.load(files)
    except OSError as error:
        raise ModelArtifactError(f"a copy of a file cannot be read: {error.strerror}") from error
    told = (statistics.users, statistics.items, statistics.implicit)
    if told != (len(found.users), len(found.items), found.implicit):
        raise ModelArtifactError(f"{STATISTICS_FILE} is of another model than {RECOMMENDER_FILE}")
    wrong = _golden(bodies[GOLDEN_FILE]).disagreements(found.scorer)
    if wrong:
        raise ModelArtifactError(
            f"{len(wrong)} golden users and pairs get another answer here than from Spark, the first is {wrong[0]}"
        )
    return Recommendation(found, statistics, RecommenderPredictor(files, found))


def _golden(body: bytes) -> GoldenRatings:
    try:
        file = GOLDEN_RATINGS_FILE.decode(body)
        if any(len(each.items) != len(each.ratings) for each in file.users):
            raise ValueError("a user has other items than ratings")
    except ValueError as error:
        raise ModelArtifactError(f"{GOLDEN_FILE}: {error}") from error
    users = tuple(GoldenUser(each.user, each.items, each.ratings, each.factors) for each in file.users)
    return GoldenRatings(file.longest, users, tuple(GoldenPair(p.user, p.item, p.rating) for p in file.pairs))


def recommendation(version: Version) -> Recommendation:
    """Return the recommender that a version is.

    Raises
    ------
    VersionUnavailableError: it is not ready.
    """
    served = version.required_numbers().served
    assert isinstance(served, Recommendation)  # noqa: S101 - asked of versions of this kind
    return served
