"""Spark's impute → scale → walk down the tree of a bisecting KMeans, with the very same floating-point operations.

The walk is `ClusteringTreeNode.predict` of Apache Spark with its `EuclideanDistanceMeasure.cost`: of a node's children
the first of the least squared distance, down to a leaf. A nearer leaf elsewhere in the tree is not looked at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np

from . import number_file
from .arrays import Floats, Integers
from .euclidean import square, squares
from .features import Encoding
from .scale import Scale, refuse_infinite, refuse_misfits, refuse_mistyped

BISECTING_FORMAT: Final = 1
SHIFT: Final = 1.0
"""Of the scaled rows' mean from zero, in deviations, in each feature that varies: around zero Spark divides nothing."""
# Below this many rows plain Python arithmetic is quicker than numpy's cost per call.
FEW_ROWS: Final = 4


@dataclass(frozen=True)
class BisectingScoring:
    """The numbers of one version: d features, a tree of m nodes, k of them leaves.

    features: d names; surrogates: [d] put in place of a missing value; mean, std: [d] of the scaler;
    nodes: [m, d] the centres in the scaled space, the root first and each node before its children;
    children: [m] the places of each node's children in ``nodes``, none for a leaf. Spark leaves a node one child where
    the other half of a split was empty. Clusters are the leaves in the order of ``nodes``, which is Spark's own;
    labels: k names of the clusters. Of typed rows the features are the columns of the encoding ``typed``, and
    ``factors`` [d] weigh what is scaled.
    """

    features: tuple[str, ...]
    surrogates: tuple[float, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    nodes: tuple[tuple[float, ...], ...]
    children: tuple[tuple[int, ...], ...]
    labels: tuple[str, ...]
    factors: tuple[float, ...] = ()
    typed: Encoding | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that do not fit together.

        Raises
        ------
        ValueError: names the field and the two sizes, or says that the nodes are no tree.
        """
        width, count = len(self.features), len(self.nodes)
        refuse_misfits(self.features, self.surrogates, self.mean, self.std)
        refuse_mistyped(self.features, self.factors, self.typed)
        if not self.nodes or any(len(node) != width for node in self.nodes):
            raise ValueError(f"every one of the nodes needs {width} numbers, one a feature")
        if len(self.children) != count:
            raise ValueError(f"children of {len(self.children)} nodes for {count} nodes")
        below = sorted(place for places in self.children for place in places)
        forwards = all(place > node for node, places in enumerate(self.children) for place in places)
        if below != list(range(1, count)) or not forwards:
            raise ValueError("children are no tree: each node but the root is once the child of one before it")
        if len(self.labels) != len(self.leaves):
            raise ValueError(f"{len(self.labels)} labels for {len(self.leaves)} leaves")
        refuse_infinite(self.surrogates, self.mean, self.std, *self.nodes)

    @cached_property
    def leaves(self) -> tuple[int, ...]:
        """The place in ``nodes`` of each of the k clusters."""
        return tuple(node for node, places in enumerate(self.children) if not places)

    @cached_property
    def centers(self) -> tuple[tuple[float, ...], ...]:
        """The centres [k, d] of the clusters in the scaled space."""
        return tuple(self.nodes[leaf] for leaf in self.leaves)

    @cached_property
    def encoding(self) -> Encoding:
        """How rows of cells become rows of d numbers."""
        return self.typed or Encoding.plain(self.features)

    @property
    def middle(self) -> tuple[float, ...]:
        """Where the scaler puts the mean [d] of the rows that it was fitted to."""
        shifts = tuple(SHIFT if x else 0.0 for x in self.std)
        return tuple(x * factor for x, factor in zip(shifts, self.factors, strict=True)) if self.factors else shifts

    def rivals(self) -> list[tuple[tuple[float, ...], tuple[float, ...]]]:
        """Return the pairs of nodes between which a row is decided: the two children of one node."""
        return [(self.nodes[pair[0]], self.nodes[pair[1]]) for pair in self.children if len(pair) == 2]

    def assigner(self) -> BisectingAssigner:
        """Return what assigns rows by these numbers."""
        return BisectingAssigner(self)

    def named(self, labels: Sequence[str]) -> BisectingScoring:
        """Return the same with other ``labels``."""
        return replace(self, labels=tuple(labels))

    def to_json(self) -> bytes:
        """Return the scoring file; every double survives the round trip exactly."""
        return number_file.write_typed(self, BISECTING_FORMAT)

    @classmethod
    def from_json(cls, body: bytes) -> BisectingScoring:
        """Return the numbers in a scoring file.

        Raises
        ------
        ValueError: not a scoring file of this format.
        """
        texts, numbers = number_file.texts, number_file.numbers
        fields = {"features": texts, "surrogates": numbers, "mean": numbers, "std": numbers}
        fields |= {"nodes": number_file.rows, "children": _places, "labels": texts}
        return cls(**number_file.read_typed(body, BISECTING_FORMAT, fields))


def _places(values: Any) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(place) for place in places) for places in values)


class BisectingAssigner:
    """Assigns rows to the leaves of one :class:`BisectingScoring`. Immutable: any number of threads may share it."""

    def __init__(self, scoring: BisectingScoring) -> None:
        self.scoring = scoring
        self._scale = Scale(scoring.surrogates, scoring.mean, scoring.std, scoring.factors)
        self._cluster = {leaf: cluster for cluster, leaf in enumerate(scoring.leaves)}

    def assign(self, rows: Floats) -> tuple[Integers, Floats]:
        """Return cluster [n] and Euclidean distance [n] from its centre, in the scaled space, of ``rows`` [n, d].

        ``rows`` are in the data's own units, NaN where a value is missing.
        """
        if len(rows) <= FEW_ROWS:
            pairs = [self.assign_row(row) for row in rows.tolist()]
            clusters = np.array([cluster for cluster, _ in pairs], dtype=np.int32)
            return clusters, np.array([distance for _, distance in pairs], dtype=np.float64)
        return self._assign_many(self.scale(rows))

    def scale(self, rows: Floats) -> Floats:
        """Return ``rows`` [n, d] imputed and scaled, column-major."""
        return self._scale.rows(rows)

    def assign_row(self, row: Sequence[float]) -> tuple[int, float]:
        """Return cluster and distance of one row of d numbers, NaN where a value is missing."""
        point = self._scale.row(row)
        nodes, children = self.scoring.nodes, self.scoring.children
        node, nearest = 0, square(nodes[0], point)
        while children[node]:
            found = [(square(nodes[child], point), child) for child in children[node]]
            nearest, node = min(found, key=lambda pair: pair[0])
        return self._cluster[node], math.sqrt(nearest)

    def _assign_many(self, points: Floats) -> tuple[Integers, Floats]:
        """The same walk for all rows at once: at each node its rows go to its children."""
        nodes, children = self.scoring.nodes, self.scoring.children
        at = np.zeros(len(points), dtype=np.int32)
        nearest = squares(points, nodes[0])
        for node, below in enumerate(children):
            here = np.flatnonzero(at == node) if below else ()
            if len(here):
                found = np.array([squares(points[here], nodes[child]) for child in below])
                first = found.argmin(axis=0)
                at[here], nearest[here] = np.array(below)[first], found[first, np.arange(len(here))]
        clusters = np.array([self._cluster.get(node, -1) for node in range(len(nodes))], dtype=np.int32)
        return clusters[at], np.sqrt(nearest)
