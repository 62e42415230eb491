"""Training says why a version has no alias, or another one than the champion's."""

from __future__ import annotations

import pytest

from contract.model_version import TAG_GATE, TAG_GATE_REASON
from pipeline.train.publish.publisher import earned


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({TAG_GATE: "champion", TAG_GATE_REASON: "passed every check"}, "champion"),
        ({TAG_GATE: "none", TAG_GATE_REASON: "silhouette is -0.1, limit 0"}, "none (silhouette is -0.1, limit 0)"),
        ({TAG_GATE: "challenger", TAG_GATE_REASON: "ref/silhouette is 0.1, limit 0.2"}, "challenger (ref/silhouette"),
        ({}, "none"),
    ],
)
def test_why_is_said(tags: dict[str, str], said: str) -> None:
    assert earned(tags).startswith(said) and earned(tags).endswith(")") == ("(" in said)
