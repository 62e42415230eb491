"""What is to be done for each batch, decided from the registry and the train keys before Spark starts."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contract.errors import ChainError, ConfigurationError, StopError
from contract.model_version import TAG_BATCH, TAG_STATE, TAG_TRAIN_KEY
from pipeline.train.aliases import is_unsettled
from pipeline.train.registry import RegisteredVersion

PENDING, ALL = "pending", "all"


class Action(enum.Enum):
    """What a batch needs."""

    NOTHING = "nothing to do"
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


def check_registry(model: str, versions: Mapping[int, RegisteredVersion], batches: int) -> None:
    """Check that version i is batch i, for all i, without a gap.

    Raises
    ------
    ChainError: the registry was edited, or another model's versions are in it.
    """
    for expected, (number, version) in enumerate(sorted(versions.items()), start=1):
        batch = version.tags.get(TAG_BATCH)
        if version.tags.get(TAG_STATE) == "orphan":
            raise ChainError(
                f"version {number} of model {model!r} is an orphan: it was registered late for batch {batch}, "
                f"so batch {number} can no longer become version {number}; {_anew()}"
            )
        if number != expected:
            raise ChainError(
                f"model {model!r} has version {number} but no version {expected}: the registry was edited; {_anew()}"
            )
        if batch != str(number):
            raise ChainError(
                f"version {number} of model {model!r} carries batch={batch}: it was not made by Swathe or was "
                f"edited; {_anew()}"
            )
        if number > batches:
            raise ChainError(
                f"model {model!r} has version {number}, but the stream has {batches} batches only; "
                f"is this the bucket that it was trained from?"
            )


def _anew() -> str:
    return "train the series anew under another name with -P model=<new name>"


def plan(
    model: str, keys: Sequence[str], versions: Mapping[int, RegisteredVersion], selection: str | int
) -> list[Step]:
    """Return a step for each selected batch, in order; ``keys`` are the train keys of batches 1..n.

    Raises
    ------
    ChainError: the registry contradicts the batches.
    ConfigurationError: the selected batch is not there, or not yet its turn.
    StopError: a selected batch was trained under another key, and was asked for by name.
    """
    check_registry(model, versions, len(keys))
    steps = [_step(batch, key, versions.get(batch)) for batch, key in enumerate(keys, start=1)]
    if isinstance(selection, int):
        steps = [_turn_of(selection, steps)]
    if selection != PENDING:
        for step in steps:
            if step.action is Action.LEAVE:
                raise StopError(
                    f"version {step.batch} of model {model!r} was trained with other parameters or an earlier "
                    f"revision, and versions are never retrained in place; train the series anew with: "
                    f"mlflow run . --env-manager local -P batch=all -P model={model}-2"
                )
    return steps


def _step(batch: int, key: str, version: RegisteredVersion | None) -> Step:
    if version is None:
        return Step(batch, key, Action.TRAIN, None)
    if TAG_STATE not in version.tags or is_unsettled(version):
        return Step(batch, key, Action.FINISH, version)
    same = version.tags.get(TAG_TRAIN_KEY) == key
    return Step(batch, key, Action.NOTHING if same else Action.LEAVE, version)


def _turn_of(batch: int, steps: Sequence[Step]) -> Step:
    if batch > len(steps):
        raise ConfigurationError(f"batch={batch} is not sealed yet; there are {len(steps)} batches")
    before = [step.batch for step in steps[: batch - 1] if step.is_work]
    if before and steps[batch - 1].action is Action.TRAIN:
        raise ConfigurationError(
            f"batch={batch} cannot become version {batch} before batch {before[0]} has its version; "
            f"train it first with -P batch={before[0]}, or all that wait with -P batch=pending"
        )
    return steps[batch - 1]
