"""An Avro schema that somebody else wrote: bounded, taken apart once, and refused where reading by it could not end."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

import fastavro

from contract.record_path import Step

MOST_BYTES: Final = 1_048_576
"""Of a schema's text."""
_MOST_NESTED: Final = 60
_MOST_LEAVES: Final = 10_000
"""Values of one record, the records in it among them; arrays and maps counted once."""
_MOST_FREE: Final = 10
"""Values that may come with one byte: an item, a map's entry or a branch of a union is read as often as there are bytes
for it. A record is there once, and may have ``_MOST_FREE_AT_ALL`` more."""
_MOST_FREE_AT_ALL: Final = 100
_MOST_LOOSE: Final = 20
_FOR_A_LOOSE: Final = 2
"""A field that fastavro reads for itself costs as much as some that it reads with the others."""
_LARGEST_FIXED: Final = 2**31 - 1
_SHOWN: Final = 200

_PLAIN: Final = frozenset({"null", "boolean", "int", "long", "float", "double", "string", "bytes", "enum", "fixed"})

Node = Any
"""A schema as JSON has it: the name of a type, a list of branches, or an object."""


class UnreadableSchemaError(Exception):
    """A schema that no record is read by; the message says why."""


class Part(NamedTuple):
    """What one value is read by; ``physical`` is the same for fastavro, without logical types."""

    node: Node
    physical: Node


@dataclass(frozen=True)
class AvroSchema:
    """A schema whose names are whole, and which is not nested without end.

    ``physical`` is as that of a part: what values mean is said by the columns.
    """

    root: Node
    named: Mapping[str, Node]
    physical: Node

    as_columns: bool = False
    """Whether all its records have the same fields in the same order, each a value or null, but for a few ``loose``."""
    loose: Mapping[tuple[Step, ...], Part] = field(default_factory=dict)
    """Fields of those records, by the steps to them, which are not alike in all."""

    @property
    def whole(self) -> Part:
        """All of it."""
        return Part(self.root, self.physical)

    def resolved(self, node: Node) -> Node:
        """Return ``node``, or what it names."""
        return self.named.get(node, node) if isinstance(node, str) else node

    def branches(self, node: Node) -> Iterator[Node]:
        """Yield what ``node`` may be but null: the branches of a union, or itself."""
        found = self.resolved(node)
        for branch in found if isinstance(found, list) else [found]:
            resolved = self.resolved(branch)
            if kind(resolved) != "null":
                yield resolved


def kind(node: Node) -> str:
    """Return the type of a resolved ``node``: `int`, `record`, `union` …."""
    if isinstance(node, list):
        return "union"
    return str(node["type"]) if isinstance(node, Mapping) else str(node)


def read_schema(text: str | bytes, referred: Sequence[str] = ()) -> AvroSchema:
    """Return the schema ``text``; ``referred`` are those of the names that it refers to, in the order of their use.

    Raises
    ------
    UnreadableSchemaError: no Avro schema, or one that is too large, too deep, or contains itself.
    """
    if sum(map(len, (text, *referred))) > MOST_BYTES:
        raise UnreadableSchemaError(f"its schema has more than {MOST_BYTES:,} bytes, which is more than is read")
    try:
        named: dict[str, Node] = {}
        for each in referred:
            fastavro.parse_schema(_json(each), named_schemas=named)
        root = fastavro.parse_schema(_json(text), named_schemas=named)
        _Weighed(named).weigh_record(root)
        found = AvroSchema(root, named, fastavro.parse_schema(_bare(root, named, set())))
    except UnreadableSchemaError:
        raise
    except Exception as error:  # fastavro, and who reads what it has read, find anything in a hostile one
        said = f"its schema is no Avro schema: {type(error).__name__}: {error}"
        raise UnreadableSchemaError(said[:_SHOWN]) from error
    return _apart(found)


def _apart(schema: AvroSchema) -> AvroSchema:
    """Return ``schema`` with what of it is read a column at a time, which pays where most of it is."""
    steady, loose = 0, dict[tuple[Step, ...], Node]()
    for steps, node in _fields(schema, schema.root, ()):
        if node is None:
            steady += 1
        elif len(loose) < _MOST_LOOSE:
            loose[steps] = node
        else:
            return schema
    if () in loose or steady < _FOR_A_LOOSE * len(loose):
        return schema
    apart = {steps: _bare(node, schema.named, set()) for steps, node in loose.items()}
    parts = {steps: Part(loose[steps], fastavro.parse_schema(bare)) for steps, bare in apart.items()}
    return replace(schema, as_columns=True, loose=parts)


def _fields(schema: AvroSchema, node: Node, steps: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Node | None]]:
    """Yield the steps to each field that is no record, and None, or its schema where it is not alike in all records."""
    found = schema.resolved(node)
    if isinstance(found, list):
        branches = list(schema.branches(found))
        if len(found) != 2 or len(branches) != 1:
            yield steps, node
            return
        found = branches[0]
    if kind(found) in {"record", "error"}:
        for each in found["fields"]:
            yield from _fields(schema, each["type"], (*steps, each["name"]))
    else:
        yield steps, None if kind(found) in _PLAIN else node


def _json(text: str | bytes) -> Node:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableSchemaError(f"its schema is not JSON: {error}"[:_SHOWN]) from error
    level, depth = [found], 0
    while level:
        # Each level of a schema is an object in a list in an object.
        if depth > 3 * _MOST_NESTED:
            raise UnreadableSchemaError("its schema is nested too deeply")
        level = [inner for outer in level if isinstance(outer, dict | list) for inner in _inside(outer)]
        depth += 1
    return found


def _inside(outer: dict[str, Node] | list[Node]) -> Iterator[Node]:
    yield from outer.values() if isinstance(outer, dict) else outer


@dataclass(frozen=True)
class _Weight:
    """How many values a record of a schema has, how many bytes at least, and how many values that take none of them."""

    leaves: int
    bytes: int
    free: int = 0


class _Weighed:
    """Refuses schemas by which a short record would take long, or the whole stack: fastavro reads them as they are."""

    def __init__(self, named: Mapping[str, Node]) -> None:
        self._named = named
        self._known: dict[str, _Weight] = {}
        self._open: list[str] = []

    def weigh_record(self, root: Node) -> None:
        _paid(self.weigh(root, 0), _MOST_FREE_AT_ALL)

    def weigh(self, node: Node, depth: int) -> _Weight:
        if depth > _MOST_NESTED:
            raise UnreadableSchemaError(f"its schema is nested more than {_MOST_NESTED} deep")
        name = node if isinstance(node, str) else node.get("name") if isinstance(node, dict) else None
        if name is None or name not in self._named:
            return self._of(node, depth)
        if name in self._open:
            raise UnreadableSchemaError(f"its schema is recursive, {name!r} contains itself, and no row does")
        if name not in self._known:
            self._open.append(name)
            self._known[name] = self._of(self._named[name], depth)
            self._open.pop()
        return self._known[name]

    def _of(self, node: Node, depth: int) -> _Weight:
        of = kind(node)
        if of in {"record", "error"}:
            _refuse_odd_fields(node["fields"])
            return self._sum([field["type"] for field in node["fields"]], depth)
        if of == "union":
            found = [self.weigh(branch, depth + 1) for branch in node]
            for each in found:
                _paid(each, _MOST_FREE)
            return self._bounded(_Weight(1 + sum(each.leaves for each in found), 1))
        if of in {"array", "map"}:
            return self._items(node, of, depth)
        if isinstance(node, Mapping) and not isinstance(node["type"], str):
            return self.weigh(node["type"], depth + 1)
        if of == "enum":
            _refuse_odd_symbols(node)
        sizes = {"null": 0, "float": 4, "double": 8}
        size = _size(node) if of == "fixed" else sizes.get(of, 1)
        return _Weight(1, size, int(size == 0))

    def _items(self, node: Mapping[str, Node], of: str, depth: int) -> _Weight:
        items = self.weigh(node["items" if of == "array" else "values"], depth + 1)
        if of == "array" and items.bytes == 0:
            raise UnreadableSchemaError("its schema has an array of items without a byte: a record would not end")
        # An entry of a map has a byte for its name.
        _paid(items, _MOST_FREE if of == "map" else 0)
        return _Weight(items.leaves + 1, 1)

    def _sum(self, nodes: Sequence[Node], depth: int) -> _Weight:
        found = [self.weigh(node, depth + 1) for node in nodes]
        leaves, size, free = (sum(getattr(each, of) for each in found) for of in ("leaves", "bytes", "free"))
        return self._bounded(_Weight(1 + leaves, size, 1 + free))

    def _bounded(self, weight: _Weight) -> _Weight:
        if weight.leaves > _MOST_LEAVES:
            raise UnreadableSchemaError(f"a record of its schema has more than {_MOST_LEAVES:,} values")
        return weight


def _paid(weight: _Weight, allowed: int) -> None:
    """Refuse what has more values than ``allowed``, and than its bytes allow: memory would grow out of nothing."""
    if weight.free > allowed + _MOST_FREE * weight.bytes:
        raise UnreadableSchemaError(
            f"its schema has {weight.free:,} values without a byte of their own where {weight.bytes:,} bytes are: a "
            f"short record would take much memory"
        )


def _size(node: Mapping[str, Node]) -> int:
    size = node["size"]
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= _LARGEST_FIXED:
        raise UnreadableSchemaError(f"its schema has a fixed of {size!r:.40} bytes")
    return size


def _refuse_odd_fields(fields: Sequence[Mapping[str, Node]]) -> None:
    names: set[str] = set()
    for each in fields:
        if (name := each["name"]) in names:
            raise UnreadableSchemaError(f"its schema has a record with two fields {name!r}")
        names.add(name)
        aliases = each.get("aliases", [])
        if not isinstance(aliases, list) or not all(isinstance(alias, str) for alias in aliases):
            raise UnreadableSchemaError(f"its schema has aliases of field {name!r} that are no list of names")


def _refuse_odd_symbols(node: Mapping[str, Node]) -> None:
    symbols = node["symbols"]
    if not isinstance(symbols, list) or not symbols:
        raise UnreadableSchemaError(f"its schema has an enum {node['name']!r} whose symbols are no list of names")


def _bare(node: Node, named: Mapping[str, Node], told: set[str]) -> Node:
    """Return ``node`` without logical types; each named type is told where it is met first."""
    if isinstance(node, list):
        return [_bare(branch, named, told) for branch in node]
    found = named.get(node, node) if isinstance(node, str) else node
    if not isinstance(found, Mapping):
        return found
    if (name := found.get("name")) is not None:
        if name in told:
            return name
        told.add(name)
    kept = {key: found[key] for key in ("type", "name", "size", "symbols") if key in found}
    if "fields" in found:
        kept["fields"] = [{"name": each["name"], "type": _bare(each["type"], named, told)} for each in found["fields"]]
    for key in ("items", "values"):
        if key in found:
            kept[key] = _bare(found[key], named, told)
    return kept
