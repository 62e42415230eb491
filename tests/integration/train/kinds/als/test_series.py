"""A series of recommenders from small batches: what is left of a version, and what cannot be trained."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from tests.integration.train.ratings import RatingsLab, tastes


def trained_pairs(lab: RatingsLab, batches: list[pa.Table], share: float) -> dict[tuple[str, str], float]:
    """Return the ratings that a version of these batches is fitted to, found by nothing of the project."""


def test_a_series_of_small_batches(services: dict[str, str], tmp_path: Path) -> None:
    lab = RatingsLab(services, tmp_path)
    lab.land(tastes(1500, 1), tastes(1500, 2))
    code, said = lab.train()
    print(said)
    assert code == 0, said
    for number, version in lab.versions(lab.model).items():
        print(number, version.tags, version.description)
        print(lab.facts(number, lab.model))
