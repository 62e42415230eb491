"""The page stays small, however many clusters and features there are, and says what it leaves out."""

from __future__ import annotations

from typing import Any

import pytest

from serving.kinds.installed import kinds
from serving.pages.ui.page import UserInterface
from serving.service import Service
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
