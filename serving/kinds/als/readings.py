"""What can be read of a recommender: its users and items, what is like an item, stored lists, and how good it is."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Any, Final

import numpy as np
import orjson

from contract.errors import Fault, InvalidRequestError, UnknownNameError
from serving.kinds.als.names import Names
from serving.kinds.als.requests import MOST_N, N
from serving.kinds.als.stored_lists import StoredLists
from serving.kinds.kind import Asked, Reading
from serving.kinds.openapi_words import path_parameter, query_parameter
from serving.kinds.query import refuse_unknown, whole_number
from serving.stored_rows.range_cache import RangeCache

MOST_LISTED: Final = 1000
LISTED: Final = 100
_LOADED: Final = ("404", "409", "422", "429", "504")
_STORED: Final = (*_LOADED, "502", "503")


@lru_cache(maxsize=4)
def _stored_lists(stored: RangeCache) -> StoredLists:
    return StoredLists(stored)


def _users(asked: Asked) -> dict[str, Any]:
    refuse_unknown(asked.query, "limit", "cursor")
    users = asked.served.numbers.users
    begin, limit = _begin(asked, "users", len(users)), _limit(asked)
    end = min(begin + limit, len(users))
    found = [users.answered(place) for place in range(begin, end)]
    return {"users": found, "next_cursor": _cursor(asked, "users", end) if end < len(users) else None}


def _items(asked: Asked) -> dict[str, Any]:
    refuse_unknown(asked.query, "limit", "cursor", "prefix")
    numbers, prefix = asked.served.numbers, asked.query.get("prefix", "")
    order = numbers.rated.order
    if prefix:
        within = numbers.items.beginning(prefix)
        order = order[(order >= within.start) & (order < within.stop)]
    of = f"items {prefix}"
    begin, limit = _begin(asked, of, len(order)), _limit(asked)
    found = [_item(asked, int(place)) for place in order[begin : begin + limit]]
    more = begin + limit < len(order)
    return {"items": found, "next_cursor": _cursor(asked, of, begin + limit) if more else None}


def _item(asked: Asked, place: int) -> dict[str, Any]:
    numbers = asked.served.numbers
    rated = {"ratings": int(numbers.rated.counts[place]), "mean_rating": float(numbers.rated.means[place])}
    return {"item": numbers.items.answered(place), **rated}


def _similar(asked: Asked) -> dict[str, Any]:
    refuse_unknown(asked.query, "n")
    items = asked.served.numbers.items
    place = _place(asked, items, "item")
    n = whole_number(asked.query, "n", 1, MOST_N)
    found = asked.served.numbers.scorer.similar(place, N if n is None else n)
    cosines = _shortest([cosine for _, cosine in found])
    similar = [{"item": items.answered(other[0]), "similarity": c} for other, c in zip(found, cosines, strict=True)]
    return {"item": items.answered(place), "similar": similar}


def _recommended(asked: Asked) -> dict[str, Any]:
    refuse_unknown(asked.query)
    numbers = asked.served.numbers
    place = _place(asked, numbers.users, "user")
    # Stored is text, whatever the column.
    column = numbers.items.column
    found = _stored_lists(asked.stored).of(asked.version, numbers.users.ids[place], column)
    items, rated = (_answered(names, column.type) for names in (found.items, found.rated_items))
    return {
        "user": numbers.users.answered(place),
        "recommendations": [{"item": i, "score": s} for i, s in zip(items, _shortest(found.scores), strict=True)],
        "ratings": [{"item": i, "rating": r} for i, r in zip(rated, _shortest(found.ratings), strict=True)],
    }


def _statistics(asked: Asked) -> dict[str, Any]:
    refuse_unknown(asked.query)
    return asdict(asked.served.statistics)


def _place(asked: Asked, names: Names, what: str) -> int:
    """Return the place of the user or item in the path.

    Raises
    ------
    UnknownNameError: there is none.
    """
    text = asked.path[what]
    place = names.find(text)
    if place is None:
        within = f"version {asked.version.number} of model {asked.version.model!r}, whose {what}s `{what}s` lists"
        raise UnknownNameError(what, text, within=within)
    return place


def _answered(names: Sequence[str], column_type: str) -> list[str | int]:
    return list(names) if column_type == "string" else [int(name) for name in names]


def _shortest(floats: Sequence[float]) -> list[float]:
    """Return numbers of 32 bits as a posted answer writes them: as short as tells them apart."""
    written: list[float] = orjson.loads(orjson.dumps(np.array(floats, np.float32), option=orjson.OPT_SERIALIZE_NUMPY))
    return written


def _limit(asked: Asked) -> int:
    limit = whole_number(asked.query, "limit", 1, MOST_LISTED)
    return LISTED if limit is None else limit


def _cursor(asked: Asked, of: str, begin: int) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([asked.version.run_id, of, begin])).decode().rstrip("=")


def _begin(asked: Asked, of: str, count: int) -> int:
    """Return where a page begins: what a listing never changes in needs no key to go on from.

    Raises
    ------
    InvalidRequestError: the cursor is not one of this version and listing.
    """
    cursor = asked.query.get("cursor")
    if cursor is None:
        return 0
    try:
        fields = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        its_run, its_listing, begin = fields
        if (its_run, its_listing) != (asked.version.run_id, of) or type(begin) is not int or not 0 <= begin <= count:
            raise ValueError("of another version or listing")
    except (ValueError, TypeError, binascii.Error) as error:
        problem = "is not a cursor of this version and listing; begin again without one"
        raise InvalidRequestError(f"the cursor {problem}", [Fault(("query", "cursor"), problem)]) from error
    return begin


def _page_query(_served: Any) -> list[dict[str, Any]]:
    schema = {"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": LISTED}
    return [
        query_parameter("limit", schema, "How many on the page"),
        query_parameter("cursor", {"type": "string", "minLength": 1}, "`next_cursor` of the page before"),
    ]


def _items_query(served: Any) -> list[dict[str, Any]]:
    return [*_page_query(served), query_parameter("prefix", {"type": "string"}, "Only items whose id begins so")]


def _similar_query(_served: Any) -> list[dict[str, Any]]:
    schema = {"type": "integer", "minimum": 1, "maximum": MOST_N, "default": N}
    return [path_parameter("item"), query_parameter("n", schema, "How many items; all, where there are fewer")]


READINGS: Final = (
    Reading(
        "/users", _users, name="users", summary="The users that {who} knows, by page", schema="Users",
        problems=_LOADED, parameters=_page_query, has_query=True, signpost="users",
    ),
    Reading(
        "/recommendations/{user:path}", _recommended, name="recommendations",
        summary="The list that Spark stored for a user, and the ratings it rests on, in {who}",
        schema="StoredRecommendations", problems=_STORED, parameters=lambda _served: [path_parameter("user")],
        has_query=True,
    ),
    Reading(
        "/items", _items, name="items", summary="The items of {who}, most rated first, by page", schema="Items",
        problems=_LOADED, parameters=_items_query, has_query=True, signpost="items",
    ),
    Reading(
        "/items/{item:path}/similar", _similar, name="similar",
        summary="The items nearest to one by the cosine of their factors in {who}", schema="SimilarItems",
        problems=_LOADED, parameters=_similar_query, has_query=True,
    ),
    Reading(
        "/model-stats", _statistics, name="model_statistics",
        summary="Users, items, ratings, density, and measures beside their baselines, of {who}",
        schema="ModelStatistics", problems=_LOADED, has_query=True, signpost="model statistics",
    ),
)  # fmt: skip
