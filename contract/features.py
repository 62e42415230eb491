"""Features in a stream file: a column's name, or the column and the form in which a model reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from contract.sections import Int, Real, Section
from contract.zones import zone_name

Form = Literal["number", "log", "category", "cyclic"]
FORMS: Final[tuple[Form, ...]] = ("number", "log", "category", "cyclic")

CellType = Literal["double", "long", "string", "boolean", "datetime"]
"""What a model reads of a column, in MLflow's names: 64 bits, text, or a time in microseconds."""

NUMERIC_TYPES: Final = frozenset({"int32", "int64", "float32", "float64"})
COLUMN_TYPES: Final[Mapping[Form, frozenset[str]]] = {
    "number": NUMERIC_TYPES | {"decimal"},
    "log": NUMERIC_TYPES | {"decimal"},
    "category": frozenset({"bool", "int32", "int64", "string"}),
    "cyclic": frozenset({"timestamp"}),
}
"""Types of column that each form can be made of."""

MOST_DISTINCT: Final = 10_000
"""Values of a category in a batch: more of them are an id."""
LONGEST_VALUE: Final = 200
"""Characters of a category's value that can have a column of its own; a longer one counts as other."""


def _form(given: object) -> object:
    if given not in FORMS:
        raise ValueError(f"{given!r} is no form of a feature; there are {', '.join(FORMS)}")
    return given


Missing = Literal["mean", "median", "flag"]
_MISSING: Final = "what replaces a missing value; flag: the mean, and a 0/1 column that says so"


class _Declared(Section):
    column: str = Field(description="the column; it may stand several times, each time in another form")
    weight: Real = Field(default=1.0, gt=0, le=1e6, description="of its distances beside those of other features")


_As = BeforeValidator(_form)


class Number(_Declared):
    """A number, as it is."""

    form: Annotated[Literal["number"], _As] = Field(default="number", alias="as", description="form")
    missing: Missing | None = Field(default=None, description=_MISSING)

    @property
    def is_plain(self) -> bool:
        """Whether it is what a bare name says."""
        return self.weight == 1 and self.missing is None


class Log(_Declared):
    """The logarithm of 1 + a number's magnitude, with its sign: for heavy tails."""

    form: Annotated[Literal["log"], _As] = Field(alias="as", description="form")
    missing: Missing | None = Field(default=None, description=_MISSING)


class Category(_Declared):
    """A 0/1 column for each of its most frequent values, and one for all others."""

    form: Annotated[Literal["category"], _As] = Field(alias="as", description="form")
    max_categories: Int = Field(default=32, ge=2, le=256, description="values with a column of their own")
    missing: Literal["flag"] | None = Field(
        default=None, description="a missing value has a 0/1 column; without it, it is an other one"
    )


class Cyclic(_Declared):
    """The hour, weekday or month of a time, as a point on a circle."""

    form: Annotated[Literal["cyclic"], _As] = Field(alias="as", description="form")
    of: Literal["hour", "weekday", "month"] = Field(description="what comes round")
    zone: Annotated[str, AfterValidator(zone_name)] = Field(default="UTC", description="zone of the clock")
    missing: Missing | None = Field(default=None, description=_MISSING)


Declared = Number | Log | Category | Cyclic


def _named(given: object) -> object:
    return {"column": given} if isinstance(given, str) else given


def _tag(given: Any) -> str:
    form = given.get("as", "number") if isinstance(given, Mapping) else getattr(given, "form", "number")
    return f"as {form}" if form in FORMS else "as number"


Feature = Annotated[
    Annotated[Number, Tag("as number")]
    | Annotated[Log, Tag("as log")]
    | Annotated[Category, Tag("as category")]
    | Annotated[Cyclic, Tag("as cyclic")],
    Discriminator(_tag),
    BeforeValidator(_named),
]

BRANCHES: Final = frozenset(f"as {form}" for form in FORMS)
"""Steps that pydantic adds to the path of a fault for the branches of the union; no column has such a name."""

CLASSES: Final[Mapping[Form, type[_Declared]]] = {"number": Number, "log": Log, "category": Category, "cyclic": Cyclic}


def forms_with(key: str) -> list[str]:
    """Return the forms that take ``key``."""
    return [form for form, kind in CLASSES.items() if any(key in {n, f.alias} for n, f in kind.model_fields.items())]


def columns_of(features: Iterable[Declared]) -> tuple[str, ...]:
    """Return the columns that ``features`` are made of, each once, in their order."""
    return tuple(dict.fromkeys(feature.column for feature in features))


def are_plain(features: Iterable[Declared]) -> bool:
    """Whether all of ``features`` are numbers as bare names say them."""
    return all(isinstance(feature, Number) and feature.is_plain for feature in features)


def names_of(features: Sequence[Declared]) -> tuple[str, ...]:
    """Return a name for each feature: its column's, with its form where that has to be told; no two are alike."""
    numbers = {feature.column for feature in features if isinstance(feature, Number)}
    return tuple(_name(feature, feature.column in numbers) for feature in features)


def _name(feature: Declared, is_a_number_too: bool) -> str:
    if isinstance(feature, Cyclic):
        return f"{feature.column}.{feature.of}"
    if isinstance(feature, Number) or (isinstance(feature, Category) and not is_a_number_too):
        return feature.column
    return f"{feature.column}.{feature.form}"


def most_columns(features: Iterable[Declared]) -> int:
    """Return how many columns of numbers ``features`` become at most."""
    return sum(_most(feature) + (feature.missing == "flag") for feature in features)


def least_columns(feature: Declared) -> int:
    """Return how many columns of numbers ``feature`` becomes at least: a category has one value and the others."""
    return (1 if isinstance(feature, Number | Log) else 2) + (feature.missing == "flag")


def _most(feature: Declared) -> int:
    if isinstance(feature, Category):
        return feature.max_categories + 1
    return 2 if isinstance(feature, Cyclic) else 1


def cell_types(features: Sequence[Declared], column_types: Mapping[str, str]) -> dict[str, CellType]:
    """Return what a model reads of each column; ``column_types`` are those of the stream file.

    A number is a double, whatever its column: a missing value has no integer form in a data frame. A column that is a
    category as well has the category's type.
    """
    found: dict[str, CellType] = {}
    for feature in features:
        if isinstance(feature, Category):
            kind = column_types[feature.column]
            found[feature.column] = "string" if kind == "string" else "boolean" if kind == "bool" else "long"
        else:
            found.setdefault(feature.column, "datetime" if isinstance(feature, Cyclic) else "double")
    return found


def training_parameters(features: Sequence[Declared]) -> list[object]:
    """Return what a training result depends on: a plain number is its name, and a key at its default is left out."""
    return [
        feature.column
        if isinstance(feature, Number) and feature.is_plain
        else feature.model_dump(mode="json", by_alias=True, exclude_defaults=True) | {"as": feature.form}
        for feature in features
    ]
