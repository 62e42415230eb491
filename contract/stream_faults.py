"""What is wrong with a stream file, in the words of the file and with its lines."""

from __future__ import annotations

from collections.abc import Mapping

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from contract.errors import StreamFileError
from contract.features import BRANCHES, forms_with
from contract.kind import Kind, kinds
from contract.stream_yaml import line_of, quoting_hint

# Steps that pydantic adds to the path of a fault for the branches of a union and for a mapping's key.
_PYDANTIC_STEPS = frozenset({"KRange", "constrained-int", "int", "[key]", *BRANCHES})

_KEYS = "has to be keys with their values"
# What pydantic says of these in Python's words.
_WORDS = {
    "too_short": "needs at least one, and has none",
    "tuple_type": "has to be a list",
    "dict_type": _KEYS,
    "model_type": _KEYS,
    "model_attributes_type": _KEYS,
}


def with_lines(error: ValidationError, node: yaml.Node, source: str, kind: Kind) -> StreamFileError:
    """Return what pydantic found as one message that names every wrong key of the file ``source`` and its line."""
    faults = []
    for fault in _own_faults(error):
        # A union (`k`) and a mapping key add segments of pydantic's own to the path.
        path = [str(part) for part in fault["loc"] if str(part) not in _PYDANTIC_STEPS]
        line, known = line_of(node, path)
        hint = quoting_hint(node, path) if fault["type"] == "string_type" else ""
        faults.append((line, f"{'.'.join(path[: known + 1]) or 'stream'}: {_say(fault, path, kind)}{hint}"))
    first_line, first = faults[0]
    others = [f"{source}:{line}: {problem}" for line, problem in faults[1:]]
    return StreamFileError(source, first_line, "\n".join([first, *others]))


def _own_faults(error: ValidationError) -> list[ErrorDetails]:
    """Return the faults of ``error``, without a list's that is too short because pydantic left out what is wrong."""
    found = error.errors(include_url=False)
    return [each for each in found if each["type"] != "too_short" or not any(_is_in(other, each) for other in found)]


def _is_in(inner: ErrorDetails, outer: ErrorDetails) -> bool:
    depth = len(outer["loc"])
    return len(inner["loc"]) > depth and inner["loc"][:depth] == outer["loc"]


def _say(fault: Mapping[str, object], path: list[str], kind: Kind) -> str:
    if fault["type"] == "extra_forbidden":
        if path[:1] == ["features"] and len(path) == 3:
            forms = forms_with(path[2])
            take = "takes" if len(forms) == 1 else "take"
            return f"not a key of this form; {' and '.join(forms)} {take} it" if forms else "unknown key"
        of_model = path[:1] == ["model"] and len(path) == 2
        others = [each.name for each in kinds().values() if of_model and path[1] in each.model.model_fields]
        return f"unknown key of kind {kind.name}; {others[0]} has one" if others else "unknown key"
    if fault["type"] == "missing":
        return "required, and absent"
    said = _WORDS.get(str(fault["type"])) or str(fault["msg"]).removeprefix("Value error, ")
    if path[:1] == ["features"] and len(path) == 2 and said == _KEYS:
        said = f"has to be a column's name, or {_KEYS.removeprefix('has to be ')}"
    given = fault["input"]
    if given is None:
        return f"{said}, got nothing"
    return said if isinstance(given, dict | list) or repr(given) in said else f"{said}, got {given!r}"[:300]
