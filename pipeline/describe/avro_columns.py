"""The columns that the schemas of Avro records say, each at its path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from contract.errors import ConfigurationError
from contract.record_path import MOST_STEPS, RecordPath, Step
from pipeline.describe.names import column_names
from pipeline.describe.nested import MOST_ITEMS, MOST_PATHS
from pipeline.land.formats.avro.schema import MOST_BYTES, AvroSchema, Node, UnreadableSchemaError, kind, read_schema
from pipeline.land.formats.avro.values import avro_type, fitting
from pipeline.land.formats.avro.written import schema_in_file
from pipeline.land.formats.framing import schema_id
from pipeline.land.registry_client import RegistrySettings
from pipeline.land.schema_registry import SchemaRegistry

_MOST_SCHEMAS = 50
_MOST_LISTS = 2
_WIDER = {("int32", "int64"): "int64", ("int32", "float64"): "float64", ("float32", "float64"): "float64"}


@dataclass(frozen=True)
class AvroColumn:
    """A field that is a value; ``required``: it has one in every record of its schemas."""

    path: RecordPath
    type: str
    required: bool
    name: str = ""


def schemas_of(values: Sequence[bytes], records: Mapping[str, Any]) -> list[AvroSchema]:
    """Return the schemas that ``values`` were written by.

    Raises
    ------
    ConfigurationError: the file has none, or the registry has none that can be read.
    SwatheError: the registry does not answer.
    """
    if (named := records.get("schema_file")) is not None:
        try:
            with Path(named).open("rb") as file:
                return [schema_in_file(file.read(MOST_BYTES + 1))]
        except (OSError, UnreadableSchemaError) as error:
            raise ConfigurationError(f"--schema-file {named!r}: {error}") from error
    registry = SchemaRegistry(records["schema_registry"], RegistrySettings())
    ids = sorted({found for value in values if (found := schema_id(value)) is not None}, reverse=True)
    schemas: list[AvroSchema] = []
    problem = "no record is framed"
    for number in ids[:_MOST_SCHEMAS]:
        try:
            registered = registry.schema(number)
            schemas.append(read_schema(registered.text, registered.referred))
        except UnreadableSchemaError as error:
            problem = f"schema id {number}: {error}"
    if not schemas:
        raise ConfigurationError(f"--schema-registry {records['schema_registry']}: {problem}")
    return schemas


def avro_columns(schemas: Sequence[AvroSchema]) -> tuple[list[AvroColumn], dict[str, str], bool]:
    """Return the columns that all of ``schemas`` have, what is none with the reason, and whether they are of events."""
    found: dict[RecordPath, AvroColumn] = {}
    faults: dict[str, str] = {}
    is_event = all(map(_is_event, schemas))
    for place, schema in enumerate(schemas):
        own = {column.path: column for column in _columns(schema, is_event=is_event, faults=faults)}
        for path, column in own.items():
            before = found.get(path)
            found[path] = column if before is None else _merged(before, column, faults)
        for path, column in found.items():
            if path not in own or (place and path not in found):
                found[path] = replace(column, required=False)
    columns = [column for path, column in found.items() if str(path) not in faults]
    names = column_names(["_".join(map(str, column.path.steps)) for column in columns])
    return [replace(each, name=name) for each, name in zip(columns, names, strict=True)], faults, is_event


def _merged(before: AvroColumn, now: AvroColumn, faults: dict[str, str]) -> AvroColumn:
    required = before.required and now.required
    if before.type == now.type:
        return replace(before, required=required)
    narrow, wide = sorted((before.type, now.type), key=lambda name: name in {"int64", "float64"})
    if (wider := _WIDER.get((narrow, wide)) or _WIDER.get((wide, narrow))) is None:
        faults[str(now.path)] = f"it is {before.type} by one schema, and {now.type} by another"
        return before
    return replace(before, type=wider, required=required)


def _is_event(schema: AvroSchema) -> bool:
    fields = {field["name"] for field in _fields(schema.resolved(schema.root))}
    return {"op", "after"} <= fields and bool(fields & {"source", "before"})


def _fields(node: Node) -> Sequence[Mapping[str, Any]]:
    return node["fields"] if kind(node) in {"record", "error"} else []


def _columns(schema: AvroSchema, *, is_event: bool, faults: dict[str, str]) -> Iterator[AvroColumn]:
    root = schema.resolved(schema.root)
    if is_event:
        after = next(field for field in _fields(root) if field["name"] == "after")
        root = next(iter(schema.branches(after["type"])), root)
    yield from islice(_inside(schema, root, (), required=True, faults=faults), MOST_PATHS)


def _inside(
    schema: AvroSchema, node: Node, steps: tuple[Step, ...], *, required: bool, faults: dict[str, str]
) -> Iterator[AvroColumn]:
    for field in _fields(node):
        yield from _at(schema, field["type"], (*steps, field["name"]), required=required, faults=faults)


def _at(
    schema: AvroSchema, node: Node, steps: tuple[Step, ...], *, required: bool, faults: dict[str, str]
) -> Iterator[AvroColumn]:
    path = RecordPath(steps)
    resolved = schema.resolved(node)
    branches = list(schema.branches(node))
    surely = required and len(branches) == (len(resolved) if isinstance(resolved, list) else 1)
    if len(branches) != 1:
        said = " or ".join(map(avro_type, branches)) or "null alone"
        faults[str(path)] = f"its type is {said}, and a column is of one type"
    elif len(steps) >= MOST_STEPS - 1 or sum(isinstance(step, int) for step in steps) > _MOST_LISTS:
        faults[str(path)] = "it is too deep"
    elif _fields(branches[0]):
        yield from _inside(schema, branches[0], steps, required=surely, faults=faults)
    elif kind(branches[0]) == "array":
        # One place more than is taken: whether a record has it says that the list is too long.
        for place in range(MOST_ITEMS + 1):
            yield from _at(schema, branches[0]["items"], (*steps, place), required=False, faults=faults)
    elif types := fitting(branches[0]):
        yield AvroColumn(path, types.partition(" ")[0].rstrip(","), surely)
    else:
        faults[str(path)] = f"its type is {avro_type(branches[0])}, which is no single value"


def in_lists(columns: Sequence[AvroColumn], is_there: Mapping[str, bool], faults: dict[str, str]) -> list[AvroColumn]:
    """Return ``columns`` without places of lists that no record has, and of lists that are too long.

    ``is_there`` says of each column's name whether a record has a value.
    """
    long = {
        column.path.steps[:at]
        for column in columns if is_there[column.name]
        for at, step in enumerate(column.path.steps) if step == MOST_ITEMS
    }  # fmt: skip
    faults |= {str(RecordPath(steps)): f"a list of more than {MOST_ITEMS}" for steps in long}
    return [
        column for column in columns
        if (is_there[column.name] or not any(isinstance(step, int) for step in column.path.steps))
        and not any(column.path.steps[:at] in long for at in range(len(column.path.steps)))
    ]  # fmt: skip
