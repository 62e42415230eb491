"""Which columns of a table rows can be clustered by, in which form, and why the others are left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from contract.column_types import is_numeric
from contract.features import COLUMN_TYPES, LONGEST_VALUE
from contract.proposal import ColumnFacts, Table

MOST_CATEGORIES: Final = 32
"""Values of a category that is proposed."""
MOST_WIDTH: Final = 100
"""Columns of numbers that are proposed: people can name more."""
MOST_MISSING: Final = 0.5
"""Share of missing values that the gate of a clustering lets pass."""

_Feature = str | Mapping[str, Any]


def proposed_features(table: Table) -> tuple[list[_Feature], dict[str, str]]:
    """Return the features of ``table``, and by column why it is none."""
    features: list[_Feature] = []
    left_out: dict[str, str] = {}
    width = 0
    for column in table:
        if (reason := _reason(column)) is not None:
            left_out[column.name] = reason
            continue
        form, columns = _form(column)
        if width + columns > MOST_WIDTH:
            left_out[column.name] = f"the features above have {MOST_WIDTH} numbers already, or nearly"
            continue
        features.append(form)
        width += columns
    return features, left_out


def any_feature(table: Table) -> Mapping[str, Any] | str | None:
    """Return a feature that makes a stream file whole where no column is worth one; numbers come first."""
    able = [column for column in table if column.type in COLUMN_TYPES["category"] or is_numeric(column.type)]
    able.sort(key=lambda column: (not is_numeric(column.type), column.missing))
    if not able:
        return None
    return able[0].name if is_numeric(able[0].type) else {"column": able[0].name, "as": "category"}


def _form(column: ColumnFacts) -> tuple[_Feature, int]:
    """Return a feature, and how many columns of numbers it becomes."""
    if column.type == "timestamp":
        return {"column": column.name, "as": "cyclic", "of": "hour"}, 2
    if not is_numeric(column.type):
        values = max(2, column.distinct or 2)
        return {"column": column.name, "as": "category", "max_categories": values}, values + 1
    return column.name, 1


def _reason(column: ColumnFacts) -> str | None:
    """Return why a column is no feature, None where it is one."""
    if column.missing >= column.rows:
        return "it has no value"
    if column.distinct == 1:
        return "its values are all the same"
    if column.type in {"date", "time", "binary"}:
        return f"a {column.type} is no feature"
    if column.missing_share > MOST_MISSING:
        return f"{column.missing_share:.0%} of it are missing, in a third of the rows at least"
    if column.same_in_a_third:
        return "its values are all the same in a third of the rows at least"
    return _reason_of_values(column)


def _reason_of_values(column: ColumnFacts) -> str | None:
    if column.is_id:
        return "it names a row or a thing"
    if column.type == "timestamp":
        return None if column.varies else "it has one time of day"
    return None if is_numeric(column.type) else _no_category(column)


def _no_category(column: ColumnFacts) -> str | None:
    if column.distinct is None or column.distinct > MOST_CATEGORIES:
        return f"a category of {'very many' if column.distinct is None else f'{column.distinct:,}'} values"
    if column.longest > LONGEST_VALUE:
        return f"text of {column.longest:,} characters"
    return "text that is another one in each row" if column.is_unique else None
