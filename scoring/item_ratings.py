"""How often each item of a recommender was rated, and how: the list for whom nothing is known of, and a catalogue."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from . import mapped
from .arrays import Floats

Counts = npt.NDArray[np.int64]

ITEM_COUNTS, ITEM_MEANS = "item_counts.npy", "item_means.npy"
FILES: Final = (ITEM_COUNTS, ITEM_MEANS)

MOST: Final = 2**53
"""Ratings of an item at most: above it a double is no count."""


@dataclass(frozen=True, eq=False)
class ItemRatings:
    """Of the ratings that a model was fitted to: counts [m], one or more, and means [m], by the items' places."""

    counts: Counts
    means: Floats

    @cached_property
    def order(self) -> npt.NDArray[np.int64]:
        """The places of all items, most rated first, of as many ratings the lesser place first."""
        return np.argsort(-self.counts, kind="stable")

    def prepare(self) -> None:
        """Make the order, which is made when it is first asked for otherwise: a third of a second for a million."""
        _ = self.order

    def most_rated(self, n: int, exclude: Collection[int] = ()) -> list[tuple[int, float]]:
        """Return up to ``n`` places with their counts, most rated first, without those in ``exclude``."""
        first = self.order[: n + len(exclude)]
        left_out = np.fromiter(exclude, np.int64, len(exclude))
        kept = first[~np.isin(first, left_out)][:n]
        return [(int(place), float(self.counts[place])) for place in kept]

    def save(self, directory: Path) -> None:
        """Write the files into ``directory``, which is there."""
        mapped.save(directory / ITEM_COUNTS, self.counts, "<i8")
        mapped.save(directory / ITEM_MEANS, self.means, "<f8")

    @classmethod
    def load(cls, directory: Path, count: int) -> ItemRatings:
        """Return what is told of ``count`` items in ``directory``; the arrays stay in their files.

        Raises
        ------
        ValueError: a file is not as it should be; names the file.
        OSError: it is not there.
        """
        return cls.of_files({name: directory / name for name in FILES}, count)

    @classmethod
    def of_files(cls, files: Mapping[str, Path], count: int) -> ItemRatings:
        """Return what :meth:`load` does, of ``files`` by their names: their paths may have others.

        Raises
        ------
        ValueError, OSError: as :meth:`load`.
        """
        counts = mapped.mapped(files[ITEM_COUNTS], (count,), _refuse_counts, "<i8", name=ITEM_COUNTS)
        return cls(counts, mapped.mapped(files[ITEM_MEANS], (count,), _refuse_means, "<f8", name=ITEM_MEANS))


def _refuse_counts(counts: mapped.Array) -> None:
    if not np.all((counts >= 1) & (counts <= MOST)):
        raise ValueError("an item of no rating, or of more than can be")


def _refuse_means(means: mapped.Array) -> None:
    if not np.isfinite(means).all():
        raise ValueError("a mean is NaN or infinite")
