"""Versions as the registry lists them: each entry is read by itself, and one that cannot be read says why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from serving.versions import registry_answers as answers


@dataclass(frozen=True)
class RegisteredVersion:
    """A version as the registry shows it, in ``size`` bytes; ``fault`` is why the rest of it cannot be read."""

    model: str
    number: int
    run_id: str
    source: str
    created_ms: int
    tags: Mapping[str, str]
    fault: str | None = None
    size: int = 0


@dataclass(frozen=True)
class Stretch:
    """All versions of a model from number ``first`` on, up to where they were asked for; in order.

    Those of which not even the number can be read are left out.
    """

    first: int
    versions: tuple[RegisteredVersion, ...]


def in_order(versions: Iterable[RegisteredVersion]) -> tuple[RegisteredVersion, ...]:
    """Return ``versions`` by their numbers."""
    return tuple(sorted(versions, key=lambda version: version.number))


def too_many(version: RegisteredVersion) -> RegisteredVersion:
    """Return ``version`` as one for which there is no room."""
    fault = f"its entry in the registry: it and newer ones have more than {answers.MOST_LISTED:,} bytes"
    return RegisteredVersion(version.model, version.number, "", "", 0, {}, fault=fault, size=version.size)


def read(model: str, entry: bytes) -> RegisteredVersion | None:
    """Return what ``entry`` says, or None where not even the number can be read."""
    try:
        number = answers.NUMBER.decode(entry).version
    except ValueError:
        return None
    try:
        fields = answers.VERSION.decode(entry)
    except ValueError as error:
        return faulty(model, int(number), str(error), len(entry))
    tags = {tag.key: tag.value for tag in fields.tags}
    created_ms, size = fields.creation_timestamp, len(entry)
    return RegisteredVersion(model, int(number), fields.run_id, fields.source, created_ms, tags, size=size)


def faulty(model: str, number: int | None, problem: str, size: int = 0) -> RegisteredVersion | None:
    """Return the version that ``number`` is, of which no more is known."""
    fault = f"its entry in the registry: {problem}"
    return None if number is None else RegisteredVersion(model, number, "", "", 0, {}, fault=fault, size=size)
