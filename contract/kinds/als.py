"""ALS, the recommender, in a stream file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, Literal

from pydantic import Field

from contract.kind import Kind
from contract.proposal import ColumnFacts, Proposal, Table
from contract.sections import Bool, GateSection, Int, ModelSection, Real, Scheme

ID_TYPES: Final = ("int32", "int64", "string")
RATING_TYPES: Final = ("float32", "float64", "int32", "int64")


class Als(ModelSection):
    """How the ratings of a batch become factors of users and items, by alternating least squares."""

    kind: Literal["als"]
    user: str = Field(description="column that names who rated: a string or an integer")
    item: str = Field(description="column that names what was rated: a string or an integer")
    rating: str = Field(description="numeric column: the rating, or of an implicit model how much there was of it")
    rank: Int = Field(default=10, ge=1, le=1000, description="factors of a user and of an item")
    reg: Real = Field(default=0.1, gt=0, le=1e15, description="λ, times the number of ratings of a user or an item")
    iterations: Int = Field(default=10, ge=1, le=100, description="of which each solves items, then users")
    implicit: Bool = Field(default=False, description="a rating says how sure a preference is, not how high")
    alpha: Real = Field(default=1.0, ge=0, le=1e15, description="implicit: how much surer a rating of 1 makes")
    train_share: Real = Field(default=0.9, gt=0, lt=1, description="of the ratings, fitted; the rest measures")
    seed: Int = Field(default=1, ge=-(2**62), lt=2**62, description="of the random start")
    scheme: Scheme = Field(default="cumulative", description="batches of their own share few users and items")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the model reads."""
        return (self.user, self.item, self.rating)

    def column_faults(self, types: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Yield the key and the fault of each column that cannot be what it is said to be."""
        named: dict[str, str] = {}
        for key, allowed in (("user", ID_TYPES), ("item", ID_TYPES), ("rating", RATING_TYPES)):
            name = getattr(self, key)
            if name not in types:
                yield key, f"{name!r} is not a column; the columns are {', '.join(types)}"
            elif types[name] not in allowed:
                yield key, f"{name!r} is a {types[name]} column, and has to be one of {', '.join(allowed)}"
            if (other := named.setdefault(name, key)) != key:
                yield key, f"{name!r} is what `{other}` is; each is a column of its own"


class AlsGate(GateSection):
    """What a version must reach to be a challenger, and what it must not lose against the champion."""

    max_rmse: Real = Field(
        default=1.0, gt=0, description="explicit: below such a share of the RMSE of user and item means"
    )
    min_ndcg: Real = Field(
        default=1.0, ge=0, description="implicit: above such a share of the NDCG@10 of the most rated items"
    )
    max_loss: Real = Field(default=0.05, ge=0, description="share by which it may be worse than the champion")


_USER = re.compile(
    r"user|customer|client|person|people|reviewer|rater|member|account|reader|visitor|listener", re.IGNORECASE
)
_ITEM = re.compile(
    r"item|movie|film|book|product|song|track|artist|album|isbn|asin|anime|recipe|restaurant|business|joke|game|article|"
    r"course|show|hotel|place|venue",
    re.IGNORECASE,
)
_RATING = re.compile(r"rating|score|stars?$|overall|grade|likes?$|vote", re.IGNORECASE)
_MOST_RATINGS = 101
_FEW_COLUMNS = 4


def propose(table: Table) -> Proposal | None:
    """Return a recommender where a table has two columns that name things, and a small number that says how much."""
    rating = next(iter(sorted(filter(_is_rating, table), key=lambda column: not _RATING.search(column.name))), None)
    if rating is None:
        return None
    names = [column for column in table if column is not rating and _names_things(column, rating)]
    users = [column for column in names if _USER.search(column.name)]
    items = [column for column in names if _ITEM.search(column.name) and not _USER.search(column.name)]
    if users and items and _RATING.search(rating.name):
        return _recommender(users[0], items[0], rating, 0.9, ())
    if len(names) == 2 and len(table.columns) <= _FEW_COLUMNS:
        note = (
            f"model: taken for ratings, as {names[0].name} and {names[1].name} name things and {rating.name} is small"
        )
        return _recommender(names[0], names[1], rating, 0.7, (note,))
    return None


def _recommender(
    user: ColumnFacts, item: ColumnFacts, rating: ColumnFacts, likeliness: float, notes: tuple[str, ...]
) -> Proposal:
    model = {"kind": "als", "user": user.name, "item": item.name, "rating": rating.name}
    return Proposal(likeliness, model, notes=notes)


def _is_rating(column: ColumnFacts) -> bool:
    return (
        column.type in RATING_TYPES and not column.is_id and not column.missing and column.distinct is not None
        and 1 < column.distinct <= _MOST_RATINGS and column.low is not None and column.high is not None
        and -100 <= column.low < column.high <= 100
    )  # fmt: skip


def _names_things(column: ColumnFacts, rating: ColumnFacts) -> bool:
    """Whether it names what comes again and again, and more of it than there are ratings."""
    distinct = column.rows if column.distinct is None else column.distinct
    return (
        column.type in ID_TYPES and not column.missing and not column.is_unique
        and distinct > max(2, rating.distinct or 0) / (4 if column.is_id else 1) and distinct > 1
    )  # fmt: skip


KIND: Final = Kind(
    name="als",
    model=Als,
    gate=AlsGate,
    training="pipeline.train.kinds.als.kind:AlsKind",
    serving="serving.kinds.als.kind:KIND",
    has_features=False,
    propose=propose,
    needs="two columns that name things, users and items, and a small number that rates",
)
