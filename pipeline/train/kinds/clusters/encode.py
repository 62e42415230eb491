"""An encoding in Spark's SQL: the same numbers as `scoring.features` makes, whatever the session's time zone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from scoring.features import Encoding
from scoring.forms import Category, Cyclic, Form, Log, Number, Value

MISSING_CODE: Final = -1

_EPOCH: Final = "TIMESTAMP_NTZ '1970-01-01 00:00:00'"
_SLOT: Final = {"hour": "HOUR({0})", "weekday": "WEEKDAY({0})", "month": "MONTH({0}) - 1"}


def columns(encoding: Encoding) -> list[str]:
    """Return an expression for each encoded column, null or NaN where its number is missing."""
    return [expression for feature in encoding.features for expression in _columns(feature)]


def _columns(feature: Form) -> list[str]:
    if isinstance(feature, Category):
        return _of_category(feature)
    found = _of_time(feature) if isinstance(feature, Cyclic) else [_of_number(feature)]
    # All of its columns are missing where one is.
    return [*found, f"CASE WHEN {found[0]} IS NULL OR ISNAN({found[0]}) THEN 1.0D ELSE 0.0D END"][
        : len(feature.columns)
    ]


def _of_number(feature: Form) -> str:
    number = f"CAST(`{feature.column}` AS DOUBLE)"
    if isinstance(feature, Log):
        return f"CASE WHEN {number} < 0 THEN -LOG1P(-{number}) ELSE LOG1P({number}) END"
    return number


def _of_category(feature: Category) -> list[str]:
    column = f"`{feature.column}`"
    kept = f"{column} IN ({', '.join(literal(value) for value in feature.values)})"
    found = [f"CASE WHEN {column} = {literal(value)} THEN 1.0D ELSE 0.0D END" for value in feature.values]
    if not feature.flag:
        return [*found, f"CASE WHEN {kept} THEN 0.0D ELSE 1.0D END"]
    other = f"CASE WHEN {column} IS NULL OR {kept} THEN 0.0D ELSE 1.0D END"
    return [*found, other, f"CASE WHEN {column} IS NULL THEN 1.0D ELSE 0.0D END"]


def _of_time(feature: Cyclic) -> list[str]:
    place = f"CAST({slot(feature)} AS INT) + 1"
    # Asked first: ELEMENT_AT of a constant array gives some element where the place is null.
    return [
        f"CASE WHEN `{feature.column}` IS NOT NULL THEN ELEMENT_AT(ARRAY({', '.join(numbers)}), {place}) END"
        for numbers in ([f"{pair[axis]!r}D" for pair in feature.table] for axis in (0, 1))
    ]


def slot(feature: Cyclic) -> str:
    """Return the hour, weekday or month of a time, from 0; null where it is missing.

    A TIMESTAMP becomes a count of microseconds, and that a clock's time: neither knows the session's zone.
    """
    clock = f"TIMESTAMPADD(MICROSECOND, UNIX_MICROS(`{feature.column}`), {_EPOCH})"
    return _SLOT[feature.of].format(f"CONVERT_TIMEZONE('UTC', '{feature.zone.name}', {clock})")


def code(feature: Category | Cyclic) -> str:
    """Return the place of a cell's value or slot, that of the last and one for other values, MISSING_CODE for none."""
    if isinstance(feature, Cyclic):
        return f"COALESCE(CAST({slot(feature)} AS INT), {MISSING_CODE})"
    column = f"`{feature.column}`"
    places = " ".join(f"WHEN {column} = {literal(value)} THEN {place}" for place, value in enumerate(feature.values))
    return f"CASE WHEN {column} IS NULL THEN {MISSING_CODE} {places} ELSE {len(feature.values)} END"


def literal(value: Value) -> str:
    """Return a value in SQL. A text's bytes: no quote, backslash or placeholder in it means anything to anybody."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int):
        return f"CAST('{value}' AS BIGINT)"
    return f"CAST(X'{value.encode().hex()}' AS STRING)"


def counted(encoding: Encoding) -> Sequence[Category | Cyclic]:
    """Return the features whose values are counted, not averaged."""
    return [feature for feature in encoding.features if isinstance(feature, Category | Cyclic)]


def numbers(encoding: Encoding) -> Sequence[Number]:
    """Return the features that are numbers, as they came or as logarithms."""
    return [feature for feature in encoding.features if isinstance(feature, Number)]
