"""The reference sample of a series: fixed rows in a fixed space, by which all its versions can be compared."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from contract.errors import ChainError
from pipeline.object_store import ObjectStore
from pipeline.train.kinds.clusters.quality import quality
from scoring.arrays import Floats
from scoring.scorer import ClusterNumbers

REFERENCE_ROWS: Final = 5_000
# Of so many features that as many rows would be a text of a hundred megabytes.
REFERENCE_CELLS: Final = 2_500_000
_FORMAT: Final = 1
_SPACE: Final = ("features", "surrogates", "mean", "std")


def reference_key(model: str, features: Sequence[str]) -> str:
    """Key of the reference sample in the batches bucket; it is written once.

    A series whose stream file was given other features goes on with a sample of those.
    """
    return f"reference/{model}/{hashlib.sha256(json.dumps(features).encode()).hexdigest()[:16]}.json"


@dataclass(frozen=True)
class Reference:
    """Rows [n, d] in the data's own units, NaN where missing, and the numbers that span the fixed space.

    Taken from the first batch that could be trained.
    """

    features: tuple[str, ...]
    surrogates: tuple[float, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    rows: Floats

    @np.errstate(over="ignore", invalid="ignore")
    def points(self, rows: Floats) -> Floats:
        """Return ``rows`` [n, d] in the fixed space."""
        filled = np.where(np.isnan(rows), np.array(self.surrogates), rows)
        return np.asarray((filled - np.array(self.mean)) / np.array(self.std), dtype=np.float64)

    @np.errstate(over="ignore", invalid="ignore")
    def centers(self, scoring: ClusterNumbers) -> Floats:
        """Return the centres [k, d] of a version in the fixed space."""
        return self.points(np.array(scoring.centers) * np.array(scoring.std) + np.array(scoring.mean))

    @np.errstate(over="ignore", invalid="ignore")
    def score(self, scoring: ClusterNumbers, rows: Floats) -> dict[str, float]:
        """Return the quality, in the fixed space, of ``rows`` [n, d] as ``scoring`` assigns them."""
        clusters, _ = scoring.assigner().assign(rows)
        return quality(self.points(rows), clusters, self.centers(scoring))

    def to_json(self) -> bytes:
        """Return the reference as the bytes of its object."""
        rows = [[None if math.isnan(x) else x for x in row] for row in self.rows.tolist()]
        return json.dumps({"format": _FORMAT, **{name: getattr(self, name) for name in _SPACE}, "rows": rows}).encode()

    @classmethod
    def from_json(cls, body: bytes) -> Reference:
        """Return the reference in ``body``.

        Raises
        ------
        ValueError: not a reference sample of this format.
        """
        try:
            fields = json.loads(body)
            if fields["format"] != _FORMAT:
                raise ValueError(f"its format is not {_FORMAT}")
            rows = [[math.nan if x is None else x for x in row] for row in fields["rows"]]
            return cls(**{name: tuple(fields[name]) for name in _SPACE}, rows=np.array(rows, dtype=np.float64))
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a reference sample: {error!r}") from error


def make_reference(scoring: ClusterNumbers, rows: Floats) -> Reference:
    """Return the reference that evenly chosen ``rows`` [n, d] of the batch of ``scoring`` make."""
    most = min(REFERENCE_ROWS, max(1, REFERENCE_CELLS // len(scoring.features)))
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows)), dtype=np.int64))
    return Reference(scoring.features, scoring.surrogates, scoring.mean, scoring.std, rows[chosen])


def keep_reference(store: ObjectStore, key: str, made: Reference) -> Reference:
    """Return the reference at ``key``; where there is none yet, ``made`` becomes it.

    Raises
    ------
    ChainError: the object is not a reference sample.
    """
    found = store.get(key)
    if found is None:
        store.put_if_absent(key, made.to_json())
        found = store.get(key)
    try:
        return Reference.from_json(found[0] if found else b"")
    except ValueError as error:
        raise ChainError(f"{key} in bucket {store.bucket!r}: {error}") from error
