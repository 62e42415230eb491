"""What a model reads: typed inputs, and how they are encoded as the columns of numbers that its arithmetic knows.

Cells are float, int, str or bool by the type of their input; a time is an int, microseconds since 1970, UTC. A missing
cell is None or NaN.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from .arrays import Floats
from .clock import UTC, Zone
from .forms import Category, Column, Cyclic, Form, Log, Number

TYPES: Final = ("double", "long", "string", "boolean", "datetime")
MOST_COLUMNS: Final = 10_000

_FORMS: Final = {"number": Number, "log": Log, "category": Category, "cyclic": Cyclic}


@dataclass(frozen=True)
class Input:
    """A column that a model reads, and its type in MLflow's words: one of ``TYPES``."""

    name: str
    type: str = "double"


@dataclass(frozen=True)
class Encoding:
    """The inputs of a model, and its features, each of which is one input's cell as one or more columns of numbers."""

    inputs: tuple[Input, ...]
    features: tuple[Form, ...]

    def __post_init__(self) -> None:
        """Refuse features that no inputs give.

        Raises
        ------
        ValueError: names the feature or the input.
        """
        types = {each.name: each.type for each in self.inputs}
        if len(types) < len(self.inputs) or not set(types.values()) <= set(TYPES):
            raise ValueError(f"inputs {self.inputs!r} do not have names of their own and known types"[:300])
        for feature in self.features:
            found = types.get(feature.column)
            takes = {feature.takes} if isinstance(feature, Category) else feature.types
            if found not in takes:
                raise ValueError(f"feature {feature.name!r} is made of input {feature.column!r}, which is {found}")
        if set(types) != {feature.column for feature in self.features}:
            raise ValueError("an input is in no feature")
        if len({feature.name for feature in self.features}) < len(self.features):
            raise ValueError("two features have one name")
        if self.width > MOST_COLUMNS:
            raise ValueError(f"{self.width} encoded columns are more than {MOST_COLUMNS}")
        if len(set(self.names)) < self.width:
            raise ValueError(f"two of {self.width} encoded columns have one name")

    @classmethod
    def plain(cls, names: Sequence[str]) -> Encoding:
        """Return the encoding of numbers that are what they are, a feature each."""
        return cls(tuple(Input(name) for name in names), tuple(Number(name, name) for name in names))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the encoded columns, no two alike."""
        return tuple(name for feature in self.features for name in feature.columns)

    @cached_property
    def width(self) -> int:
        """Number of encoded columns."""
        return sum(feature.width for feature in self.features)

    @cached_property
    def is_plain(self) -> bool:
        """Whether every input is a double that is its own column: then rows of cells are rows of numbers."""
        return all(type(feature) is Number and not feature.flag for feature in self.features) and all(
            each.type == "double" for each in self.inputs
        )

    @property
    def declared(self) -> tuple[tuple[str | bool, ...], ...]:
        """What versions have to have in common to be compared: name, form, column and flag of each feature.

        And the name of a time's zone, but for UTC: its table ages, and is no other feature for that.
        """
        return tuple(
            (feature.name, feature.form, feature.column, feature.flag, *_zone(feature)) for feature in self.features
        )

    @cached_property
    def _places(self) -> tuple[tuple[int, Form], ...]:
        places = {each.name: place for place, each in enumerate(self.inputs)}
        return tuple((places[feature.column], feature) for feature in self.features)

    def row(self, cells: Sequence[Any]) -> list[float]:
        """Return the numbers of one row of ``cells``, one an input, NaN where they are missing."""
        found: list[float] = []
        for place, feature in self._places:
            found += feature.cell(cells[place])
        return found

    def rows(self, columns: Sequence[Column]) -> Floats:
        """Return the numbers [n, width] of ``columns``, one an input of n cells each; column-major."""
        count = len(columns[0]) if len(columns) else 0
        found: Floats = np.empty((count, self.width), dtype=np.float64, order="F")
        at = 0
        for place, feature in self._places:
            for numbers in feature.cells(columns[place]):
                found[:, at] = numbers
                at += 1
        return found

    def to_fields(self) -> dict[str, Any]:
        """Return what JSON keeps of it; every double survives the round trip exactly."""
        inputs = [{"name": each.name, "type": each.type} for each in self.inputs]
        return {"inputs": inputs, "features": [_written(feature) for feature in self.features]}

    @classmethod
    def from_fields(cls, fields: Any) -> Encoding:
        """Return what :meth:`to_fields` made.

        Raises
        ------
        ValueError: it did not make this.
        """
        try:
            inputs = tuple(Input(str(each["name"]), str(each["type"])) for each in fields["inputs"])
            return cls(inputs, tuple(_read(each) for each in fields["features"]))
        except (LookupError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"not an encoding of features: {error!r}"[:300]) from error


def _zone(feature: Form) -> tuple[str, ...]:
    return (feature.zone.name,) if isinstance(feature, Cyclic) and feature.zone.name != UTC.name else ()


def _written(feature: Form) -> dict[str, Any]:
    fields: dict[str, Any] = {"as": feature.form, "name": feature.name, "column": feature.column, "flag": feature.flag}
    if isinstance(feature, Category):
        fields["values"] = feature.values
    if isinstance(feature, Cyclic):
        zone = {name: getattr(feature.zone, name) for name in ("name", "since_us", "offsets_s")}
        fields |= {"of": feature.of, "table": feature.table, "zone": zone}
    return fields


def _read(fields: Mapping[str, Any]) -> Form:
    given = dict(fields)
    form, flag = given.pop("as"), given.pop("flag")
    if form not in _FORMS or not isinstance(flag, bool):
        raise ValueError(f"{form!r} is no form of a feature, or its flag is none"[:300])
    if form == "category":
        given["values"] = tuple(given["values"])
    if form == "cyclic":
        zone = given["zone"]
        given["zone"] = Zone(tuple(zone["since_us"]), tuple(zone["offsets_s"]), str(zone["name"]))
        given["table"] = tuple((float(pair[0]), float(pair[1])) for pair in given["table"])
    texts = ("name", "column", "of") if form == "cyclic" else ("name", "column")
    if any(not isinstance(given[text], str) for text in texts):
        raise ValueError("a feature's names are no text")
    found: Form = _FORMS[form](**given, flag=flag)
    return found
