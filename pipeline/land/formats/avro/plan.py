"""Where in the records of one schema each column's value is, and what reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import pyarrow as pa

from contract.record_path import Step
from contract.stream import Stream
from contract.stream_sections import Column
from pipeline.columns import arrow_type
from pipeline.land.formats import debezium
from pipeline.land.formats.avro.decoded import Decoded
from pipeline.land.formats.avro.schema import AvroSchema, Node, UnreadableSchemaError, kind
from pipeline.land.formats.avro.unions import reader_of_any
from pipeline.land.formats.avro.values import Reader, Values, avro_type, fitting

_ABSENT: Final = object()
_HOLDERS: Final[Mapping[type, tuple[str, ...]]] = {str: ("record", "error", "map"), int: ("array",)}


@dataclass(frozen=True)
class Place:
    """Where a column's value is: ``steps`` from the record, by the writer's names; ``default`` where it has none."""

    steps: tuple[Step, ...]
    read: Reader
    default: Any = _ABSENT

    def values(self, records: Decoded) -> Values:
        """Return the column's value of each record, None where it is null or on no branch of a union."""
        return records.values(self.steps) if self.default is _ABSENT else [self.default] * records.count


@dataclass(frozen=True)
class Plan:
    """How records of one schema become rows; columns that are not in ``places`` are null."""

    places: Mapping[str, Place]
    types: Mapping[str, pa.DataType]
    ignored_keys: int
    """Fields of a record that are no column's."""

    @property
    def strange(self) -> bool:
        """Whether none of the records' fields is a column's."""
        return all(place.default is not _ABSENT for place in self.places.values())

    @cached_property
    def wanted(self) -> frozenset[tuple[Step, ...]]:
        """Steps to all values that become columns."""
        return frozenset(place.steps for place in self.places.values())

    def values(self, name: str, records: Decoded) -> Values:
        """Return what one column of ``records`` is made of."""
        place = self.places.get(name)
        return [None] * records.count if place is None else place.values(records)

    def column(self, name: str, values: Values) -> pa.Array:
        """Return one column. Raises what reading a value raises."""
        place = self.places.get(name)
        return pa.nulls(len(values), self.types[name]) if place is None else place.read(values)


def planned(schema: AvroSchema, stream: Stream, reading: AvroSchema | None = None) -> Plan:
    """Return how records of ``schema`` become the columns of ``stream``.

    ``reading`` is the schema that people read by: its aliases and defaults hold for what ``schema`` does not have.

    Raises
    ------
    UnreadableSchemaError: a column cannot hold what the schema says; the message names field, Avro type and column.
    """
    root = schema.resolved(schema.root)
    if kind(root) not in {"record", "error"}:
        raise UnreadableSchemaError(f"its schema is {avro_type(root)}, and no record")
    columns, paths = stream.value_columns, stream.value_paths
    places: dict[str, Place] = {}
    for name, column in columns.items():
        place = _place(schema, reading, paths[name].steps, name, column)
        if place is not None:
            places[name] = place
    types = {name: arrow_type(column.type) for name, column in columns.items()}
    outer = () if stream.records.envelope is None else debezium.ROW.steps
    used = {place.steps[: len(outer) + 1] for place in places.values()}
    return Plan(places, types, sum((*outer, field) not in used for field in _names(schema, outer)))


def _names(schema: AvroSchema, outer: Sequence[Step]) -> set[str]:
    """Return the names of the fields of what lies behind ``outer``."""
    nodes = [schema.resolved(schema.root)]
    for step in outer:
        nodes, _, _ = _into(schema, None, nodes, (), step)
    return {field["name"] for node in nodes for field in _fields(node)}


def _place(
    schema: AvroSchema, reading: AvroSchema | None, steps: tuple[Step, ...], name: str, column: Column
) -> Place | None:
    nodes, twins, real = [schema.resolved(schema.root)], _roots(reading), []
    for at, step in enumerate(steps):
        found, twins_found, own = _into(schema, reading, nodes, twins, step)
        if not any(kind(node) in _HOLDERS[type(step)] for node in nodes):
            raise UnreadableSchemaError(_why_no_way(nodes, steps, at, name))
        if not found:
            default = _default(twins, step)
            if default is _ABSENT or reading is None:
                return None
            read = _reader(twins_found, steps[: at + 1], name, column) if at == len(steps) - 1 else None
            return None if read is None else Place((), read, _of_default(default, twins_found))
        real.append(own)
        nodes, twins = found, twins_found
    return Place(tuple(real), _reader(nodes, steps, name, column))


def _roots(reading: AvroSchema | None) -> list[Node]:
    return [] if reading is None else [reading.resolved(reading.root)]


def _into(
    schema: AvroSchema, reading: AvroSchema | None, nodes: Sequence[Node], twins: Sequence[Node], step: Step
) -> tuple[list[Node], list[Node], Step]:
    """Return what lies behind ``step``, in both schemas, and what the writer calls the step."""
    inner = [field for twin in twins if reading is not None for field in _fields(twin) if _is_named(field, step)]
    names = {str(step), *(name for field in inner for name in (field["name"], *field.get("aliases", ())))}
    behind_twins = [each for field in inner if reading is not None for each in reading.branches(field["type"])]
    found: list[Node] = []
    own: Step = step
    for node in nodes:
        of = kind(node)
        if isinstance(step, int) and of == "array":
            found += schema.branches(node["items"])
        elif isinstance(step, str) and of == "map":
            found += schema.branches(node["values"])
        elif isinstance(step, str):
            mine = [field for field in _fields(node) if field["name"] == step]
            mine = mine or [field for field in _fields(node) if field["name"] in names or _is_named(field, step)]
            for field in mine[:1]:
                own = field["name"]
                found += schema.branches(field["type"]) or ["null"]
    return found, behind_twins, own


def _fields(node: Node) -> list[dict[str, Any]]:
    return node["fields"] if kind(node) in {"record", "error"} else []


def _is_named(field: Mapping[str, Any], step: Step) -> bool:
    return field["name"] == step or step in field.get("aliases", ())


def _default(twins: Sequence[Node], step: Step) -> Any:
    named = (field for twin in twins for field in _fields(twin) if _is_named(field, step))
    return next((field["default"] for field in named if "default" in field), _ABSENT)


def _of_default(default: Any, nodes: Sequence[Node]) -> Any:
    """Return a default as a value: schemas write bytes as text of Latin-1."""
    if isinstance(default, str) and nodes and kind(nodes[0]) in {"bytes", "fixed"}:
        return default.encode("latin-1", "replace")
    return default


def _reader(nodes: Sequence[Node], steps: Sequence[Step], name: str, column: Column) -> Reader:
    branches = [node for node in nodes if kind(node) != "null"]
    found = reader_of_any(branches, column)
    if found is None:
        raise UnreadableSchemaError(_why_not(branches, steps, name, column))
    return found


def _why_no_way(nodes: Sequence[Node], steps: Sequence[Step], at: int, name: str) -> str:
    said = " or ".join(map(avro_type, nodes)) or "null"
    meant = "a record" if isinstance(steps[at], str) else "an array"
    return f"field {_shown(steps[:at])!r} is {said}, and the path of column {name!r} leads through {meant}"


def _shown(steps: Sequence[Step]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)[1:]


def _why_not(branches: Sequence[Node], steps: Sequence[Step], name: str, column: Column) -> str:
    said = " or ".join(map(avro_type, branches))
    fault = f"field {_shown(steps)!r} is {said}, which column {name!r} of type {column.type} cannot hold"
    return f"{fault}; {_advice(branches, column)}"


def _advice(branches: Sequence[Node], column: Column) -> str:
    of = {avro_type(branch) for branch in branches}
    if of <= {"int", "long"} and column.type == "timestamp":
        return "if it counts from 1970, say `epoch: s`, ms, us or ns"
    if column.epoch is not None and any("timestamp-" in name for name in of):
        return "the schema says its unit: leave `epoch` out"
    if of & {"record", "error", "map", "array"}:
        return "a `path` leads to a value in it"
    types = " or ".join(dict.fromkeys(filter(None, map(fitting, branches))))
    return f"its type would be {types}" if types else "leave the column out"
