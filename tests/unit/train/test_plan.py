"""What is to be done is decided by the registry and the keys alone."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from contract.errors import ChainError, ConfigurationError, StopError
from pipeline.train.plan import ALL, PENDING, Action, parse_selection, plan
from pipeline.train.registry import RegisteredVersion

KEYS = ["k1", "k2", "k3"]


def versions(*tags: Mapping[str, str], first: int = 1) -> dict[int, RegisteredVersion]:
    """Return versions from ``first`` on, version i tagged as batch i unless told otherwise."""
    return {
        number: RegisteredVersion(number, f"run{number}", "", {"batch": str(number), **given})
        for number, given in enumerate(tags, start=first)
    }


def actions(found: dict[int, RegisteredVersion], selection: str | int = PENDING) -> list[tuple[int, Action]]:
    return [(step.batch, step.action) for step in plan("m", KEYS, found, selection)]


READY_1 = {"state": "ready", "train_key": "k1"}


def test_every_batch_without_a_version_is_trained_in_order() -> None:
    assert actions({}) == [(1, Action.TRAIN), (2, Action.TRAIN), (3, Action.TRAIN)]
    assert actions(versions(READY_1)) == [(1, Action.NOTHING), (2, Action.TRAIN), (3, Action.TRAIN)]


def test_a_version_that_is_ready_without_its_alias_is_finished() -> None:
    judged = {**READY_1, "gate": "champion"}
    assert actions(versions(judged))[0] == (1, Action.FINISH)
    assert actions(versions({**judged, "aliased": "true"}))[0] == (1, Action.NOTHING)
    failed = {"state": "failed", "train_key": "k1"}
    assert actions(versions(failed))[0] == (1, Action.NOTHING)


def test_a_failed_version_is_done_and_one_without_a_state_is_finished() -> None:
    found = versions(READY_1, {"state": "failed", "train_key": "k2"}, {"train_key": "k3"})
    assert actions(found) == [(1, Action.NOTHING), (2, Action.NOTHING), (3, Action.FINISH)]


def test_another_key_is_left_alone_when_pending_and_refused_by_name() -> None:
    found = versions({"state": "ready", "train_key": "old"})
    assert actions(found) == [(1, Action.LEAVE), (2, Action.TRAIN), (3, Action.TRAIN)]
    for selection in (1, ALL):
        with pytest.raises(StopError, match="-P batch=all -P model=m-2"):
            plan("m", KEYS, found, selection)
    assert actions(found, 2) == [(2, Action.TRAIN)]


def test_a_number_is_taken_in_its_turn_only() -> None:
    with pytest.raises(ConfigurationError, match="before batch 1 has its version"):
        plan("m", KEYS, {}, 2)
    with pytest.raises(ConfigurationError, match="there are 3 batches"):
        plan("m", KEYS, {}, 4)
    assert actions(versions(READY_1), 1) == [(1, Action.NOTHING)]
    assert actions(versions(READY_1), 2) == [(2, Action.TRAIN)]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (versions({"state": "ready"}, first=2), "has version 2 but no version 1"),
        (versions({"batch": "7"}), "carries batch=7"),
        (versions({"batch": "1", "state": "orphan"}), "is an orphan"),
        (versions({}, {}, {}, {}), "has version 4, but the stream has 3 batches only"),
    ],
)
def test_a_registry_that_contradicts_the_batches_is_reported(found: dict[int, RegisteredVersion], said: str) -> None:
    with pytest.raises(ChainError, match=said):
        plan("m", KEYS, found, PENDING)


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "last", "٣", "1 "])
def test_a_selection_that_is_none_is_named(text: str) -> None:
    with pytest.raises(ConfigurationError, match="batch="):
        parse_selection(text)


def test_selections() -> None:
    assert [parse_selection(text) for text in ("pending", "all", "12")] == [PENDING, ALL, 12]
