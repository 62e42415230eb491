"""What is to be done is decided by the registry and the keys alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import pytest

from contract.errors import ChainError, ConfigurationError, StopError
from contract.series_commands import SeriesCommands
from contract.stream import parse_stream
from pipeline.train.ledger.edits import Registered
from pipeline.train.ledger.ledger import Noted
from pipeline.train.mlflow_client.registry import RegisteredVersion
from pipeline.train.publish.plan import ALL, PENDING, Action, Step, parse_selection, plan

KEYS = ["k1", "k2", "k3"]
STREAM = parse_stream(
    "{name: m, topic: m, columns: {x: {type: float64}}, cut: {rows: 5}, features: [x], model: {k: 2}}", "m.yaml"
)
COMMANDS = SeriesCommands(".", "my streams/m.yaml", STREAM, "disjoint", "m")
TRAIN = "mlflow run . --env-manager local -P 'stream=my streams/m.yaml'"


def versions(*tags: Mapping[str, str], first: int = 1) -> dict[int, RegisteredVersion]:
    """Return versions from ``first`` on, version i tagged as batch i unless told otherwise."""
    return {
        number: RegisteredVersion(number, f"run{number}", "", {"batch": str(number), **given})
        for number, given in enumerate(tags, start=first)
    }


def actions(found: dict[int, RegisteredVersion], selection: str | int = PENDING) -> list[tuple[int, Action]]:
    return [(step.batch, step.action) for step in planned(found, selection)]


def planned(
    found: dict[int, RegisteredVersion], selection: str | int = PENDING, noted: Noted | None = None
) -> list[Step]:
    return plan(COMMANDS, KEYS, Registered(found, noted or Noted()), selection)


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
        with pytest.raises(StopError, match=re.escape(f"`{TRAIN} -P model=m-2 -P batch=all`")):
            planned(found, selection)
    assert actions(found, 2) == [(2, Action.TRAIN)]


def test_a_version_of_other_columns_is_found_by_its_key_and_left_alone_however_it_is_asked_for() -> None:
    found = versions({"state": "ready", "train_key": "narrow"}, {"state": "ready", "train_key": "old"})
    told = {(1, "narrow"): "x was int32"}
    steps = plan(COMMANDS, KEYS, Registered(found, Noted()), 1, lambda *asked: told.get(asked))
    assert [(step.action, step.is_work) for step in steps] == [(Action.EARLIER, False)]
    assert steps[0].said == "trained with other columns (x was int32), and left alone"
    with pytest.raises(StopError, match="version 2 of model 'm' was trained with other parameters"):
        plan(COMMANDS, KEYS, Registered(found, Noted()), 2, lambda *asked: told.get(asked))


def test_a_number_is_taken_in_its_turn_only() -> None:
    with pytest.raises(ConfigurationError, match="before batch 1 has its version") as refused:
        planned({}, 2)
    assert f"`{TRAIN} -P batch=1`" in str(refused.value) and f"`{TRAIN}`" in str(refused.value)
    with pytest.raises(ConfigurationError, match="there are 3 batches"):
        planned({}, 4)
    assert actions(versions(READY_1), 1) == [(1, Action.NOTHING)]
    assert actions(versions(READY_1), 2) == [(2, Action.TRAIN)]


@pytest.mark.parametrize(
    ("found", "noted", "said"),
    [
        (versions({"state": "ready"}, first=2), [], "version 1 of model 'm' is gone"),
        (versions(READY_1), [1, 2, 3], "versions 2, 3 of model 'm' are gone"),
        ({}, [1, 2], "model 'm' has none of its 2 versions any more"),
        (versions({"batch": "7"}), [1], "version 1 of model 'm' carries batch=7: its tags were edited"),
        (versions({"batch": "1", "state": "orphan"}), [], "version 1 of model 'm' is an orphan"),
    ],
)
def test_an_edited_registry_is_told_with_what_is_gone_and_what_to_do(
    found: dict[int, RegisteredVersion], noted: list[int], said: str
) -> None:
    with pytest.raises(ChainError, match=said) as told:
        planned(found, noted=Noted(frozenset(noted)))
    assert "`python -m pipeline restore m`" in str(told.value)


def test_where_no_version_is_there_a_way_on_is_named_that_needs_no_runs() -> None:
    """An old bucket with a new tracking server: nothing can be restored."""
    with pytest.raises(ChainError, match="or is another one; ") as told:
        planned({}, noted=Noted(frozenset({1, 2})))
    assert f"`{TRAIN} -P model=m-2 -P batch=all`" in str(told.value)
    assert "without what is below _series/m/ in the bucket this one is forgotten" in str(told.value)


def test_a_restore_that_has_not_ended_holds_training_back() -> None:
    with pytest.raises(ChainError, match="has not come to its end; `python -m pipeline restore m`"):
        planned(versions(READY_1), noted=Noted(frozenset({1, 2}), restoring=True))


def test_what_is_no_edit_is_told_otherwise() -> None:
    with pytest.raises(ChainError, match="carries batch=7: it was not made by Swathe") as told:
        planned(versions({"batch": "7"}))
    assert f"`{TRAIN} -P model=m-2 -P batch=all`" in str(told.value)
    with pytest.raises(ChainError, match="has version 4, but the stream has 3 batches only"):
        planned(versions({}, {}, {}, {}))


@pytest.mark.parametrize(("stream", "scheme"), [("other", "disjoint"), ("m", "cumulative")])
def test_a_series_belongs_to_its_stream_and_scheme(stream: str, scheme: str) -> None:
    found = versions({**READY_1, "stream": stream, "scheme": scheme})
    with pytest.raises(ChainError, match=f"model 'm' is a series of stream '{stream}', {scheme}") as told:
        planned(found)
    # Its own name is taken, so it needs another.
    assert f"`{TRAIN} -P model=m-2 -P batch=all`" in str(told.value)
    with pytest.raises(ChainError, match="is a series of stream") as told:
        plan(replace(COMMANDS, model="x"), KEYS, Registered(found), PENDING)
    assert f"`{TRAIN}`" in str(told.value)
    own = versions({**READY_1, "stream": "m", "scheme": "disjoint"})
    assert [step.action for step in planned(own)] == [Action.NOTHING, Action.TRAIN, Action.TRAIN]


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "last", "٣", "1 "])
def test_a_selection_that_is_none_is_named(text: str) -> None:
    with pytest.raises(ConfigurationError, match="batch="):
        parse_selection(text)


def test_selections() -> None:
    assert [parse_selection(text) for text in ("pending", "all", "12")] == [PENDING, ALL, 12]
