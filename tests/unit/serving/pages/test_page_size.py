"""The page stays small, however many clusters and features there are, and says what it leaves out."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest

from contract.version_facts import VersionFacts
from scoring.features import Encoding, Input
from scoring.forms import Category
from scoring.kmeans import Scoring
from serving.kinds.installed import kinds
from serving.pages.ui.page import UserInterface
from serving.service import Service
from serving.versions.catalogue import Version
from tests.unit.serving.pages.test_kept import Moment
from tests.unit.serving.served_numbers import catalogue, scoring, version


@pytest.mark.parametrize(
    ("clusters", "width", "versions", "said"),
    [
        (3, 4, 12, []),
        (40, 300, 12, ["the 26 largest clusters; 14 are left out", "For room, 1 of the 12 versions above"]),
        (400, 300, 3, ["The newest 2 of 3 ready versions", "the 26 largest clusters; 374 are left out"]),
        (
            12,
            1100,
            2,
            ["the 10 largest clusters; 2 are left out", "; 300 features are left out", "1,000 can be entered"],
        ),
    ],
)
def test_the_page_says_what_it_leaves_out(clusters: int, width: int, versions: int, said: list[str]) -> None:
    found = scoring(width=width, clusters=clusters)
    given: Any = Moment(catalogue(*(version(i, found) for i in range(1, versions + 1))))
    page = UserInterface(Service(given, kinds(), None, "http://mlflow"), kinds()).page("m").decode()
    assert len(page) < 2_000_000
    words = " ".join(page.split())
    assert all(each in words for each in said), words[:2000]
    assert ("left out" in words) == bool(said)
    # The table, and the form, have all of them.
    assert words.count('data-schema="0"') == versions


def test_many_categories_are_typed_in_instead_of_chosen() -> None:
    names = [f"f{j}" for j in range(38)]
    values = tuple(f"<value> {i}" for i in range(256))
    encoding = Encoding(
        tuple(Input(name, "string") for name in names), tuple(Category(name, name, values) for name in names)
    )
    zeros = (0.0,) * encoding.width
    found = Scoring(
        encoding.names, zeros, zeros, zeros, (zeros,) * 400, tuple(f"C{i}" for i in range(400)), zeros, encoding
    )
    html = page_of(version(1, found))
    assert len(html) < 2_000_000 and "<value>" not in html
    fields = html[html.index('class="fields"') :]
    assert 0 < fields.count("<select") < 38 and fields.count("<select") + fields.count('<input type="text"') == 38


def measured(number: int, metrics: dict[str, float], drift: str | None) -> Version:
    """A ready version that tells its metrics."""
    made = version(number, tags={"rows": "1500"})
    assert made.numbers is not None
    facts = VersionFacts(metrics=metrics, drift=drift)
    return dataclasses.replace(made, numbers=dataclasses.replace(made.numbers, facts=facts))


def page_of(*versions: Version) -> str:
    given: Any = Moment(catalogue(*versions))
    return UserInterface(Service(given, kinds(), None, "http://mlflow"), kinds()).page("m").decode()


def test_every_metric_is_a_chart_and_a_row_of_the_table_drift_last() -> None:
    first = measured(1, {"ndcg@10": 0.25, "a<b": 1.0}, None)
    failed = dataclasses.replace(version(2, tags={"silhouette": "0.9"}), state="failed", numbers=None)
    html = page_of(first, failed, measured(3, {"ndcg@10": 0.5, "a<b": 1.0, "drift/psi_max": 0.2}, "moderate"))
    names = ["rows", "ndcg@10", "a&lt;b", "drift", "drift/psi_max"]
    assert re.findall(r'<span class="name">(.*?)</span>', html) == names
    section = html[html.index('id="lines"') :]
    assert re.findall(r'<th scope="row">(.*?)</th>', section)[: len(names)] == names
    assert "<title>v1: 0.25</title>" in section and "<title>v2" not in section and "0.9" not in section
    assert "<td>0.5</td><td>–</td><td>0.25</td>" in re.sub(r"\s+(?=<td)", "", section)
    assert 'aria-label="ndcg@10 of 2 versions: lowest 0.25 (v1), highest 0.5 (v3), newest 0.5 (v3)"' in section
    # Told by tags, as versions from before the file did.
    assert '<span class="name">silhouette</span>' in page_of(version(1, tags={"silhouette": "0.4"}))


def test_a_thousand_versions_of_many_metrics_fit_on_a_page() -> None:
    metrics = {f"metric number {i}": 1234.5 for i in range(40)}
    html = page_of(*(measured(i, metrics, "stable") for i in range(1, 1001)))
    assert len(html) < 2_000_000 and html.count("<circle") <= 8_000
    assert "of 1,000 versions are drawn" in " ".join(html.split())


def test_versions_with_other_columns_are_asked_each_for_its_own() -> None:
    words = page_of(version(1, scoring(width=2, clusters=3)), version(2, scoring(width=3, clusters=3)))
    assert words.count('data-schema="0"') == words.count('data-schema="1"') == 1
