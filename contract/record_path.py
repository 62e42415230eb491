"""Where in a nested record a column's value is: `a.b[0].c`, with `"b.c"` for a name that holds a dot."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import AfterValidator

from contract.plain_values import JsonNumber, is_text

Step = str | int
"""A name in an object, or a place in a list, from 0."""

ROOT: Final = "$"
"""As a path's first step: the record itself, where an envelope would be passed by."""
MOST_STEPS: Final = 16
MOST_INDEX: Final = 9_999

_BARE = r"[^.\[\]\"]+"
_QUOTED = r"\"(?:[^\"\\]|\\.)*\""
_NAME = re.compile(rf"(?P<bare>{_BARE})|(?P<quoted>{_QUOTED})")
_BEHIND = re.compile(
    rf"\.(?P<bare>{_BARE})|\.?(?P<quoted>(?<=\.){_QUOTED})|\[(?:(?P<index>[0-9]+)|(?P<key>{_QUOTED}))\]"
)
_AS_FIRST = re.compile(rf"\[(?P<key>{_QUOTED})\]")


class NoPlaceError(ValueError):
    """What a path leads through is no object, or no list; the message says where, and what it is."""


@dataclass(frozen=True)
class RecordPath:
    """Steps from the record, or from what its envelope holds, to a value; the first is a name."""

    steps: tuple[Step, ...]
    from_root: bool = False
    """Whether it begins at the record where that has an envelope."""

    def __str__(self) -> str:
        """Return the path as :func:`record_path` reads it."""
        said = "".join(map(_written, self.steps)).removeprefix(".")
        return f"{ROOT}{'' if said.startswith('[') else '.'}{said}" if self.from_root else said

    def inside(self, name: str) -> RecordPath:
        """Return the path that begins at the record which holds this one's beginning as ``name``."""
        return RecordPath((name, *self.steps), from_root=True)

    def of(self, record: object) -> object:
        """Return the value of ``record``; None where it, or something on the way to it, is null or missing.

        Raises
        ------
        NoPlaceError: something on the way is neither, and has no names, or no places.
        """
        found = record
        for at, step in enumerate(self.steps):
            if found is None:
                return None
            if isinstance(step, str) and isinstance(found, Mapping):
                found = found.get(step)
            elif isinstance(step, int) and _is_list(found):
                found = found[step] if step < len(found) else None  # type: ignore[index,arg-type]  # a list
            else:
                passed = str(RecordPath(self.steps[:at])) or "the record"
                meant = "an object" if isinstance(step, str) else "a list"
                raise NoPlaceError(f"path {self}: {passed} is {kind_of(found)}, and not {meant}")
        return found

    def leads_into(self, record: object) -> bool:
        """Whether ``record`` has the path's names, be the value, or what it would lie in, null or not."""
        found = record
        for step in self.steps:
            if isinstance(step, str) and isinstance(found, Mapping) and step in found:
                found = found[step]
            elif isinstance(step, int) and _is_list(found) and step < len(found):  # type: ignore[arg-type]  # a list
                found = found[step]  # type: ignore[index]  # a list
            else:
                return found is None
        return True


def kind_of(value: object) -> str:
    """Return what JSON calls ``value``, for a message."""
    if isinstance(value, bool):
        return "true or false"
    kinds = {str: "text", int: "a number", float: "a number", JsonNumber: "a number", bytes: "bytes"}
    if isinstance(value, Mapping):
        return "an object"
    return "null" if value is None else "a list" if _is_list(value) else kinds.get(type(value), type(value).__name__)


@functools.lru_cache(maxsize=4_096)
def record_path(text: str) -> RecordPath:
    """Return the path that ``text`` writes.

    Raises
    ------
    ValueError: it writes none; the message says at which place.
    """
    steps: list[Step] = []
    place = 0
    while place < len(text) or not steps:
        found = (_NAME.match(text) or _AS_FIRST.match(text)) if place == 0 else _BEHIND.match(text, place)
        if found is None:
            raise ValueError(_not_a_path(text, place))
        steps.append(_step(found, text))
        place = found.end()
    from_root = steps[0] == ROOT and text.startswith(ROOT)
    steps = steps[1:] if from_root else steps
    if not steps or not isinstance(steps[0], str):
        raise ValueError(f"{text!r} has to begin with a name: a record is an object")
    if len(steps) > MOST_STEPS:
        raise ValueError(f"{text[:80]!r} has {len(steps)} steps, and {MOST_STEPS} are taken")
    return RecordPath(tuple(steps), from_root)


def _step(found: re.Match[str], text: str) -> Step:
    parts = found.groupdict()
    if (index := parts.get("index")) is not None:
        if int(index) > MOST_INDEX:
            raise ValueError(f"{text[:80]!r}: [{index[:20]}] is beyond [{MOST_INDEX}], the last place that is taken")
        return int(index)
    if (bare := parts.get("bare")) is not None:
        return bare
    try:
        name: str = json.loads(parts.get("quoted") or parts["key"])
    except ValueError as error:
        raise ValueError(f"{text[:80]!r}: {found[0]} is no text in double quotes") from error
    if not is_text(name):
        raise ValueError(f"{text[:80]!r}: {found[0]} has half a letter, which no record holds")
    return name


def _not_a_path(text: str, place: int) -> str:
    if not text:
        return "a path has no characters"
    behind = text[place:]
    hint = (
        "a name stands behind a dot" if behind in {".", ""} or behind.startswith("..")
        else "places count from 0" if behind.startswith("[-")
        else 'a place is [0], a name with dots is ["b.c"]' if behind.startswith("[")
        else 'steps are a.b, a[0] and a."b.c"'
    )  # fmt: skip
    return f"{text[:80]!r} is no path, from {behind[:20]!r} on: {hint}"


def _written(step: Step) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    if step != ROOT and re.fullmatch(_BARE, step):
        return f".{step}"
    return f".{json.dumps(step, ensure_ascii=False)}"


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _checked(text: str) -> str:
    record_path(text)
    return text


PathText = Annotated[str, AfterValidator(_checked)]


def meanings(path: RecordPath) -> Iterator[tuple[RecordPath, str]]:
    """Yield each place that ``path`` leads through and what has to be there: an object, a list, at last a value."""
    for at in range(1, len(path.steps) + 1):
        behind = path.steps[at : at + 1]
        meant = "a value" if not behind else "an object" if isinstance(behind[0], str) else "a list"
        yield RecordPath(path.steps[:at], path.from_root), meant
