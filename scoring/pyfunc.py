"""MLflow's way into a clustering without a JVM: what the loaders of all clusterings share.

This file, a loader and what they import travel with each version, in a package whose name holds a hash of their text,
so that two versions loaded in one process run their own code; hence the relative imports.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from .arrays import Floats, Integers
from .features import Encoding, Input
from .golden import Golden


class Scoring(Protocol):
    """The numbers of a version."""

    @property
    def encoding(self) -> Encoding: ...
    @property
    def labels(self) -> tuple[str, ...]: ...
    def assigner(self) -> _Assigner: ...


class _Assigner(Protocol):
    @property
    def scoring(self) -> Scoring: ...
    def assign(self, rows: Floats) -> tuple[Integers, Floats]: ...
    def assign_row(self, row: Sequence[float]) -> tuple[int, float]: ...


class ClusterPredictor:
    """Predicts with one version's numbers."""

    def __init__(self, scoring: Scoring) -> None:
        self._scoring, self._assigner = scoring, scoring.assigner()

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> Any:  # noqa: ARG002
        """Return a data frame of cluster, label and distance for the rows of ``model_input``, a column per input."""
        return model_input[[]].assign(**self.answers(encoded(model_input, self._scoring.encoding)))

    def answers(self, rows: Floats) -> dict[str, Any]:
        """Return the columns of an answer for ``rows`` [n, d]."""
        return self.named(*self._assigner.assign(rows))

    def named(self, clusters: Integers, distances: Floats) -> dict[str, Any]:
        """Return clusters [n], their labels and ``distances`` [n] as columns."""
        labels = [self._scoring.labels[cluster] for cluster in clusters]
        return {"cluster": clusters, "label": labels, "distance": distances}


def encoded(frame: Any, encoding: Encoding) -> Floats:
    """Return the rows of a data frame in the columns of ``encoding``; a time without a zone is UTC."""
    if encoding.is_plain:
        numbers: Floats = frame[[each.name for each in encoding.inputs]].to_numpy(dtype=np.float64, na_value=np.nan)
        return numbers
    return encoding.rows([_cells(frame[each.name], each) for each in encoding.inputs])


def _cells(series: Any, of: Input) -> Any:
    if of.type == "double":
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    if of.type == "datetime":
        return _microseconds(series)
    # Whatever pandas has for a missing value, here it is None.
    return series.astype(object).where(series.notna(), None).to_numpy()


def _microseconds(series: Any) -> Any:
    """Return times in microseconds since 1970, UTC; NaT is the least of the integers."""
    if series.dtype == object:
        # A column of times with zones of several kinds, or of nothing.
        series = series.map(_in_utc, na_action="ignore").astype("datetime64[us]")
    elif getattr(series.dtype, "tz", None) is not None:
        series = series.dt.tz_convert(None)
    return series.to_numpy().astype("datetime64[us]").astype(np.int64)


def _in_utc(time: Any) -> Any:
    return time if time.tzinfo is None else time.astimezone(UTC).replace(tzinfo=None)


def load(data_path: str, read: Callable[[bytes], Scoring]) -> ClusterPredictor:
    """Return the version whose `swathe/` directory is at ``data_path``; ``read`` takes its scoring file.

    Raises
    ------
    ValueError: a file is not what it should be, or this machine disagrees with what Spark said.
    """
    scoring, golden = read_version(data_path, read)
    refuse_disagreeing(golden.disagreements(scoring.assigner()), golden)
    return ClusterPredictor(scoring)


def read_version(data_path: str, read: Callable[[bytes], Scoring]) -> tuple[Scoring, Golden]:
    """Return the numbers of the version at ``data_path`` and its golden rows.

    Raises
    ------
    ValueError: a file is not what it should be.
    """
    scoring = read((Path(data_path) / "scoring.json").read_bytes())
    return scoring, Golden.from_json((Path(data_path) / "golden.json").read_bytes())


def refuse_disagreeing(wrong: Sequence[int], golden: Golden) -> None:
    """Refuse a version that answers some of its golden rows otherwise.

    Raises
    ------
    ValueError: ``wrong`` are some.
    """
    if wrong:
        raise ValueError(f"{len(wrong)} of {len(golden.rows)} golden rows get another answer here than from Spark")
