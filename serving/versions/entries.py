"""What is served of one entry of the registry: pure functions of the entry, what was served before, and its loading."""

from __future__ import annotations

import dataclasses

from contract.decoding import shortened
from contract.model_version import TAG_REASON, TAG_STATE
from serving.versions.catalogue import State, Version
from serving.versions.loads import Fault, Loaded
from serving.versions.registered import RegisteredVersion


def state_of(entry: RegisteredVersion) -> str | None:
    """Return what its training said of it; None while that goes on."""
    return entry.tags.get(TAG_STATE)


def is_settled(entry: RegisteredVersion) -> bool:
    """Return whether its training has said what became of it, so that little of it is to change."""
    return entry.fault is not None or state_of(entry) in {"ready", "failed"}


def is_same(entry: RegisteredVersion, known: Version | None) -> bool:
    """Return whether ``known`` is the very version of ``entry``, in the same state."""
    if known is None or known.state != state_of(entry):
        return False
    return (known.run_id, known.source) == (entry.run_id, entry.source)


def is_to_load(entry: RegisteredVersion, known: Version | None) -> bool:
    """Return whether the numbers of ``entry`` are not here yet."""
    return entry.fault is None and state_of(entry) == "ready" and not is_same(entry, known)


def as_listed(entry: RegisteredVersion, state: State, reason: str | None) -> Version:
    """Return ``entry`` without numbers."""
    return Version(
        model=entry.model,
        number=entry.number,
        run_id=entry.run_id,
        source=entry.source,
        state=state,
        tags=entry.tags,
        created_ms=entry.created_ms,
        reason=reason,
    )


def served(entry: RegisteredVersion, before: Version | None, outcome: Loaded | Fault | None) -> Version | None:
    """Return what is to be served of ``entry``; None while it is being made or loaded.

    A version that was served stays as it was while its entry cannot be read, or another one is being loaded.
    """
    if entry.fault is not None:
        return before or as_listed(entry, "unavailable", entry.fault)
    if is_same(entry, before) and before is not None:
        same = before.tags == entry.tags and before.gone_at is None
        return before if same else dataclasses.replace(before, tags=entry.tags, gone_at=None)
    if state_of(entry) == "failed":
        return as_listed(entry, "failed", shortened(entry.tags.get(TAG_REASON, "")) or None)
    return _loaded(entry, before, outcome) if state_of(entry) == "ready" else None


def _loaded(entry: RegisteredVersion, before: Version | None, outcome: Loaded | Fault | None) -> Version | None:
    if outcome is None:
        return before and dataclasses.replace(before, tags=entry.tags, gone_at=None)
    if isinstance(outcome, Fault):
        return as_listed(entry, "unavailable", outcome.reason)
    version = as_listed(entry, "ready", None)
    return dataclasses.replace(version, numbers=outcome.numbers, experiment_id=outcome.experiment_id)
