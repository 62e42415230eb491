"""The types that a column may have, and the other words that people write for them."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import BeforeValidator, WithJsonSchema

PLAIN_TYPES: Final = (
    "int32", "int64", "float32", "float64", "bool", "string", "timestamp", "date", "time", "binary",
)  # fmt: skip
ALIASES: Final = {
    "int": "int64", "integer": "int64", "bigint": "int64", "long": "int64", "float": "float64", "double": "float64",
    "str": "string", "text": "string", "varchar": "string", "boolean": "bool", "datetime": "timestamp",
    "bytes": "binary",
}  # fmt: skip
_DECIMAL = re.compile(r"(?:decimal|numeric)\(\s*(\d{1,2})\s*(?:,\s*(\d{1,2})\s*)?\)")
_MOST_DIGITS = 38
_NO_DIGITS = frozenset({"decimal", "numeric"})
# A row is named by text, and these have none that people would write, or that Spark makes alike.
_NO_ID = frozenset({"time", "binary"})


def column_type(text: object) -> str:
    """Return the type's one name: `int` is `int64`, `numeric(10, 2)` is `decimal(10,2)`.

    Raises
    ------
    ValueError: no such type; the message names those there are.
    """
    name = " ".join(str(text).lower().split())
    name = ALIASES.get(name, name)
    if found := _DECIMAL.fullmatch(name):
        precision, scale = int(found[1]), int(found[2] or 0)
        if not 1 <= precision <= _MOST_DIGITS or scale > precision:
            raise ValueError(
                f"{text!r} cannot be: a decimal has 1 to {_MOST_DIGITS} digits, some of them behind the point"
            )
        return f"decimal({precision},{scale})"
    if name.startswith(("decimal(", "numeric(")) and not name.endswith(")"):
        raise ValueError(
            f'{text!r} ends at its comma, as YAML has it within braces: write it in quotes, "decimal(10,2)"'
        )
    if name in _NO_DIGITS:
        raise ValueError(f"{text!r} has to say its digits, all and behind the point, as in decimal(10,2)")
    if name not in PLAIN_TYPES:
        raise ValueError(f"{str(text)[:80]!r} is no type; there are {', '.join(PLAIN_TYPES)} and decimal(p,s)")
    return name


ColumnType = Annotated[
    str,
    BeforeValidator(column_type),
    WithJsonSchema({"type": "string", "enum": [*PLAIN_TYPES, "decimal(p,s)"]}),
]


def decimal_digits(kind: str) -> tuple[int, int] | None:
    """Return how many digits a decimal type has, and how many of them behind the point; None for another type."""
    found = _DECIMAL.fullmatch(kind)
    return None if found is None else (int(found[1]), int(found[2] or 0))


def family(kind: str) -> str:
    """Return the type, without its digits where it is a decimal."""
    return "decimal" if kind.startswith("decimal") else kind


def is_numeric(kind: str) -> bool:
    """Whether a column of type ``kind`` holds numbers."""
    return kind.startswith(("int", "float", "decimal"))


def may_be_id(kind: str) -> bool:
    """Whether a column of type ``kind`` can name a row."""
    return kind not in _NO_ID
