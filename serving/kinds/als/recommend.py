"""The best items for users whose ratings are in a request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import orjson

from contract.errors import Fault, InvalidRequestError
from scoring.als import Places
from scoring.arrays import Floats
from scoring.factors import Singles
from serving.kinds.als.names import Names
from serving.kinds.als.numbers import RecommenderNumbers
from serving.kinds.als.requests import Rating, Wanted

RATINGS: Final = "ratings"
POPULARITY: Final = "popularity"


class Recommended(NamedTuple):
    """Items by their places, best first, and their scores; the items of the request that are not known.

    ``basis``: what they rest on, the user's ratings or, without a rating that tells anything, how many ratings each
    item has, which are the scores then.
    """

    places: Places
    scores: Singles | Floats
    unknown: tuple[str | int, ...]
    basis: str


def recommend(numbers: RecommenderNumbers, wanted: Wanted) -> list[Recommended]:
    """Return what is recommended to each user.

    Raises
    ------
    InvalidRequestError: ratings are too large for an answer.
    """
    return [_one(numbers, wanted, i, ratings) for i, ratings in enumerate(wanted.users)]


def _one(numbers: RecommenderNumbers, wanted: Wanted, i: int, ratings: Sequence[Rating]) -> Recommended:
    # Of an item that is rated twice the last rating counts, as in training.
    given = {str(each.item): each for each in ratings}
    found = list(zip(given.values(), numbers.items.ids.places(list(given)), strict=True))
    known = {place: each.rating for each, place in found if place is not None}
    unknown = tuple(each.item for each, place in found if place is None)
    exclude = known if wanted.exclude_rated else ()
    # As they are fitted: what is above zero in 64 bits need not be in 32.
    if not known or (numbers.implicit and not any(np.float32(rating) > 0 for rating in known.values())):
        most = numbers.rated.most_rated(wanted.n, exclude)
        places, counts = np.array([place for place, _ in most], np.int64), np.array([count for _, count in most])
        return Recommended(places, counts, unknown, POPULARITY)
    try:
        vector = numbers.scorer.fold_in(known)
    except ValueError as error:
        raise InvalidRequestError(
            f"the ratings cannot be answered: {error}", [Fault(wanted.loc(i), str(error))]
        ) from error
    return Recommended(*numbers.scorer.best(vector, wanted.n, exclude), unknown, RATINGS)


def seconds(numbers: RecommenderNumbers, wanted: Wanted) -> float:
    """Return about how long an answer takes."""
    rank, items = numbers.scorer.recommender.rank, len(numbers.items)
    ratings = sum(map(len, wanted.users))
    each = 60e-6 + items * (0.3e-9 * rank + 6e-9) + 0.2e-9 * rank**3 + 0.5e-6 * min(wanted.n, items)
    return len(wanted.users) * each + ratings * (4e-6 + 0.4e-9 * rank**2)


def differing(one: Sequence[Recommended], other: Sequence[Recommended], items: tuple[Names, Names]) -> int:
    """Return to how many users two versions, with their ``items``, recommend another item first."""
    return sum(_first(mine, items[0]) != _first(theirs, items[1]) for mine, theirs in zip(one, other, strict=True))


def _first(found: Recommended, items: Names) -> str | int | None:
    return items.answered(int(found.places[0])) if len(found.places) else None


def encode(found: Sequence[Recommended], wanted: Wanted, items: Names, chain_json: bytes) -> bytes:
    """Return the answer; ``chain_json`` is the rest of the object, from its first key on."""
    each = [_written(one, items) for one in found]
    if wanted.alone:
        return b"{" + each[0] + b"," + chain_json
    return b'{"users":[{' + b"},{".join(each) + b"}]," + chain_json


def _written(found: Recommended, items: Names) -> bytes:
    """Return what one user is told, without braces. An item stands in its file as it does in JSON."""
    scores = orjson.dumps(found.scores, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")
    listed = [
        b'{"item":' + items.json(place) + b',"score":' + score + b"}"
        for place, score in zip(found.places.tolist(), scores, strict=False)
    ]
    return b'"recommendations":[%b],"unknown_items":%b,"basis":"%b"' % (
        b",".join(listed),
        orjson.dumps(found.unknown),
        found.basis.encode(),
    )
