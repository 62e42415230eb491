"""Geometry of the drawing of clusters: a column per version, a bar per cluster, a band per transition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from contract.decoding import shortened
from contract.lineage import Lineage, Transition
from contract.version_facts import Flow
from serving.kinds.clusters.clustering import clustering
from serving.versions.catalogue import Version

BAR: Final = 84
"""Width of a bar; lengths are in the drawing's own units, which are pixels where there is room."""
_BAND: Final = 96
_TOP: Final = 34
_HEIGHT: Final = 330
_GAP: Final = 5.0
_FOOT: Final = 30
# Lower bars have no room for their text: it stands beside them, and not over another's.
_TEXT: Final = 15
_LINE: Final = 11.0
# Of the clusters that lost rows went to, so many are told.
_OTHERS: Final = 3
BESIDE: Final = 64
MOST_BARS: Final = 1000
"""Bars of all versions that are drawn; one version alone is drawn whole."""
# Of all transitions drawn, the largest; of all told.
_MOST_BANDS: Final = 1500
_MOST_WORDS: Final = 1500
# One version alone is not drawn larger than several.
_LEAST_WIDTH: Final = 2 * BAR + _BAND


@dataclass(frozen=True)
class Bar:
    """One cluster of one version; ``colour`` is that of its label in all versions."""

    label: str
    share: float
    size: int
    colour: int
    y: float
    height: float
    beside: float | None = None
    """Where the middle of its text stands beside it, where it has no room for it."""

    @property
    def roomy(self) -> bool:
        """Whether its text fits."""
        return self.height >= _TEXT


@dataclass(frozen=True)
class Column:
    """One version: its bars from the largest cluster down, and what is said below it."""

    version: Version
    x: float
    bars: tuple[Bar, ...]
    foot: str


@dataclass(frozen=True)
class Band:
    """Rows of one cluster that went into one of the next version: an SVG path."""

    path: str
    colour: int
    title: str


@dataclass(frozen=True)
class Drawing:
    """All of it; ``words`` tell the same to those who do not see it."""

    width: float
    height: float
    columns: tuple[Column, ...]
    bands: tuple[Band, ...]
    words: tuple[tuple[str, tuple[str, ...]], ...]


def draw(versions: Sequence[Version]) -> Drawing:
    """Return the drawing of ``versions``, which are ready, oldest first."""
    colours = colours_of(versions)
    columns = tuple(
        _column(version, number * (BAR + _BAND), colours, versions[number - 1] if number else None)
        for number, version in enumerate(versions)
    )
    bands = tuple(band for old, new in pairwise(columns) for band in _bands(old, new, _MOST_BANDS // len(columns)))
    words = tuple(
        _words(version, _MOST_WORDS // len(versions)) for version in versions if lineage_of(version) is not None
    )
    width = len(columns) * (BAR + _BAND) - _BAND + BESIDE
    # The smallest bars are drawn higher than they are, so many of them need more room, and so do their labels.
    bars = [bar for column in columns for bar in column.bars]
    bottom = max(max(bar.y + bar.height, (bar.beside or 0) + _LINE) for bar in bars)
    return Drawing(max(width, _LEAST_WIDTH), round(bottom) + _FOOT, columns, bands, words)


def colours_of(versions: Sequence[Version]) -> Mapping[str, int]:
    """Return a number for each label, the same in every version, in order of appearance."""
    labels = dict.fromkeys(
        label for version in versions for label in sorted(clustering(version).assigner.scoring.labels, key=natural)
    )
    return {label: number for number, label in enumerate(labels)}


def natural(label: str) -> tuple[int, str]:
    """Sort key that puts C2 before C10."""
    return (len(label), label)


def lineage_of(version: Version) -> Lineage | None:
    """Return what training recorded of the version's clusters."""
    return clustering(version).lineage if version.numbers else None


def said(transition: Transition) -> str:
    """Return a transition in words."""
    before, after = " and ".join(transition.before), " and ".join(transition.after)
    share = f"{transition.share:.0%} of its rows"
    return {
        "survived": f"{before} survived ({share})" if before == after else f"{before} survived as {after} ({share})",
        "split": f"{before} split into {after} ({share})",
        "merged": f"{before} merged into {after} ({share})",
        "appeared": f"{after} appeared",
        "vanished": f"{before} vanished",
    }[transition.kind]


def _elsewhere(transition: Transition, flows: Sequence[Flow]) -> str:
    """Return where the other rows of a cluster went, as far as that was measured."""
    others = [flow for flow in flows if flow.before in transition.before and flow.after not in transition.after]
    ordered = sorted(others, key=lambda flow: -flow.share)[:_OTHERS]
    return "".join(f"{'; ' if not n else ', '}{flow.share:.0%} to {flow.after}" for n, flow in enumerate(ordered))


def _column(version: Version, x: float, colours: Mapping[str, int], before: Version | None) -> Column:
    clusters = sorted(clustering(version).statistics, key=lambda cluster: natural(cluster.label))
    gap = min(_GAP, _HEIGHT / 4 / len(clusters))
    room = _HEIGHT - gap * (len(clusters) - 1)
    bars, y, free = list[Bar](), float(_TOP), 0.0
    for cluster in clusters:
        height = max(1.0, cluster.share * room)
        beside = max(y + height / 2, free) if height < _TEXT else None
        free = beside + _LINE if beside is not None else free
        bars.append(Bar(cluster.label, cluster.share, cluster.size, colours[cluster.label], y, height, beside))
        y += height + gap
    return Column(version, x, tuple(bars), _foot(version, before))


def _foot(version: Version, before: Version | None) -> str:
    lineage = lineage_of(version)
    if lineage is None or before is None or lineage.predecessor != before.number:
        return ""
    counts = lineage.counts()
    changed = [f"{count} {kind}" for kind, count in counts.items() if count and kind != "survived"]
    return ", ".join(changed) or "all survived"


def _words(version: Version, most: int) -> tuple[str, tuple[str, ...]]:
    lineage = lineage_of(version)
    assert lineage is not None  # noqa: S101 - asked for those that have one
    if lineage.predecessor is None:
        return f"{version.name}: the first of its series", ()
    ordered = sorted(lineage.transitions, key=lambda each: natural((each.before or each.after)[0]))
    flows = _measured(version)
    told = tuple(shortened(said(transition) + _elsewhere(transition, flows)) for transition in ordered[:most])
    rest = (f"and {len(ordered) - most:,} more",) if len(ordered) > most else ()
    return f"{version.name} against v{lineage.predecessor}", told + rest


def _bands(old: Column, new: Column, most: int) -> Iterator[Band]:
    lineage = lineage_of(new.version)
    if lineage is None or lineage.predecessor != old.version.number:
        return
    measured = _measured(new.version)
    before, after = ({bar.label: bar for bar in column.bars} for column in (old, new))
    if measured:
        flows = [flow for each in measured for flow in _flow(each, before, after)]
    else:
        flows = [flow for each in lineage.transitions for flow in _flows(each, before, after)]
    flows = sorted(flows, key=lambda flow: -flow[3])[:most]
    left, right = ({label: bar.y for label, bar in bars.items()} for bars in (before, after))
    coming: dict[str, float] = {}
    for _, _, target, height in flows:
        coming[target] = coming.get(target, 0.0) + height
    # In the order of the bars, so that bands cross no more than they must.
    for title, source, target, height in sorted(flows, key=lambda flow: (natural(flow[1]), natural(flow[2]))):
        # All that comes may be of no height: a cluster of no rows, or none of them went there.
        arriving = height * min(1.0, after[target].height / coming[target]) if coming[target] else 0.0
        path = _path((old.x + BAR, left[source], height), (new.x, right[target], arriving))
        left[source] += height
        right[target] += arriving
        yield Band(path, before[source].colour, title)


def _measured(version: Version) -> tuple[Flow, ...]:
    """Return where the rows of each earlier cluster went, the few that no transition tells of as well."""
    facts = version.numbers.facts if version.numbers else None
    return facts.flows if facts else ()


def _flow(flow: Flow, before: Mapping[str, Bar], after: Mapping[str, Bar]) -> Iterator[tuple[str, str, str, float]]:
    if flow.before in before and flow.after in after:
        words = f"{flow.share:.1%} of the rows of {flow.before} are in {flow.after} now"
        yield words, flow.before, flow.after, before[flow.before].height * flow.share


def _flows(
    transition: Transition, before: Mapping[str, Bar], after: Mapping[str, Bar]
) -> Iterator[tuple[str, str, str, float]]:
    """Yield words, source, target and height; what splits is shared out by the size of the parts."""
    targets = [label for label in transition.after if label in after]
    whole = sum(after[label].share for label in targets)
    words = shortened(said(transition))
    for source in transition.before:
        for target in targets:
            if source in before and whole:
                part = after[target].share / whole
                yield words, source, target, before[source].height * min(1.0, transition.share) * part


def _path(left: tuple[float, float, float], right: tuple[float, float, float]) -> str:
    """Return the band between two ends, each x, y of its top, and height."""
    (x0, y0, h0), (x1, y1, h1) = left, right
    middle = (x0 + x1) / 2
    return (
        f"M{x0:.1f} {y0:.1f}C{middle:.1f} {y0:.1f} {middle:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"
        f"V{y1 + h1:.1f}C{middle:.1f} {y1 + h1:.1f} {middle:.1f} {y0 + h0:.1f} {x0:.1f} {y0 + h0:.1f}Z"
    )
