"""Pictures of one version, drawn alike for all, so that those of several can be laid side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from pipeline.train.kinds.drawing import COLOURS, figure_of, pixels_of
from pipeline.train.kinds.kind import Pixels
from scoring.arrays import Floats, Integers
from scoring.scorer import ClusterNumbers

if TYPE_CHECKING:
    from matplotlib.axis import Axis

    from pipeline.train.kinds.clusters.cells import Cells
    from pipeline.train.kinds.clusters.comparison import Change, Comparison
    from pipeline.train.kinds.clusters.k_curve import Sweep

_POINTS: Final = 2_000
# Where more would be written over each other, and take minutes to write.
_CELLS_WRITTEN: Final = 240
_NAMES_SHOWN: Final = 24


@dataclass(frozen=True)
class Drawn:
    """What is drawn of a version: rows [n, d] of its batch, their clusters [n], the clusters' shares [k].

    ``cells`` are those of typed rows.
    """

    title: str
    scoring: ClusterNumbers
    rows: Floats
    clusters: Integers
    shares: Sequence[float]
    comparison: Comparison
    swept: Sweep | None
    cells: Cells | None = None


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def draw(drawn: Drawn) -> dict[str, Pixels]:
    """Return the pictures by key, each [height, width, 3]."""
    pictures = {
        "clusters/profile": _profile(drawn),
        "clusters/sizes": _sizes(drawn),
        "clusters/pca": _pca(drawn),
    }
    if drawn.swept is not None:
        pictures["clusters/k_curve"] = _k_curve(drawn, drawn.swept)
    if drawn.comparison.change is not None:
        pictures["clusters/fate"] = _fate(drawn, drawn.comparison.change)
    return pictures


def _name_ticks(axis: Axis, names: Sequence[str], rotation: float = 0) -> None:
    """Write ``names`` along ``axis``; of very many every n-th, because nobody could read them all."""
    step = -(-len(names) // _NAMES_SHOWN)
    axis.set_ticks(range(0, len(names), step), names[::step], rotation=rotation)


def _order(labels: Sequence[str]) -> list[int]:
    return sorted(range(len(labels)), key=lambda i: int(labels[i].removeprefix("C")))


def _colour(label: str) -> str:
    # A label has one colour in all versions.
    return COLOURS[(int(label.removeprefix("C")) - 1) % len(COLOURS)]


def _profile(drawn: Drawn) -> Pixels:
    """Heat map of the centroids: colour in the fixed space, so that versions compare; numbers in the data's units."""
    scoring, reference = drawn.scoring, drawn.comparison.reference
    order = _order(scoring.labels)
    fixed = reference.centers(scoring)[order]
    own = reference.unscaled(scoring)[order]
    figure, axes = figure_of(f"{drawn.title}: centroids; colour: reference std")
    image = axes.imshow(fixed, cmap="RdBu_r", vmin=-3, vmax=3, aspect="auto")
    if fixed.size <= _CELLS_WRITTEN:
        for (i, j), z in np.ndenumerate(fixed):
            axes.text(j, i, f"{own[i, j]:.4g}", ha="center", va="center", color="white" if abs(z) > 2 else "black")
    _name_ticks(axes.xaxis, reference.features, rotation=20)
    _name_ticks(axes.yaxis, [scoring.labels[i] for i in order])
    figure.colorbar(image, ax=axes)
    return pixels_of(figure)


def _sizes(drawn: Drawn) -> Pixels:
    """Bars of the clusters' shares, and of the version before behind them."""
    now = dict(zip(drawn.scoring.labels, drawn.shares, strict=True))
    change = drawn.comparison.change
    before = dict(zip(change.earlier.lineage.labels, change.earlier.shares, strict=True)) if change else {}
    names = sorted({*now, *before}, key=lambda label: int(label.removeprefix("C")))
    figure, axes = figure_of(
        f"{drawn.title}: shares" + (f"; outlined: version {change.earlier.number}" if change else "")
    )
    places = range(len(names))
    axes.bar(places, [now.get(name, 0.0) for name in names], color=[_colour(name) for name in names], width=0.6)
    if before:
        axes.bar(places, [before.get(name, 0.0) for name in names], fill=False, edgecolor="black", width=0.8)
    _name_ticks(axes.xaxis, names)
    axes.set_ylim(0, 1)
    axes.set_ylabel("share of rows")
    return pixels_of(figure)


def _pca(drawn: Drawn) -> Pixels:
    """Rows on the first two principal components of the reference sample: the same plane for all versions."""
    reference = drawn.comparison.reference
    sample = reference.points(reference.rows)
    middle = sample.mean(axis=0)
    # Of the features' products, not of the rows: a thousand features take a second, and not twenty. Largest last.
    strength, axes_of = np.linalg.eigh((sample - middle).T @ (sample - middle))
    # The sign of a component is arbitrary: its largest coefficient is made positive.
    plane = np.array([axis * np.sign(axis[np.abs(axis).argmax()]) for axis in axes_of.T[::-1][:2]])
    chosen = np.unique(np.linspace(0, len(drawn.rows) - 1, min(_POINTS, len(drawn.rows)), dtype=np.int64))
    rows = reference.own(drawn.rows[chosen], None if drawn.cells is None else drawn.cells[chosen])
    points = (reference.points(rows) - middle) @ plane.T
    centers = (reference.centers(drawn.scoring) - middle) @ plane.T
    explained = strength[::-1][:2] / strength.sum()
    figure, axes = figure_of(f"{drawn.title}: rows, principal components")
    for cluster in _order(drawn.scoring.labels):
        label = drawn.scoring.labels[cluster]
        own = points[drawn.clusters[chosen] == cluster]
        second = own[:, 1] if len(plane) > 1 else np.zeros(len(own))
        axes.scatter(own[:, 0], second, s=5, color=_colour(label), label=label, alpha=0.6)
    axes.scatter(centers[:, 0], centers[:, 1] if len(plane) > 1 else centers[:, 0] * 0, marker="x", color="black")
    axes.set_xlabel(f"first component ({explained[0]:.0%})")
    if len(plane) > 1:
        axes.set_ylabel(f"second component ({explained[1]:.0%})")
    if len(drawn.scoring.labels) <= _NAMES_SHOWN:
        axes.legend(markerscale=3, fontsize=8)
    return pixels_of(figure)


def _fate(drawn: Drawn, change: Change) -> Pixels:
    """Heat map of where each earlier cluster's rows went."""
    before, after = change.earlier.lineage.labels, drawn.scoring.labels
    rows, columns = _order(before), _order(after)
    shares = (change.counts / np.maximum(change.counts.sum(axis=1), 1)[:, None])[np.ix_(rows, columns)]
    figure, axes = figure_of(f"{drawn.title}: from version {change.earlier.number}")
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (i, j), share in np.ndenumerate(shares):
        if share >= 0.005 and shares.size <= _CELLS_WRITTEN:
            axes.text(j, i, f"{share:.0%}", ha="center", va="center", color="white" if share > 0.6 else "black")
    fates = {label: each.kind for each in drawn.comparison.lineage.transitions for label in each.before}
    _name_ticks(axes.yaxis, [f"{before[i]} {fates[before[i]]}" for i in rows])
    _name_ticks(axes.xaxis, [after[i] for i in columns])
    axes.set_xlabel("cluster now")
    figure.colorbar(image, ax=axes)
    return pixels_of(figure)


def _k_curve(drawn: Drawn, swept: Sweep) -> Pixels:
    """The silhouette and the elbow of WSSSE over every k that was tried."""
    ks = [point.k for point in swept.points]
    figure, axes = figure_of(f"{drawn.title}: k = {swept.k}")
    axes.plot(ks, [point.silhouette for point in swept.points], "o-", color=COLOURS[0])
    axes.axvline(swept.k, color="#bbbbbb", linestyle=":")
    axes.set_xticks(ks)
    axes.set_xlabel("k")
    axes.set_ylabel("silhouette", color=COLOURS[0])
    other = axes.twinx()
    other.plot(ks, [point.wssse_per_row for point in swept.points], "s--", color=COLOURS[6])
    other.set_ylabel("WSSSE per row", color=COLOURS[6])
    return pixels_of(figure)
