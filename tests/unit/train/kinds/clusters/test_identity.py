"""Labels: what they mean goes on, and none is ever used for something else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.kinds.clusters import Identity
from contract.lineage import Lineage
from pipeline.train.kinds.clusters.identity import first_lineage, follow, lineage_of_others, overlap

LIMITS = Identity()


def lineage(*labels: str, retired: tuple[str, ...] = (), next_label: int | None = None) -> Lineage:
    return Lineage(labels, retired, next_label or len(labels) + len(retired) + 1, None, ())


def followed(earlier: Lineage, counts: Sequence[Sequence[int]]) -> Lineage:
    return follow(earlier, 1, np.array(counts, dtype=np.int64), LIMITS)


def fates(found: Lineage) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    return [(each.kind, each.before, each.after) for each in found.transitions]


def test_the_first_version_names_its_clusters_by_size() -> None:
    assert first_lineage([5, 30, 5]).labels == ("C2", "C1", "C3")
    assert first_lineage([5, 30, 5]).next_label == 4


def test_overlap_counts_pairs() -> None:
    before, after = np.array([0, 0, 1, 1, 1], np.int32), np.array([2, 2, 0, 0, 2], np.int32)
    assert overlap(before, after, 2, 3).tolist() == [[0, 0, 2], [2, 0, 1]]


def test_a_label_follows_its_rows_to_another_number() -> None:
    found = followed(lineage("C1", "C2"), [[1, 99], [60, 40]])
    assert found.labels == ("C2", "C1") and found.retired == () and found.next_label == 3
    assert fates(found) == [("survived", ("C1",), ("C1",)), ("survived", ("C2",), ("C2",))]
    assert found.transitions[1].share == pytest.approx(0.6)


def test_a_cluster_that_splits_gives_its_label_up() -> None:
    found = followed(lineage("C1", "C2"), [[45, 5, 40, 10], [0, 100, 0, 0]])
    assert found.labels == ("C3", "C2", "C4", "C5") and found.retired == ("C1",) and found.next_label == 6
    assert fates(found) == [
        ("split", ("C1",), ("C3", "C4")),
        ("survived", ("C2",), ("C2",)),
        ("appeared", (), ("C5",)),
    ]
    assert found.transitions[0].share == pytest.approx(0.85)


def test_of_two_that_merge_the_one_that_makes_up_most_goes_on() -> None:
    found = followed(lineage("C1", "C2", "C3"), [[90, 10], [30, 0], [0, 50]])
    assert found.labels == ("C1", "C3") and found.retired == ("C2",)
    assert fates(found) == [
        ("survived", ("C1",), ("C1",)),
        ("merged", ("C2",), ("C1",)),
        ("survived", ("C3",), ("C3",)),
    ]


def test_of_three_equals_that_merge_none_goes_on() -> None:
    found = followed(lineage("C1", "C2", "C3"), [[40, 0], [40, 0], [40, 0]])
    assert found.labels[0] == "C4" and found.retired == ("C1", "C2", "C3")
    assert [each.kind for each in found.transitions] == ["merged", "merged", "merged", "appeared"]


def test_a_cluster_that_scatters_or_has_no_row_has_vanished() -> None:
    found = followed(lineage("C1", "C2", "C3"), [[20, 20, 20, 20, 20], [0, 0, 0, 0, 0], [9, 0, 0, 0, 0]])
    assert [kind for kind, _, _ in fates(found)][:3] == ["vanished", "vanished", "survived"]
    assert found.labels[0] == "C3" and found.retired == ("C1", "C2")


def test_a_label_that_is_retired_does_not_come_back() -> None:
    first = lineage("C1", "C2")
    second = followed(first, [[50], [50]])
    third = followed(second, [[40, 40, 20]])
    assert second.labels == ("C1",) and second.retired == ("C2",)
    assert third.labels == ("C3", "C4", "C5") and third.retired == ("C2", "C1")


def test_limits_decide() -> None:
    counts = np.array([[60, 40]], dtype=np.int64)
    assert follow(lineage("C1"), 1, counts, Identity(survive=0.7)).transitions[0].kind == "split"
    assert follow(lineage("C1"), 1, counts, Identity(survive=0.7, split=0.5)).transitions[0].kind == "vanished"


def test_other_features_leave_no_label_in_use() -> None:
    found = lineage_of_others(lineage("C2", "C4", retired=("C1", "C3")), 3, [10, 20])
    assert found.labels == ("C6", "C5") and found.retired == ("C1", "C3", "C2", "C4") and found.next_label == 7
    assert found.counts() == {"survived": 0, "split": 0, "merged": 0, "appeared": 2, "vanished": 2}


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_over_any_series_no_label_means_two_things(data: st.DataObject) -> None:
    found = first_lineage(data.draw(st.lists(st.integers(0, 50), min_size=1, max_size=5)))
    used = set(found.labels)
    for _ in range(5):
        k = data.draw(st.integers(1, 5))
        row = st.lists(st.integers(0, 50), min_size=k, max_size=k)
        before = found
        size = len(before.labels)
        found = followed(before, data.draw(st.lists(row, min_size=size, max_size=size)))
        kept, new = set(found.labels) & set(before.labels), set(found.labels) - set(before.labels)
        assert len(set(found.labels)) == k and not new & used
        assert set(before.labels) - kept <= set(found.retired) and not set(found.retired) & set(found.labels)
        # Every cluster, before and after, is in some transition.
        assert {label for each in found.transitions for label in each.before} == set(before.labels)
        assert {label for each in found.transitions for label in each.after} == set(found.labels)
        used |= new
