"""A clustering that has a probability for each cluster: how it is held to what Spark said, and loaded by MLflow."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from . import number_file
from .arrays import Floats, Integers
from .golden import Encodes, Golden
from .pyfunc import ClusterPredictor, Scoring, read_version, refuse_disagreeing

PROBABILITIES_FORMAT: Final = 1

Booleans = npt.NDArray[np.bool_]

# Rows compared at once: each has several numbers a cluster.
_BLOCK_ROWS: Final = 16_384


class Likely(NamedTuple):
    """Of n rows the clusters [n], the distances [n] and the probabilities [n, k] of all clusters."""

    clusters: Integers
    distances: Floats
    probabilities: Floats

    def part(self, rows: slice) -> Likely:
        """Return those of some rows."""
        return Likely(self.clusters[rows], self.distances[rows], self.probabilities[rows])


class LikelyAssigner(Protocol):
    """Gives rows [n, d] a probability for each cluster."""

    @property
    def scoring(self) -> Encodes: ...

    @property
    def least_tolerance(self) -> float:
        """What :meth:`tolerance` is of most rows."""

    def assign_likely(self, rows: Floats) -> Likely: ...

    def tolerance(self, rows: Floats) -> Floats:
        """Return how large [n], relative, a probability's difference from Spark's may be."""


class Compared(NamedTuple):
    """Of n rows those that got another answer than from Spark, and those that are set apart.

    Set apart are rows whose two largest probabilities are nearer to each other than their tolerance, so that either
    cluster is right, and rows whose tolerance is above the least.
    """

    wrong: Booleans
    apart: Booleans


def compare(assigner: LikelyAssigner, rows: Floats, said: Likely) -> Compared:
    """Return how ``assigner`` answers ``rows`` [n, d], of which Spark ``said`` something.

    Probabilities are Spark's within the tolerance. Clusters are Spark's but for ties within it; the distance from a
    cluster that is Spark's is Spark's to the last bit.
    """
    wrong, apart = np.zeros((2, len(rows)), dtype=np.bool_)
    for begin in range(0, len(rows), _BLOCK_ROWS):
        block = slice(begin, begin + _BLOCK_ROWS)
        of_block, within = said.part(block), assigner.tolerance(rows[block])
        wrong[block], tied = _compared(assigner.assign_likely(rows[block]), of_block, within)
        apart[block] = tied | (within > assigner.least_tolerance)
    return Compared(wrong, apart)


def _compared(found: Likely, said: Likely, within: Floats) -> tuple[Booleans, Booleans]:
    """Return which rows are answered otherwise, and of which either of two clusters is right."""
    near = np.abs(found.probabilities - said.probabilities) <= within[:, None] * said.probabilities
    near |= np.isnan(found.probabilities) & np.isnan(said.probabilities)
    largest = np.sort(said.probabilities, axis=1)
    tied = largest[:, -1] - largest[:, :-1].max(axis=1, initial=0) <= 2 * within * largest[:, -1]
    # Of the very same probabilities the first maximum is the same: a row far from all components is no tie.
    tied &= (found.probabilities != said.probabilities).any(axis=1)
    same = found.clusters == said.clusters
    return ~near.all(axis=1) | np.where(same, found.distances != said.distances, ~tied), tied


def disagreements(golden: Golden, assigner: LikelyAssigner) -> Sequence[int]:
    """Return the rows of ``golden`` for which ``assigner`` gives another answer than Spark: see :func:`compare`.

    One row and many rows take different ways through the arithmetic; both are checked.

    Raises
    ------
    ValueError: ``golden`` has no probabilities, or of another number of clusters.
    """
    said = Likely(golden.clusters, golden.distances, _required(golden))
    rows = golden.encoded(assigner.scoring.encoding)
    if said.probabilities.shape[1] != assigner.assign_likely(rows[:1]).probabilities.shape[1]:
        raise ValueError(f"probabilities of {said.probabilities.shape[1]} clusters are another number than there are")
    wrong = compare(assigner, rows, said).wrong
    within = assigner.tolerance(rows)
    for i in range(len(rows)):
        row = slice(i, i + 1)
        alone = assigner.assign_likely(rows[row])
        wrong[i] |= _compared(alone, said.part(row), within[row])[0][0]
    return [int(i) for i in np.flatnonzero(wrong)]


def _required(golden: Golden) -> Floats:
    if golden.probabilities is None:
        raise ValueError("the golden rows have no probabilities")
    return golden.probabilities


def probabilities_to_json(golden: Golden) -> bytes:
    """Return the file of the probabilities that Spark gave the rows of ``golden``."""
    return number_file.write({"probabilities": _required(golden).tolist()}, PROBABILITIES_FORMAT)


def with_probabilities(golden: Golden, body: bytes) -> Golden:
    """Return ``golden`` with the probabilities in ``body``.

    Raises
    ------
    ValueError: not such a file, or one of other rows.
    """
    found = number_file.read(body, PROBABILITIES_FORMAT, {"probabilities": number_file.rows})
    return dataclasses.replace(golden, probabilities=np.array(found["probabilities"], dtype=np.float64))


class LikelyPredictor(ClusterPredictor):
    """Predicts with one version's numbers, and says how probable each cluster is."""

    _assigner: Any

    def answers(self, rows: Floats) -> dict[str, Any]:
        """Return the columns of an answer: also `probability_<label>` of each cluster."""
        found = self._assigner.assign_likely(rows)
        likely = zip(self._scoring.labels, found.probabilities.T, strict=True)
        return {**self.named(found.clusters, found.distances), **{f"probability_{name}": p for name, p in likely}}


def load(data_path: str, read: Callable[[bytes], Scoring]) -> LikelyPredictor:
    """Return the version whose `swathe/` directory is at ``data_path``; ``read`` takes its scoring file.

    Raises
    ------
    ValueError: a file is not what it should be, or this machine disagrees with what Spark said.
    """
    scoring, golden = read_version(data_path, read)
    golden = with_probabilities(golden, (Path(data_path) / "golden_probabilities.json").read_bytes())
    assigner: Any = scoring.assigner()
    refuse_disagreeing(disagreements(golden, assigner), golden)
    return LikelyPredictor(scoring)
