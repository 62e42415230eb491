"""The golden file of a version: rows with the clusters and distances that Spark gave them."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from .arrays import Floats, Integers
from .features import Encoding, Input
from .forms import refuse_cells

GOLDEN_FORMAT: Final = 1
TYPED_FORMAT: Final = 2


class Encodes(Protocol):
    """What has an encoding."""

    @property
    def encoding(self) -> Encoding: ...


class Assigns(Protocol):
    """What gives rows [n, d] their clusters [n] and distances [n], all at once or one by one."""

    @property
    def scoring(self) -> Encodes: ...
    def assign(self, rows: Floats) -> tuple[Integers, Floats]: ...
    def assign_row(self, row: Sequence[float]) -> tuple[int, float]: ...


@dataclass(frozen=True)
class Golden:
    """n rows of d numbers in the data's own units, NaN where missing; clusters [n] and distances [n].

    Typed rows have a cell for each of their inputs, whose ``types`` are given: ``rows`` is an array of objects then.
    ``probabilities`` [n, k] are in a file of their own, of a clustering that has one for each cluster.
    """

    features: tuple[str, ...]
    rows: npt.NDArray[Any]
    clusters: Integers
    distances: Floats
    types: tuple[str, ...] = ()
    probabilities: Floats | None = None

    def __post_init__(self) -> None:
        """Refuse arrays that do not fit together.

        Raises
        ------
        ValueError: names the shapes, or the type that a cell is not of.
        """
        n, shapes = len(self.clusters), (self.rows.shape, self.clusters.shape, self.distances.shape)
        if shapes != ((n, len(self.features)), (n,), (n,)):
            raise ValueError(
                f"rows, clusters and distances of shapes {shapes} do not fit {len(self.features)} features"
            )
        for place, kind in enumerate(self.types):
            refuse_cells(kind, self.rows[:, place].tolist())
        likely = self.probabilities
        if likely is not None and (likely.ndim != 2 or len(likely) != n):
            raise ValueError(f"probabilities of shape {likely.shape} are not a list for each of {n} rows")

    @property
    def inputs(self) -> tuple[Input, ...]:
        """What a row has a cell of."""
        types = self.types or ("double",) * len(self.features)
        return tuple(Input(name, kind) for name, kind in zip(self.features, types, strict=True))

    def encoded(self, encoding: Encoding) -> Floats:
        """Return the rows [n, width] in the columns of ``encoding``."""
        return encoding.rows([*self.rows.T]) if self.types else self.rows

    def to_json(self) -> bytes:
        """Return the golden file; a missing value is null, and every double survives the round trip exactly."""
        # What differs from itself is NaN.
        rows = [[None if x != x else x for x in row] for row in self.rows.tolist()]  # noqa: PLR0124
        typed = {"types": self.types} if self.types else {}
        fields = {
            "format": TYPED_FORMAT if self.types else GOLDEN_FORMAT,
            "features": self.features,
            **typed,
            "rows": rows,
            "clusters": self.clusters.tolist(),
            "distances": self.distances.tolist(),
        }
        return json.dumps(fields).encode()

    @classmethod
    def from_json(cls, body: bytes) -> Golden:
        """Return the rows in a golden file.

        Raises
        ------
        ValueError: not a golden file of this format.
        """
        try:
            fields = json.loads(body)
            if fields["format"] not in {GOLDEN_FORMAT, TYPED_FORMAT}:
                raise ValueError(f"its format is neither {GOLDEN_FORMAT} nor {TYPED_FORMAT}")
            features = tuple(str(name) for name in fields["features"])
            types = tuple(str(kind) for kind in fields["types"]) if fields["format"] == TYPED_FORMAT else ()
            rows = rows_of(fields["rows"], types)
            clusters = np.array(fields["clusters"], dtype=np.int32)
            distances = np.array(fields["distances"], dtype=np.float64)
        except (KeyError, TypeError, OverflowError, RecursionError) as error:
            raise ValueError(f"not a golden file: {error!r}") from error
        return cls(features, rows, clusters, distances, types)

    def disagreements(self, assigner: Assigns) -> Sequence[int]:
        """Return the rows for which ``assigner`` gives another cluster, or another distance to the last bit.

        Few rows and many rows take different ways through the arithmetic; both are checked.
        """
        encoding = assigner.scoring.encoding if self.types else None
        clusters, distances = assigner.assign(self.rows if encoding is None else self.encoded(encoding))
        differ = (clusters != self.clusters) | (distances != self.distances)
        for i, cells in enumerate(self.rows.tolist()):
            row = cells if encoding is None else encoding.row(cells)
            if assigner.assign_row(row) != (self.clusters[i], self.distances[i]):
                differ[i] = True
        return [int(i) for i in np.flatnonzero(differ)]


def rows_of(cells: Sequence[Sequence[Any]], types: Sequence[str]) -> npt.NDArray[Any]:
    """Return rows of JSON's cells as an array: of doubles, or of objects where they have ``types``."""
    if types:
        return np.array(cells, dtype=object)
    for row in cells:
        refuse_cells("double", row)
    return np.array([[math.nan if x is None else x for x in row] for row in cells], dtype=np.float64)
