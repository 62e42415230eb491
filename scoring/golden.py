"""The golden file of a version: rows with the clusters and distances that Spark gave them."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from .arrays import Floats, Integers

GOLDEN_FORMAT: Final = 1


class Assigns(Protocol):
    """What gives rows [n, d] their clusters [n] and distances [n], all at once or one by one."""

    def assign(self, rows: Floats) -> tuple[Integers, Floats]: ...
    def assign_row(self, row: Sequence[float]) -> tuple[int, float]: ...


@dataclass(frozen=True)
class Golden:
    """n rows of d numbers in the data's own units, NaN where missing; clusters [n] and distances [n].

    ``probabilities`` [n, k] are in a file of their own, of a clustering that has one for each cluster.
    """

    features: tuple[str, ...]
    rows: Floats
    clusters: Integers
    distances: Floats
    probabilities: Floats | None = None

    def __post_init__(self) -> None:
        """Refuse arrays that do not fit together.

        Raises
        ------
        ValueError: names the shapes.
        """
        n, shapes = len(self.clusters), (self.rows.shape, self.clusters.shape, self.distances.shape)
        if shapes != ((n, len(self.features)), (n,), (n,)):
            raise ValueError(
                f"rows, clusters and distances of shapes {shapes} do not fit {len(self.features)} features"
            )
        likely = self.probabilities
        if likely is not None and (likely.ndim != 2 or len(likely) != n):
            raise ValueError(f"probabilities of shape {likely.shape} are not a list for each of {n} rows")

    def to_json(self) -> bytes:
        """Return the golden file; a missing value is null, and every double survives the round trip exactly."""
        rows = [[None if math.isnan(x) else x for x in row] for row in self.rows.tolist()]
        fields = {
            "format": GOLDEN_FORMAT,
            "features": self.features,
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
            if fields["format"] != GOLDEN_FORMAT:
                raise ValueError(f"its format is not {GOLDEN_FORMAT}")
            features = tuple(str(name) for name in fields["features"])
            rows = np.array([[math.nan if x is None else x for x in row] for row in fields["rows"]], dtype=np.float64)
            clusters = np.array(fields["clusters"], dtype=np.int32)
            distances = np.array(fields["distances"], dtype=np.float64)
        except (KeyError, TypeError, OverflowError, RecursionError) as error:
            raise ValueError(f"not a golden file: {error!r}") from error
        return cls(features, rows, clusters, distances)

    def disagreements(self, assigner: Assigns) -> Sequence[int]:
        """Return the rows for which ``assigner`` gives another cluster, or another distance to the last bit.

        Few rows and many rows take different ways through the arithmetic; both are checked.
        """
        clusters, distances = assigner.assign(self.rows)
        differ = (clusters != self.clusters) | (distances != self.distances)
        for i, row in enumerate(self.rows.tolist()):
            if assigner.assign_row(row) != (self.clusters[i], self.distances[i]):
                differ[i] = True
        return [int(i) for i in np.flatnonzero(differ)]
