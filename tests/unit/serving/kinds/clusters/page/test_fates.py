"""The drawing of clusters from version to version."""

from __future__ import annotations

import itertools
import re
from typing import Any

from contract.lineage import Lineage, Transition
from contract.model_version import ClusterStatistics
from contract.version_facts import Flow, VersionFacts
from scoring.kmeans import Assigner, Scoring
from serving.kinds.clusters.clustering import Clustering
from serving.kinds.clusters.page.fates import BESIDE, Drawing, draw
from serving.kinds.kmeans.kind import KIND
from serving.versions.catalogue import Numbers, Version


def version(
    number: int, shares: dict[str, float], lineage: Lineage | None = None, facts: VersionFacts | None = None
) -> Version:
    """A ready version with clusters of these labels and shares."""
    labels = tuple(shares)
    centers = tuple((float(i),) for i in range(len(labels)))
    scoring = Scoring(("x",), (0.0,), (0.0,), (1.0,), centers, labels)
    statistics = tuple(
        ClusterStatistics(i, label, round(1000 * share), share, (0.0,), {})
        for i, (label, share) in enumerate(shares.items())
    )
    numbers = Numbers(KIND, Clustering(Assigner(scoring), statistics, lineage), {}, facts)
    return Version("m", number, f"run-{number}", "s", "ready", {}, 0, numbers=numbers)


def lineage(labels: dict[str, float], *transitions: tuple[Any, ...]) -> Lineage:
    """What became of version 1's clusters in version 2."""
    return Lineage(tuple(labels), (), 9, 1, tuple(Transition(*each) for each in transitions))


BEFORE = {"C1": 0.5, "C2": 0.3, "C3": 0.15, "C4": 0.05}
AFTER = {"C1": 0.45, "C5": 0.2, "C6": 0.1, "C7": 0.25}


def drawn() -> Drawing:
    told = lineage(
        AFTER,
        ("survived", ("C1",), ("C1",), 0.9),
        ("split", ("C2",), ("C5", "C6"), 0.95),
        ("merged", ("C3",), ("C7",), 0.8),
        ("vanished", ("C4",), (), 0.0),
    )
    return draw([version(1, BEFORE), version(2, AFTER, told)])


def ends(path: str) -> tuple[float, float, float, float]:
    """Left top, right top, right bottom, left bottom of a band."""
    numbers = [float(x) for x in re.findall(r"[\d.]+", path)]
    return numbers[1], numbers[7], numbers[8], numbers[-1]


def test_a_band_leaves_its_cluster_and_arrives_in_another() -> None:
    drawing = drawn()
    old, new = ({bar.label: bar for bar in column.bars} for column in drawing.columns)
    assert [band.title for band in drawing.bands] == [
        "C1 survived (90% of its rows)",
        "C2 split into C5 and C6 (95% of its rows)",
        "C2 split into C5 and C6 (95% of its rows)",
        "C3 merged into C7 (80% of its rows)",
    ]
    for band, source, target in zip(drawing.bands, ("C1", "C2", "C2", "C3"), ("C1", "C5", "C6", "C7"), strict=True):
        left_top, right_top, right_bottom, left_bottom = ends(band.path)
        assert old[source].y - 0.1 <= left_top < left_bottom <= old[source].y + old[source].height + 0.1
        assert new[target].y - 0.1 <= right_top < right_bottom <= new[target].y + new[target].height + 0.1
    survived = ends(drawing.bands[0].path)
    assert abs((survived[3] - survived[0]) - 0.9 * old["C1"].height) < 0.2


def test_what_is_drawn_is_also_said() -> None:
    drawing = drawn()
    assert drawing.columns[1].foot == "1 split, 1 merged, 1 vanished"
    ((title, words),) = drawing.words
    assert title == "v2 against v1"
    assert words[-1] == "C4 vanished" and len(words) == 4


def test_a_label_has_one_colour_in_all_versions() -> None:
    one, two = (column.bars for column in drawn().columns)
    assert one[0].label == two[0].label == "C1" and one[0].colour == two[0].colour
    assert len({bar.colour for bar in (*one, *two)}) == 7


def test_versions_without_a_lineage_are_drawn_without_bands() -> None:
    drawing = draw([version(1, BEFORE), version(2, AFTER)])
    assert drawing.bands == () and drawing.words == ()
    assert [len(column.bars) for column in drawing.columns] == [4, 4]


def test_no_band_leads_past_a_version_that_it_does_not_compare_with() -> None:
    told = lineage(AFTER, ("survived", ("C1",), ("C1",), 0.9))
    drawing = draw([version(1, BEFORE), version(2, BEFORE), version(3, AFTER, told)])
    assert drawing.bands == ()


def test_a_hundred_clusters_stay_inside() -> None:
    shares = {f"C{i}": 0.01 for i in range(100)}
    drawing = draw([version(1, shares)])
    assert all(bar.height > 0 for bar in drawing.columns[0].bars)
    last = drawing.columns[0].bars[-1]
    assert last.y + last.height <= drawing.height


def test_rows_that_a_cluster_lost_are_drawn_and_told() -> None:
    told = lineage(AFTER, ("survived", ("C1",), ("C1",), 0.6), ("vanished", ("C4",), (), 0.0))
    flows = (Flow("C1", "C1", 0.6), Flow("C1", "C7", 0.3), Flow("C1", "C5", 0.1), Flow("C4", "C6", 1.0))
    drawing = draw([version(1, BEFORE), version(2, AFTER, told, VersionFacts(flows=flows))])
    assert [band.title.partition(" of the rows of ")[2] for band in drawing.bands] == [
        "C1 are in C1 now", "C1 are in C5 now", "C1 are in C7 now", "C4 are in C6 now",
    ]  # fmt: skip
    ((_, words),) = drawing.words
    assert words == ("C1 survived (60% of its rows); 30% to C7, 10% to C5", "C4 vanished; 100% to C6")
    old = {bar.label: bar for bar in drawing.columns[0].bars}
    heights = [ends(band.path)[3] - ends(band.path)[0] for band in drawing.bands[:3]]
    assert abs(sum(heights) - old["C1"].height) < 0.5


def test_a_version_alone_is_drawn_no_larger_than_among_others() -> None:
    alone, pair = draw([version(1, BEFORE)]), drawn()
    assert (alone.width, alone.height) == (pair.width - BESIDE, pair.height)


def test_clusters_too_small_for_their_label_have_it_beside_them() -> None:
    shares = {"C1": 0.95, "C2": 0.02, "C3": 0.02, "C4": 0.01}
    drawing = draw([version(1, shares)])
    large, *small = drawing.columns[0].bars
    assert large.roomy and large.beside is None
    places = [bar.beside for bar in small if bar.beside is not None]
    assert len(places) == 3 and all(low + 10 < high for low, high in itertools.pairwise(places))
    assert max(places) < drawing.height
