"""Which clusters of one version are those of the version before, so that a label keeps its meaning.

The transitions are MONIC's (Spiliopoulou, Ntoutsi, Theodoridis, Schult: "MONIC: modeling and monitoring cluster
transitions", KDD 2006): survived, split, merged (absorbed), vanished, appeared. Overlap is counted on the same rows,
assigned by both versions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from contract.kinds.clusters import Identity
from contract.lineage import Kind, Lineage, Transition
from scoring.kmeans import Floats, Integers

Counts = npt.NDArray[np.int64]


def first_lineage(sizes: Sequence[int]) -> Lineage:
    """Return the lineage of a series' first version: `C1` is the largest cluster."""
    names = _new_labels(range(len(sizes)), sizes, 1)
    return Lineage(tuple(names[i] for i in range(len(sizes))), (), len(sizes) + 1, None, ())


def lineage_of_others(earlier: Lineage, predecessor: int, sizes: Sequence[int]) -> Lineage:
    """Return the lineage of a version whose features are not those of ``predecessor``: no label goes on."""
    names = _new_labels(range(len(sizes)), sizes, earlier.next_label)
    labels = tuple(names[i] for i in range(len(sizes)))
    gone = [Transition("vanished", (label,), (), 0.0) for label in earlier.labels]
    come = [Transition("appeared", (), (label,), 1.0) for label in labels]
    retired = (*earlier.retired, *earlier.labels)
    return Lineage(labels, retired, earlier.next_label + len(sizes), predecessor, (*gone, *come))


def overlap(before: Integers, after: Integers, k_before: int, k_after: int) -> Counts:
    """Return [k_before, k_after] the rows in each pair of clusters; both arguments [n] are of the same rows."""
    pairs = np.bincount(before.astype(np.int64) * k_after + after, minlength=k_before * k_after)
    return pairs.reshape(k_before, k_after)


def follow(earlier: Lineage, predecessor: int, counts: Counts, limits: Identity) -> Lineage:
    """Return the lineage of the version whose clusters are the columns of ``counts``.

    ``earlier`` is the lineage of version ``predecessor``, whose clusters are the rows.
    """
    k_before, k_after = counts.shape
    shares = counts / np.maximum(counts.sum(axis=1), 1)[:, None]
    heirs = [_heir(shares[a], limits.survive) for a in range(k_before)]
    keepers = {b: _keeper(counts[:, b], [a for a in range(k_before) if heirs[a] == b], limits) for b in range(k_after)}
    kept = {b: earlier.labels[a] for b, a in keepers.items() if a is not None}
    fresh = [b for b in range(k_after) if b not in kept]
    names = kept | _new_labels(fresh, counts.sum(axis=0).tolist(), earlier.next_label)
    labels = tuple(names[b] for b in range(k_after))
    gone = [label for label in earlier.labels if label not in kept.values()]
    fates = [_fate(a, heirs[a], shares[a], keepers, limits) for a in range(k_before)]
    transitions = [
        Transition(kind, (earlier.labels[a],), tuple(labels[b] for b in into), share)
        for a, (kind, into, share) in enumerate(fates)
    ]
    explained = {b for _, into, _ in fates for b in into}
    transitions += [Transition("appeared", (), (labels[b],), 1.0) for b in range(k_after) if b not in explained]
    return Lineage(labels, (*earlier.retired, *gone), earlier.next_label + len(fresh), predecessor, tuple(transitions))


def _new_labels(clusters: Sequence[int], sizes: Sequence[int], first: int) -> dict[int, str]:
    """Return new labels, the largest cluster's first, so that a repetition gives the same ones."""
    order = sorted(clusters, key=lambda i: (-sizes[i], i))
    return {cluster: f"C{number}" for number, cluster in enumerate(order, start=first)}


def _heir(shares: Floats, survive: float) -> int | None:
    """Return the cluster that takes at least ``survive`` of the rows, the first of equals."""
    best = int(shares.argmax())
    return best if shares[best] >= survive else None


def _keeper(column: Counts, claims: Sequence[int], limits: Identity) -> int | None:
    """Return the earlier cluster whose label a cluster keeps, of those that went into it."""
    if not claims:
        return None
    largest = max(claims, key=lambda a: (int(column[a]), -a))
    # Of several that merged, one goes on only if it makes up most of what came of them.
    goes_on = len(claims) == 1 or column[largest] >= limits.survive * column.sum()
    return largest if goes_on else None


def _fate(
    cluster: int, heir: int | None, shares: Floats, keepers: Mapping[int, int | None], limits: Identity
) -> tuple[Kind, list[int], float]:
    """Return what became of one earlier cluster, the clusters it went into, and the share of its rows in them."""
    if heir is not None:
        return ("survived" if keepers[heir] == cluster else "merged"), [heir], float(shares[heir])
    parts = [b for b in range(len(shares)) if shares[b] >= limits.split]
    total = float(shares[parts].sum())
    if len(parts) > 1 and total >= limits.survive:
        return "split", parts, total
    return "vanished", [], 0.0
