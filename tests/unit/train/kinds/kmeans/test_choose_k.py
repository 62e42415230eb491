"""Which k is chosen from a curve, and what the stream file may ask for."""

from __future__ import annotations

import pytest

from contract.errors import StreamFileError
from contract.kinds.clusters import KRange
from contract.kinds.kmeans import KMeans
from contract.stream import parse_stream
from pipeline.train.kinds.clusters.k_curve import KPoint, Sweep, choose

STREAM = """
name: s
topic: s
columns: {a: {type: float64}}
cut: {rows: 10}
features: [a]
model: {k: KRANGE}
"""


def points(*values: tuple[int, float, float]) -> list[KPoint]:
    return [KPoint(k, 1.0 / k, silhouette, share) for k, silhouette, share in values]


def test_the_highest_silhouette_wins() -> None:
    k, reason = choose(points((2, 0.4, 0.3), (3, 0.7, 0.2), (4, 0.6, 0.1)), 0.05)
    assert k == 3 and "0.700" in reason and "k = 2 to 4" in reason


def test_of_two_equals_the_smaller_wins() -> None:
    assert choose(points((2, 0.4, 0.3), (3, 0.7, 0.2), (4, 0.7, 0.1)), 0.05)[0] == 3


def test_a_k_that_splits_off_a_handful_of_rows_is_not_chosen() -> None:
    assert choose(points((2, 0.4, 0.3), (3, 0.7, 0.049), (4, 0.6, 0.05)), 0.05)[0] == 4


def test_where_no_k_keeps_the_guard_the_closest_one_is_taken_and_said() -> None:
    k, reason = choose(points((2, 0.4, 0.03), (3, 0.7, 0.04), (4, 0.6, 0.01)), 0.05)
    assert k == 3 and reason.startswith("none of k = 2 to 4 keeps every cluster at 5.0%")


def test_curves_have_k_as_their_step() -> None:
    swept = Sweep(tuple(points((2, 0.4, 0.3), (3, 0.7, 0.2))), 3, "")
    assert swept.curves()["k_search/silhouette"] == {2: 0.4, 3: 0.7}
    assert set(swept.curves()) == {"k_search/silhouette", "k_search/wssse_per_row", "k_search/min_cluster_share"}


def test_a_range_has_defaults() -> None:
    k = parse_stream(STREAM.replace("KRANGE", "{from: 2, to: 8}"), "s").section(KMeans).k
    assert isinstance(k, KRange) and (k.start, k.to, k.seeds, k.min_cluster_share) == (2, 8, 3, 0.01)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{from: 8, to: 2}", "k: from 8 to 2 is no range"),
        ("{from: 1, to: 3}", "greater than or equal to 2"),
        ("{from: 2}", "required, and absent"),
        ("{from: 2, to: many}", "many"),
        ("{from: 2, to: 8, seeds: 0}", "greater than or equal to 1"),
        ("{from: 2, to: 8, min_cluster_share: 0.5}", "less than 0.5"),
        ("{from: 2, to: 8, step: 2}", "model.k.step: unknown key"),
        ("{from: 2, to: 8}, seeds: 3", "seeds stands beside a fixed k"),
        ("3, seeds: 0", "greater than or equal to 1"),
    ],
)
def test_a_range_that_cannot_be_meant_is_refused_with_its_line(given: str, said: str) -> None:
    with pytest.raises(StreamFileError, match=r"s:7") as refused:
        parse_stream(STREAM.replace("KRANGE", given), "s")
    assert said in str(refused.value)
