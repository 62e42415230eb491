"""The lineage file survives the round trip, and what is none is refused by name."""

from __future__ import annotations

import json

import pytest

from contract.errors import ModelArtifactError
from contract.lineage import Lineage, Transition, lineage_from_json, lineage_to_json

LINEAGE = Lineage(
    labels=("C2", "C6"),
    retired=("C1",),
    next_label=7,
    predecessor=4,
    transitions=(
        Transition("survived", ("C2",), ("C2",), 0.75),
        Transition("vanished", ("C1",), (), 0.0),
        Transition("appeared", (), ("C6",), 1.0),
    ),
)


def test_the_file_gives_back_what_was_written() -> None:
    assert lineage_from_json(lineage_to_json(LINEAGE), "x") == LINEAGE


def test_every_kind_is_counted() -> None:
    assert LINEAGE.counts() == {"survived": 1, "split": 0, "merged": 0, "appeared": 1, "vanished": 1}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        lineage_to_json(LINEAGE).replace(b'"format": 1', b'"format": 2'),
        lineage_to_json(LINEAGE).replace(b'"survived"', b'"moved"'),
        json.dumps({**json.loads(lineage_to_json(LINEAGE)), "more": 1}).encode(),
    ],
)
def test_another_file_is_refused(body: bytes) -> None:
    with pytest.raises(ModelArtifactError, match=r"swathe/lineage\.json is not a lineage file"):
        lineage_from_json(body, "swathe/lineage.json")
