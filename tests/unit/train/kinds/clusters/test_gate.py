"""Which alias a version earns, and the words for why."""

from __future__ import annotations

import json
from typing import cast

import pytest

from contract.kinds.clusters import Gate
from pipeline.train.kinds.clusters.champion import champion_of
from pipeline.train.kinds.clusters.gate import Champion, decide
from pipeline.train.kinds.kind import Decision
from pipeline.train.mlflow_client.registry import RegisteredVersion
from pipeline.train.mlflow_client.upload import ArtifactStore

GOOD = {
    "silhouette": 0.5,
    "min_cluster_share": 0.1,
    "missing_share/a": 0.02,
    "ref/silhouette": 0.45,
    "ref/wssse_per_row": 1.1,
}
TAGS = {"reference": "r", "ref_silhouette": "0.5", "ref_wssse_per_row": "1.0"}
LIMITS = Gate()
# Versions with tags have no need of them.
NO_ARTIFACTS = cast(ArtifactStore, None)


def champion(number: int, tags: dict[str, str]) -> Champion:
    return champion_of(RegisteredVersion(number, "run", "", tags), NO_ARTIFACTS)


def decided(tags: dict[str, str] | None = None, **more: float) -> Decision:
    beaten = champion(3, tags) if tags is not None else None
    return decide({**GOOD, **{name.replace("__", "/"): value for name, value in more.items()}}, "r", LIMITS, beaten)


def test_the_first_version_that_is_sound_is_champion() -> None:
    found = decided()
    assert (found.earned, found.champion, found.relative) == ("champion", None, ())
    assert "no champion" in found.reason


def test_one_that_is_as_good_within_tolerance_is_champion() -> None:
    found = decided(TAGS)
    assert (found.earned, found.champion) == ("champion", 3)
    assert found.reason == "passed every check, beside champion version 3"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("ref__silhouette", 0.39, "ref/silhouette is 0.39, limit 0.4"),
        ("ref__wssse_per_row", 1.26, "ref/wssse_per_row is 1.26, limit 1.25"),
    ],
)
def test_one_that_loses_against_the_champion_is_challenger(name: str, value: float, reason: str) -> None:
    found = decided(TAGS, **{name: value})
    assert (found.earned, found.reason) == ("challenger", reason)


@pytest.mark.parametrize(
    ("name", "value"), [("silhouette", -0.01), ("min_cluster_share", 0.0009), ("missing_share__a", 0.51)]
)
def test_one_that_is_not_sound_earns_nothing_even_without_a_champion(name: str, value: float) -> None:
    for tags in (None, TAGS):
        found = decided(tags, **{name: value})
        assert found.earned == "none" and name.split("__", maxsplit=1)[0] in found.reason


def test_what_could_not_be_measured_fails_its_check() -> None:
    found = decide(
        {"silhouette": 0.5, "min_cluster_share": 0.1},
        "r",
        LIMITS,
        champion(1, TAGS),
    )
    assert found.earned == "challenger"
    assert found.reason.startswith("ref/silhouette is not measured, limit 0.4; ref/wssse_per_row is not measured")
    assert json.loads(found.to_json())["relative"][0]["value"] is None


@pytest.mark.parametrize(
    "tags", [{"reference": "r"}, {**TAGS, "reference": "another"}, {**TAGS, "ref_silhouette": "nan"}]
)
def test_a_champion_that_was_measured_otherwise_holds_nobody_back(tags: dict[str, str]) -> None:
    found = decided(tags, ref__silhouette=-1.0)
    assert found.earned == "champion"
    assert found.reason == (
        "passed the absolute checks; champion version 3 was measured otherwise, and holds nobody back"
    )
