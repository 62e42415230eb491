"""What is asked of a recommender: ratings of one user or of several, as JSON."""

from __future__ import annotations

import re
from typing import Annotated, Final, NamedTuple, Never

import msgspec
import numpy as np
from msgspec import UNSET, Meta, UnsetType

from contract.errors import Fault, InvalidRequestError, RequestTooLargeError
from serving.kinds.als.names import Name
from serving.rows_in.faults import parsed
from serving.rows_in.size import check_size

MOST_N: Final = 1000
N: Final = 10
MOST_USERS: Final = 10_000
MOST_ANSWERS: Final = 1_000_000
"""Items in all lists of an answer together."""

_LARGEST: Final = float(np.finfo(np.float32).max)
_STEP: Final = re.compile(r"\.([^.\[]+)|\[([0-9]+)\]")
_HOW: Final = 'send {"ratings": [{"item": <string or integer>, "rating": <number>}, …], "n": 10}'


class Rating(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """What a user gave an item."""

    item: Name
    rating: float


class User(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """What one of several users gave."""

    ratings: list[Rating]


class _Body(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    ratings: list[Rating] | UnsetType = UNSET
    users: Annotated[list[User], Meta(min_length=1, max_length=MOST_USERS)] | UnsetType = UNSET
    n: Annotated[int, Meta(ge=1, le=MOST_N)] = N
    exclude_rated: bool = True


class Wanted(NamedTuple):
    """A decoded request: the ratings of each user, how many items, and whether those that are rated stay out.

    ``alone``: it is one user's, and so is the answer.
    """

    users: list[list[Rating]]
    n: int
    exclude_rated: bool
    alone: bool

    def loc(self, i: int) -> tuple[str | int, ...]:
        """Return the path of the ratings of user ``i``."""
        return ("ratings",) if self.alone else ("users", i, "ratings")


_DECODER: Final = msgspec.json.Decoder(_Body)


def decode(body: bytes) -> Wanted:
    """Return what ``body`` asks.

    Raises
    ------
    MalformedRequestError: not JSON.
    RequestTooLargeError: it has more values than are read, or asks more items than are answered at once.
    InvalidRequestError: names the field that is not as it should be.
    """
    check_size(body)
    try:
        asked = _DECODER.decode(body)
    except msgspec.ValidationError as error:
        _refuse_field(str(error))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _refuse_text(body, error)
    wanted = _wanted(asked)
    if len(wanted.users) * wanted.n > MOST_ANSWERS:
        raise RequestTooLargeError(
            f"{len(wanted.users)} users times n={wanted.n} are more than {MOST_ANSWERS} items; send fewer users at once"
        )
    _check_numbers(wanted)
    return wanted


def _wanted(asked: _Body) -> Wanted:
    if isinstance(asked.users, UnsetType) and not isinstance(asked.ratings, UnsetType):
        return Wanted([asked.ratings], asked.n, asked.exclude_rated, alone=True)
    if isinstance(asked.ratings, UnsetType) and not isinstance(asked.users, UnsetType):
        return Wanted([user.ratings for user in asked.users], asked.n, asked.exclude_rated, alone=False)
    problem = "must have either ratings, or users with ratings each"
    raise InvalidRequestError(f"the body {problem}; {_HOW}", [Fault(("body",), problem)])


def _check_numbers(wanted: Wanted) -> None:
    """Refuse ratings that are no number of 32 bits, which is what Spark takes."""
    for i, ratings in enumerate(wanted.users):
        for j, given in enumerate(ratings):
            if not -_LARGEST <= given.rating <= _LARGEST:
                problem = "must be a finite number of 32 bits"
                fault = Fault((*wanted.loc(i), j, "rating"), problem)
                raise InvalidRequestError(f"a rating {problem}", [fault])


def _refuse_field(told: str) -> Never:
    """Refuse a field, by what msgspec tells of it: `Expected … - at `$.users[3].ratings[0].item``."""
    problem, _, path = told.partition(" - at `$")
    loc = tuple(int(place) if place else name for name, place in _STEP.findall(path.rstrip("`")))
    problem = problem.replace("`", "")
    raise InvalidRequestError(f"{_written(loc)}: {problem}; {_HOW}"[:500], [Fault(loc or ("body",), problem[:200])])


def _written(loc: tuple[str | int, ...]) -> str:
    return ".".join(map(str, loc)) or "the body"


def _refuse_text(body: bytes, error: Exception) -> Never:
    """Tell NaN and Infinity, which are not JSON but common, from what is no JSON at all."""
    constants: list[str] = []
    parsed(body, constants.append)
    problem = "must be finite numbers" if constants else "has text that is no Unicode"
    raise InvalidRequestError(f"the body {problem}", [Fault(("body",), problem)]) from error
