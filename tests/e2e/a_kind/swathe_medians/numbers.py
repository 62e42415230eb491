"""The numbers of a version, and what is answered with them; it travels in the artifact, so it imports only numpy."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Numbers:
    """The median of each of d features, and how far the middle half of its values lies from it at most."""

    features: tuple[str, ...]
    medians: tuple[float, ...]
    deviations: tuple[float, ...]

    def filled(self, rows: Floats) -> Floats:
        """Return ``rows`` [n, d] with the median where a value is missing (NaN)."""
        return np.where(np.isnan(rows), np.array(self.medians), rows)

    def strangeness(self, rows: Floats) -> Floats:
        """Return how many deviations each value of ``rows`` [n, d] lies from the median; 0 where it is missing."""
        away = np.abs(self.filled(rows) - np.array(self.medians))
        deviations = np.array(self.deviations)
        return np.where(away > 0, away / np.where(deviations > 0, deviations, 1.0), 0.0)

    def to_json(self) -> bytes:
        """Return the scoring file."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, body: bytes) -> Numbers:
        """Return the numbers in a scoring file.

        Raises
        ------
        ValueError: not a scoring file.
        """
        try:
            fields = json.loads(body)
            found = cls(*(tuple(fields[name]) for name in ("features", "medians", "deviations")))
            wide = {len(found.features), len(found.medians), len(found.deviations)}
            if wide != {len(found.features)} or not np.isfinite([*found.medians, *found.deviations]).all():
                raise ValueError("not one number a feature")
        except (KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"not a scoring file: {error!r}") from error
        return found


def golden_from_json(body: bytes) -> tuple[Floats, Floats]:
    """Return the rows [n, d] of a golden file, and what Spark made of them.

    Raises
    ------
    ValueError: not a golden file.
    """
    try:
        fields = json.loads(body)
        return np.array(fields["rows"], dtype=np.float64), np.array(fields["filled"], dtype=np.float64)
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"not a golden file: {error!r}") from error
