"""What a JSON schema says of a value, in the words of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Schema = Mapping[str, Any]

_LIMITS: Final = (
    *(("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<")),
    *(("minItems", "at least"), ("minProperties", "at least"), ("minLength", "at least")),
)
_LITTLE, _MUCH = -(2**61), 2**61


def resolved(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """Return ``schema``, or what it refers to."""
    reference = str(schema.get("$ref", ""))
    return definitions[reference.rpartition("/")[2]] if reference else schema


def in_words(schema: Schema, definitions: Mapping[str, Schema]) -> str:
    """Return what a value may be: its type, its limits or its values."""
    found = resolved(schema, definitions)
    for several in ("anyOf", "oneOf"):
        if several in found:
            words = (in_words(each, definitions) for each in found[several] if each.get("type") != "null")
            return " or ".join(dict.fromkeys(words))
    if "enum" in found or "const" in found:
        return ", ".join(f"`{value}`" for value in found.get("enum", [found.get("const")]))
    return ", ".join([_type(found, definitions), *_limits(found)])


def _type(schema: Schema, definitions: Mapping[str, Schema]) -> str:
    if schema.get("type") == "array" and schema.get("items"):
        return f"list of {in_words(schema['items'], definitions)}"
    if "properties" in schema:
        return "mapping of " + ", ".join(f"`{name}`" for name in schema["properties"])
    if isinstance(values := schema.get("additionalProperties"), Mapping):
        return f"mapping of names to {in_words(values, definitions)}"
    return str(schema.get("format") or schema.get("type", "any"))


def _limits(schema: Schema) -> list[str]:
    told = [f"{sign} {schema[name]:g}" for name, sign in _LIMITS if _LITTLE < schema.get(name, _MUCH) < _MUCH]
    return [*told, *([f"`{schema['pattern']}`"] if "pattern" in schema else [])]
