"""The numbers of a recommender and their files: factors as `.npy` that are mapped, never unpickled, and ids as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from . import mapped
from .ids import Ids

Singles = npt.NDArray[np.float32]

RECOMMENDER_FORMAT: Final = 1

META: Final = "recommender.json"
USERS, ITEMS = "users.txt", "items.txt"
USER_FACTORS, ITEM_FACTORS = "user_factors.npy", "item_factors.npy"

FILES: Final = (META, USERS, ITEMS, USER_FACTORS, ITEM_FACTORS)

MOST_RANK: Final = 1_000
MOST_META_BYTES: Final = 10_000
LARGEST: Final = 1e15
"""Of a factor, and of λ and α: above it a dot product of floats could be infinite."""


@dataclass(frozen=True, eq=False)
class Recommender:
    """The numbers of one version.

    users, items: n and m ids, in the order of their places; user_factors: [n, rank], item_factors: [m, rank], float32
    in C order; reg: λ; alpha: of an implicit model; implicit: preferences instead of ratings;
    nonnegative: refused, because Spark solves such users by another method.
    """

    users: Ids
    items: Ids
    user_factors: Singles
    item_factors: Singles
    reg: float
    alpha: float
    implicit: bool
    nonnegative: bool = False

    def __post_init__(self) -> None:
        """Refuse numbers that do not fit together.

        Raises
        ------
        ValueError: names the field and what it should be.
        """
        rank = self.item_factors.shape[-1]
        if not 1 <= rank <= MOST_RANK:
            raise ValueError(f"a rank of {rank}, not 1 to {MOST_RANK:,}")
        for name, ids in (("user_factors", self.users), ("item_factors", self.items)):
            factors = getattr(self, name)
            if factors.shape != (len(ids), rank) or factors.dtype != np.float32 or not factors.flags.c_contiguous:
                raise ValueError(f"{name} {factors.dtype} {factors.shape} in C order, not float32 {(len(ids), rank)}")
        if not 0 < self.reg <= LARGEST:
            raise ValueError(f"reg is {self.reg}, not above zero: without it a user of few ratings has no solution")
        if not 0 <= self.alpha <= LARGEST:
            raise ValueError(f"alpha is {self.alpha}, not zero or more")
        if self.nonnegative:
            raise ValueError("nonnegative factors: users cannot be folded in by the equations here")

    @property
    def rank(self) -> int:
        """How many factors a user and an item have."""
        return int(self.item_factors.shape[1])

    @cached_property
    def longest(self) -> float:
        """The length of the longest user vector."""
        return _longest(self.user_factors)

    def save(self, directory: Path) -> None:
        """Write the files into ``directory``, which is there."""
        shapes = {"users": len(self.users), "items": len(self.items), "rank": self.rank}
        model = {name: getattr(self, name) for name in ("reg", "alpha", "implicit", "nonnegative")}
        (directory / META).write_text(json.dumps({"format": RECOMMENDER_FORMAT, **shapes, **model}, indent=1))
        (directory / USERS).write_bytes(self.users.text)
        (directory / ITEMS).write_bytes(self.items.text)
        for name, factors in ((USER_FACTORS, self.user_factors), (ITEM_FACTORS, self.item_factors)):
            try:
                _refuse_large(factors)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
            mapped.save(directory / name, factors)

    @classmethod
    def load(cls, directory: Path) -> Recommender:
        """Return the numbers in ``directory``; factors stay in their files, of which the pages are shared.

        Raises
        ------
        ValueError: a file is not as it should be; names the file.
        OSError: it is not there.
        """
        return cls.of_files({name: directory / name for name in FILES})

    @classmethod
    def of_files(cls, files: Mapping[str, Path]) -> Recommender:
        """Return what :meth:`load` does, of ``files`` by their names: their paths may have others.

        Raises
        ------
        ValueError, OSError: as :meth:`load`.
        """
        meta = _meta(files[META], META)
        users, items = (
            _ids(files[name], meta.pop(field), name) for name, field in ((USERS, "users"), (ITEMS, "items"))
        )
        rank = meta.pop("rank")
        lengths = [0.0]

        def check_users(block: Singles) -> None:
            _refuse_large(block)
            lengths.append(_longest(block))

        of_users, of_items = (
            mapped.mapped(files[name], (len(ids), rank), check, name=name)
            for name, ids, check in ((USER_FACTORS, users, check_users), (ITEM_FACTORS, items, _refuse_large))
        )
        found = cls(users, items, of_users, of_items, **meta)
        # Known by now: asked for later, it would bring every page of the users into memory.
        vars(found)["longest"] = max(lengths)
        return found


_FIELDS: Final[dict[str, tuple[type, ...]]] = {
    "users": (int,),
    "items": (int,),
    "rank": (int,),
    "reg": (float, int),
    "alpha": (float, int),
    "implicit": (bool,),
    "nonnegative": (bool,),
}


def _meta(path: Path, name: str) -> dict[str, Any]:
    try:
        if path.stat().st_size > MOST_META_BYTES:
            raise ValueError(f"it has more than {MOST_META_BYTES:,} bytes")
        found = json.loads(path.read_bytes())
        if found.pop("format") != RECOMMENDER_FORMAT:
            raise ValueError(f"its format is not {RECOMMENDER_FORMAT}")
        if found.keys() != _FIELDS.keys():
            raise ValueError(f"it has the fields {', '.join(found)}, not {', '.join(_FIELDS)}")
        odd = [field for field, value in found.items() if type(value) not in _FIELDS[field]]
        if odd:
            raise ValueError(f"{', '.join(odd)} of another type than it should be")
        if not 1 <= found["rank"] <= MOST_RANK:
            raise ValueError(f"a rank of {found['rank']}, not 1 to {MOST_RANK:,}")
        return {**found, "reg": float(found["reg"]), "alpha": float(found["alpha"])}
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"{name}: {error}") from error


def _ids(path: Path, count: int, name: str) -> Ids:
    try:
        ids = Ids(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    if len(ids) != count:
        raise ValueError(f"{name}: {len(ids)} ids, not {count}")
    return ids


def _longest(factors: Singles) -> float:
    return float(np.linalg.norm(factors, axis=1).max(initial=0))


def _refuse_large(factors: Singles) -> None:
    if not np.all(np.abs(factors) <= LARGEST):
        raise ValueError(f"a factor is NaN, infinite or above {LARGEST:g}")
