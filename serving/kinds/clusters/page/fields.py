"""The fields of the row to try: a choice for a category, a clock for a time, a number for a number."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Final, Literal

from contract.decoding import shortened
from scoring.features import Encoding
from scoring.forms import Category
from serving.kinds.clusters.clustering import Clustering

MOST_FIELDS: Final = 1000
"""Inputs that a row is tried with; the others are missing."""
# Characters of all choices together, with what is written around each; beyond them a category is typed in.
_MOST_CHOICES: Final = 300_000
_AROUND: Final = 80
_LONGEST_CHOICE: Final = 60

Look = Literal["number", "choice", "text", "time"]
_LOOKS: Final[Mapping[str, Look]] = {"datetime": "time", "string": "text", "boolean": "text"}


@dataclass(frozen=True)
class Field:
    """An input of some versions: how it looks, what stands in it at first, and its choices, each as JSON and in words.

    ``kind`` is its type in the newest of them.
    """

    name: str
    kind: str
    look: Look
    value: str
    choices: tuple[tuple[str, str], ...] = ()


def fields(newest_first: Sequence[Clustering]) -> list[Field]:
    """Return a field for each input of any of the versions."""
    kinds, example = dict[str, str](), dict[str, Any]()
    for served in newest_first:
        if not served.inputs.keys() <= kinds.keys():
            kinds |= {name: kind for name, kind in served.inputs.items() if name not in kinds}
            example = {**served.example, **example}
    values = _values(served.encoding for served in newest_first)
    found, room = list[Field](), _MOST_CHOICES
    for name, kind in [*kinds.items()][:MOST_FIELDS]:
        choices = _choices(values.get(name, {}), kind, room)
        room -= _length(choices)
        found.append(Field(name, kind, _look(kind, choices), _shown(example[name], kind, choices), choices))
    return found


def _values(encodings: Iterable[Encoding]) -> dict[str, dict[Any, None]]:
    """Return the values of each input that is nothing but a category."""
    found = defaultdict[str, dict[Any, None]](dict)
    others: set[str] = set()
    for encoding in encodings:
        if encoding.is_plain:
            others |= {each.name for each in encoding.inputs}
            continue
        for feature in encoding.features:
            if isinstance(feature, Category):
                found[feature.column] |= dict.fromkeys(feature.values)
            else:
                others.add(feature.column)
    return {name: values for name, values in found.items() if name not in others}


def _look(kind: str, choices: Sequence[object]) -> Look:
    return "choice" if choices else _LOOKS.get(kind, "number")


def _shown(value: Any, kind: str, choices: Sequence[object]) -> str:
    if choices:
        return json.dumps(value)
    if value is None:
        return ""
    # The clock of a browser has no zone, and a time without one is UTC.
    return str(value).removesuffix("Z")[:19] if kind == "datetime" else str(value)


def _choices(values: Mapping[Any, None], kind: str, room: int) -> tuple[tuple[str, str], ...]:
    """Return what is chosen of a category of these ``values``; nothing where there are none, or no ``room``."""
    if not values:
        return ()
    known = [(json.dumps(value), told(value)) for value in values]
    if _length(known) > room:
        return ()
    others = [] if kind == "boolean" else [(json.dumps(_other(values, kind)), "any other")]
    return (*known, *others, ("null", "missing"))


def _length(choices: Sequence[tuple[str, str]]) -> int:
    return sum(len(value) + len(words) + _AROUND for value, words in choices)


def told(value: str | int | bool) -> str:
    """Return a category's value in words."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return shortened(text)[:_LONGEST_CHOICE] if text.strip() else f"“{text[:_LONGEST_CHOICE]}”"


def _other(values: Mapping[Any, None], kind: str) -> Any:
    """Return a value that is none of ``values``."""
    candidates = (n if kind == "long" else "other" + "*" * n for n in count())
    return next(value for value in candidates if value not in values)
