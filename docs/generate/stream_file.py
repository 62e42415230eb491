"""The stream file, key by key, from the classes that check it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Final

from pydantic import BaseModel

from contract.features import CLASSES
from contract.kind import DEFAULT, Kind, kinds
from contract.stream import stream_class
from docs.generate.markdown import code, table
from docs.generate.types import Schema, in_words, resolved

Row = tuple[str, ...]

_HEAD: Final = ("key", "meaning", "type", "default")
# Each kind of model has its own.
_OF_THE_KIND: Final = ("model", "gate", "identity", "features")


def text() -> str:
    """Return a table of the file, of each section, of each form of a feature, and of each kind of model."""
    whole = stream_class(kinds()[DEFAULT])
    parts = ["## The file", table(_HEAD, rows(whole, "")), *_sections(whole)]
    for form, feature in CLASSES.items():
        parts += [f"## features: {form}", _first(feature.__doc__), table(_HEAD, rows(feature, "features.*."))]
    for kind in kinds().values():
        parts += [f"## model: {kind.name}", _first(kind.model.__doc__), table(_HEAD, rows(kind.model, "model."))]
    for section, path in _beside(kinds().values()).items():
        of = ", ".join(kind.name for kind in kinds().values() if section in (kind.gate, kind.identity))
        parts += [f"## {path}: {of}", _first(section.__doc__), table(_HEAD, rows(section, f"{path}."))]
    return "\n\n".join(parts)


def rows(section: type[BaseModel], path: str) -> Iterator[Row]:
    """Yield key, meaning, type and default of each key of ``section``, which stands at ``path``."""
    schema = section.model_json_schema(by_alias=True)
    for row, name in zip(_rows(schema, schema.get("$defs", {}), path), section.model_fields, strict=True):
        key, meaning, *rest = row
        # A kind of model narrows a key without saying anew what it means.
        fields = (base.model_fields.get(name) for base in section.__mro__ if issubclass(base, BaseModel))
        told = (field.description for field in fields if field is not None and field.description)
        yield (key, next(told, meaning), *rest)


def _sections(whole: type[BaseModel]) -> Iterator[str]:
    """Yield a heading and a table for each section that is a class, whichever there are."""
    schema = whole.model_json_schema(by_alias=True)
    for name, value in schema["properties"].items():
        path = f"{name}.*." if "additionalProperties" in value else f"{name}."
        for each in value.get("anyOf", [value.get("additionalProperties", value)]):
            section = resolved(each, schema["$defs"])
            if "properties" in section and name not in _OF_THE_KIND:
                yield f"## {name}"
                yield _first(section.get("description"))
                yield table(_HEAD, _rows(section, schema["$defs"], path))


def _beside(all_kinds: Iterable[Kind]) -> dict[type[BaseModel], str]:
    """Return the sections that stand beside the model, each once, by their class."""
    found: dict[type[BaseModel], str] = {kind.gate: "gate" for kind in all_kinds}
    return found | {kind.identity: "identity" for kind in all_kinds if kind.identity is not None}


def _rows(schema: Schema, definitions: Schema, path: str) -> Iterator[Row]:
    required = schema.get("required", [])
    for name, value in schema["properties"].items():
        section = resolved(next(iter(value.get("anyOf", [value]))), definitions)
        meaning = value.get("description") or _first(section.get("description"))
        default = "required" if name in required else _default(value.get("default"))
        yield code(path + name), meaning, in_words(value, definitions), default


def _default(value: object) -> str:
    return "" if value in (None, []) or isinstance(value, dict) else code(json.dumps(value, ensure_ascii=False))


def _first(doc: str | None) -> str:
    return " ".join((doc or "").partition("\n\n")[0].split()).replace("``", "`")
