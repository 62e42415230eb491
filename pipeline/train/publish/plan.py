"""What is to be done for each batch, decided from the registry and the train keys before Spark starts."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from contract.errors import ConfigurationError, StopError
from contract.model_version import TAG_STATE, TAG_TRAIN_KEY
from contract.series_commands import SeriesCommands
from pipeline.train.ledger.edits import Registered, check_registry
from pipeline.train.mlflow_client.aliases import is_unsettled
from pipeline.train.mlflow_client.registry import RegisteredVersion

PENDING, ALL = "pending", "all"


class Action(enum.Enum):
    """What a batch needs."""

    NOTHING = "nothing to do"
    EARLIER = "trained with other columns"
    LEAVE = "trained with other parameters or an earlier revision, and left alone"
    FINISH = "registered, but not yet ready, failed or given its alias"
    TRAIN = "no version yet"


@dataclass(frozen=True)
class Step:
    """One batch, what it needs, and the version it has if any."""

    batch: int
    key: str
    action: Action
    version: RegisteredVersion | None
    columns: str = ""
    """How the columns differed with which the version was trained."""

    @property
    def said(self) -> str:
        """What a person is told of it."""
        told = str(self.action.value)
        return f"{told} ({self.columns}), and left alone" if self.action is Action.EARLIER else told

    @property
    def is_work(self) -> bool:
        """Whether anything has to be done."""
        return self.action in {Action.TRAIN, Action.FINISH}


def parse_selection(text: str) -> str | int:
    """Return ``pending``, ``all`` or a batch number.

    Raises
    ------
    ConfigurationError: none of them.
    """
    if text in {PENDING, ALL}:
        return text
    if text.isascii() and text.isdigit() and int(text) >= 1:
        return int(text)
    raise ConfigurationError(f"batch={text} is neither `pending`, `all` nor a number from 1")


Earlier = Callable[[int, str], str | None]
"""Returns how the columns differed with which a batch's version has a train key; None: it is for another reason."""


def plan(
    commands: SeriesCommands,
    keys: Sequence[str],
    registered: Registered,
    selection: str | int,
    earlier: Earlier = lambda *_: None,
) -> list[Step]:
    """Return a step for each selected batch, in order; ``keys`` are the train keys of batches 1..n.

    Raises
    ------
    ChainError: the registry contradicts the batches.
    ConfigurationError: the selected batch is not there, or not yet its turn.
    StopError: a selected batch was trained under another key, and was asked for by name.
    """
    check_registry(commands, registered, len(keys))
    steps = [_step(batch, key, registered.versions.get(batch), earlier) for batch, key in enumerate(keys, start=1)]
    if isinstance(selection, int):
        steps = [_turn_of(selection, steps, commands)]
    if selection != PENDING:
        for step in steps:
            if step.action is Action.LEAVE:
                raise StopError(
                    f"version {step.batch} of model {commands.model!r} was trained with other parameters or an earlier "
                    f"revision, and versions are never retrained in place; train the series anew with: "
                    f"{commands.train_anew()}"
                )
    return steps


def _step(batch: int, key: str, version: RegisteredVersion | None, earlier: Earlier) -> Step:
    if version is None:
        return Step(batch, key, Action.TRAIN, None)
    if TAG_STATE not in version.tags or is_unsettled(version):
        return Step(batch, key, Action.FINISH, version)
    found = version.tags.get(TAG_TRAIN_KEY, "")
    if found == key:
        return Step(batch, key, Action.NOTHING, version)
    columns = earlier(batch, found)
    return Step(batch, key, Action.EARLIER if columns else Action.LEAVE, version, columns or "")


def _turn_of(batch: int, steps: Sequence[Step], commands: SeriesCommands) -> Step:
    if batch > len(steps):
        raise ConfigurationError(f"batch={batch} is not sealed yet; there are {len(steps)} batches")
    before = [step.batch for step in steps[: batch - 1] if step.is_work]
    if before and steps[batch - 1].action is Action.TRAIN:
        raise ConfigurationError(
            f"batch={batch} cannot become version {batch} before batch {before[0]} has its version; "
            f"train it first with {commands.train(before[0])}, or all that wait with {commands.train()}"
        )
    return steps[batch - 1]
