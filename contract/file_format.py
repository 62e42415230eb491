"""What a stream file may say of the way a data file is written."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, PlainValidator
from pydantic_core import PydanticCustomError

from contract.zones import zone_name

_LETTERS = re.compile(r"%(.?)", re.DOTALL)
_KNOWN: Final = frozenset("aAbBcdfHIjmMpSuUwWxXyYzGV%")
_MARKS: Final = frozenset("., '’_\u00a0\u202f")


def _one_character(delimiter: str) -> str:
    # Without double quotes around it, YAML leaves a backslash and a t as they stand.
    found = "\t" if delimiter == r"\t" else delimiter
    if len(found) != 1 or found in '"\r\n':
        raise ValueError(
            f"{delimiter!r} is not one character that can stand between cells, such as "
            r""""," or "\t" or "|" (in quotes)"""
        )
    return found


def _text_encoding(name: str) -> str:
    try:
        if "1,a\n".encode(name).decode(name) == "1,a\n":
            return name
    except (LookupError, ValueError):
        pass
    raise ValueError(f"{name!r} is no encoding of text that Python knows, such as utf-8, latin-1, cp1252 or utf-16")


def _mark(mark: str) -> str:
    if mark not in _MARKS:
        raise ValueError(f"""{mark!r} does not stand in numbers; there are "." and "," and "'" and " " and "_\"""")
    return mark


def _date_format(pattern: str) -> str:
    letters = _LETTERS.findall(pattern)
    if not letters or (unknown := [letter for letter in letters if letter not in _KNOWN]):
        said = f"%{unknown[0]} is none of them" if letters else "it has none"
        raise ValueError(
            f"{pattern!r} is not written in strptime's letters, as in %d.%m.%Y %H:%M: {said}"
            + ("; the name of a zone goes into `zone`" if letters and unknown[0] == "Z" else "")
        )
    if len(set(letters) - {"%"}) != len([letter for letter in letters if letter != "%"]):
        raise ValueError(f"{pattern!r} has a letter of strptime twice")
    return pattern


def has_year(pattern: str) -> bool:
    """Whether ``pattern`` says where the year stands."""
    return not frozenset(_LETTERS.findall(pattern)).isdisjoint("yYGcx")


def has_zone(pattern: str) -> bool:
    """Whether ``pattern`` says where an offset from UTC stands."""
    return "z" in _LETTERS.findall(pattern)


def _name_or_place(given: object) -> str | int:
    if isinstance(given, str):
        return given
    if isinstance(given, bool) or not isinstance(given, int):
        raise PydanticCustomError("string_type", "has to be a name, or a place: 1 is the first")
    if given < 1:
        raise ValueError("is no place in a row: 1 is the first")
    return given


Delimiter = Annotated[str, AfterValidator(_one_character)]
Encoding = Annotated[str, AfterValidator(_text_encoding)]
Mark = Annotated[str, AfterValidator(_mark)]
DateFormat = Annotated[str, AfterValidator(_date_format)]
ZoneName = Annotated[str, AfterValidator(zone_name)]
NameInFile = Annotated[str | int, PlainValidator(_name_or_place, json_schema_input_type=str | int)]
