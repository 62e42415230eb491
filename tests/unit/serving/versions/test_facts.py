"""What a version says of its batch: from its artifact or, before there was a file for it, from its tags."""

from __future__ import annotations

from contract.version_facts import VersionFacts
from serving.versions.tags import facts

WINDOW = "2024-01-01T00:00:00.000Z/2024-01-02T00:00:00.000Z"


def test_tags_say_what_the_file_says() -> None:
    tags = {
        "offsets": '{"0": [3, 9]}', "rejected": "2", "window": WINDOW, "silhouette": "0.5", "ref_silhouette": "0.4",
        "drift": "stable", "drift_reason": "Against version 1",
    }  # fmt: skip
    assert facts(tags) == VersionFacts(
        offsets={0: (3, 9)}, rejected=2, window=WINDOW, silhouette=0.5, ref_silhouette=0.4, drift="stable",
        drift_reason="Against version 1",
    )  # fmt: skip


def test_odd_tags_are_as_if_they_were_absent() -> None:
    assert facts({"offsets": '{"a": 1}', "rejected": "²", "window": "x", "silhouette": "nan"}) == VersionFacts()
