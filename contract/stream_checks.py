"""What of a stream file is right by itself and wrong beside the rest: each fault is told with its line."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING

import yaml

from contract.column_types import family, may_be_id
from contract.errors import StreamFileError
from contract.features import COLUMN_TYPES, FORMS, Cyclic, Declared, Number, are_plain, least_columns
from contract.record_path import RecordPath, meanings
from contract.record_sections import OP, ROW, WRAPPER
from contract.stream_yaml import line_of

if TYPE_CHECKING:
    from contract.stream import Stream
    from contract.stream_sections import Column


def check(stream: Stream, node: yaml.Node, source: str) -> None:
    """Check what no section can check alone; ``node`` is the text, ``source`` its name in messages.

    Raises
    ------
    StreamFileError: names the key and its line.
    """
    _refuse_case_twins(stream, node, source)
    _refuse_one_name_twice(stream, node, source)
    _check_source(stream, node, source)
    _refuse_one_place_twice(stream, node, source)
    _refuse_mixed_lists(stream, node, source)
    _check_places_in_lines(stream, node, source)
    _check_columns(stream, node, source)
    _refuse_too_many_features(stream, node, source)


def _refuse_case_twins(stream: Stream, node: yaml.Node, source: str) -> None:
    """Spark reads names without regard to letter case, so of two such columns it could read neither."""
    lines: dict[str, tuple[str, int]] = {}
    for name in stream.columns:
        line, _ = line_of(node, ["columns", name])
        twin, before = lines.setdefault(name.lower(), (name, line))
        if twin != name:
            raise StreamFileError(
                source, line, f"columns: {name!r} and {twin!r} (line {before}) differ in letter case only, and Spark "
                f"cannot tell them apart: no batch could be trained; keep one of them, or rename one in the records",
            )  # fmt: skip


def _refuse_one_name_twice(stream: Stream, node: yaml.Node, source: str) -> None:
    lines: dict[str | int, tuple[str, int]] = {}
    for name, column in stream.value_columns.items():
        line, _ = line_of(node, ["columns", name, "from"])
        in_file = stream.name_in_file(name)
        twin, before = lines.setdefault(in_file, (name, line))
        if twin != name:
            key = f"columns.{name}" + ("" if column.name_in_file is None else ".from")
            problem = (
                f"{in_file!r} is what column {twin!r} (line {before}) is read from; each is read from one of its own"
            )
            raise StreamFileError(source, line, f"{key}: {problem}")


def _refuse_one_place_twice(stream: Stream, node: yaml.Node, source: str) -> None:
    """Each value of a record is read once, as one thing."""
    for name, path in stream.value_paths.items():
        key, problem = _fault_in_event(path, stream.columns[name])
        if problem:
            line, _ = line_of(node, ["columns", name, key])
            raise StreamFileError(source, line, f"columns.{name}: {problem}")
    seen: dict[tuple[str, str], tuple[str, str]] = {}
    if stream.records.envelope is not None:
        seen["path", str(RecordPath((ROW,), from_root=True))] = ("the envelope", "an object")
    paths = stream.value_paths
    for name, column in stream.columns.items():
        for place, meant in _places(column, paths.get(name)):
            twin, before = seen.setdefault(place, (name, meant))
            if twin == name or (meant == before and meant != "a value"):
                continue
            key = place[0] if getattr(column, place[0]) else ""
            both = f"and of {twin!r} it is {before}" if before != meant else f"and {twin!r} is read from there too"
            line, _ = line_of(node, ["columns", name, key])
            twin_line, _ = line_of(node, ["columns", twin])
            problem = f"{place[0]} {place[1]} is {meant} of this column, {both} (line {twin_line})"
            raise StreamFileError(source, line, f"columns.{name}{key and f'.{key}'}: {problem}")


def _refuse_mixed_lists(stream: Stream, node: yaml.Node, source: str) -> None:
    """All elements of a JSON list are read as one thing, of one type."""
    if stream.records.format != "json":
        return
    seen: dict[RecordPath, tuple[str, str]] = {}
    for name, path in stream.value_paths.items():
        column = stream.columns[name]
        of = f"a {column.type}" + ("" if column.epoch is None else f" of epoch {column.epoch}")
        for place, meant in meanings(RecordPath(tuple(_any_place(step) for step in path.steps), path.from_root)):
            said = of if meant == "a value" else meant
            twin, before = seen.setdefault(place, (name, said))
            if said != before and 0 in place.steps:
                line, _ = line_of(node, ["columns", name, "path"])
                raise StreamFileError(
                    source, line, f"columns.{name}.path: {path}: what is in the list is {said}, and by {twin!r} it is "
                    f"{before}: all elements of a list are read as one type; leave one of the columns out",
                )  # fmt: skip


def _any_place(step: str | int) -> str | int:
    return step if isinstance(step, str) else 0


def _fault_in_event(path: RecordPath, column: Column) -> tuple[str, str]:
    """Return what is wrong with a path that begins at a change event, and which key says it."""
    first = path.steps[0] if path.from_root else None
    if first == WRAPPER:
        return "path", f"path {path}: a path begins at the event, and {WRAPPER!r} is what it may lie in"
    if first != OP:
        return "", ""
    said = f"{RecordPath((OP,), from_root=True)} is text"
    if len(path.steps) > 1:
        return "path", f"path {path}: {said}, and nothing lies in it"
    return ("", "") if column.type == "string" else ("type", f"{said}, so the column is a string")


def _places(column: Column, in_value: RecordPath | None) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield where a record has the column, and what it leads through."""
    if in_value is not None:
        yield from ((("path", str(place)), meant) for place, meant in meanings(in_value))
    elif (path := column.path_in_key) is not None:
        yield from ((("key", str(place)), meant) for place, meant in meanings(path))
    elif column.header is not None:
        yield ("header", repr(column.header)), "a value"
    else:
        yield ("key" if column.key else "timestamp", "true"), "a value"


def _check_source(stream: Stream, node: yaml.Node, source: str) -> None:
    written = stream.written
    if written.key is not None and written.key not in stream.value_columns:
        line, _ = line_of(node, ["source", "key"])
        known = ", ".join(stream.value_columns)
        raise StreamFileError(source, line, f"source.key: {written.key!r} is not a column; the columns are {known}")
    for name, column in stream.value_columns.items():
        if not written.header and not isinstance(column.name_in_file, int):
            line, _ = line_of(node, ["columns", name, "from"])
            problem = "the file has no header, so its place in a row is needed: `from: 1` is the first"
            raise StreamFileError(source, line, f"columns.{name}.from: {problem}")


def _check_places_in_lines(stream: Stream, node: yaml.Node, source: str) -> None:
    """Refuse CSV records of which some columns have a place, and others none, or a path."""
    columns = stream.value_columns if stream.records.format == "csv" else {}
    for name in (name for name, column in columns.items() if column.path is not None):
        line, _ = line_of(node, ["columns", name, "path"])
        raise StreamFileError(
            source, line, f"columns.{name}.path: the records are CSV lines, and nothing lies in a cell"
        )
    told = {name for name, column in columns.items() if isinstance(column.name_in_file, int)}
    if told and (untold := [name for name in columns if name not in told]):
        line, _ = line_of(node, ["columns", untold[0]])
        problem = "the records are CSV lines, and other columns say their place: `from: 1` is the first"
        raise StreamFileError(source, line, f"columns.{untold[0]}: {problem}")


def _check_columns(stream: Stream, node: yaml.Node, source: str) -> None:
    for index, name in enumerate(stream.id):
        line, _ = line_of(node, ["id", str(index)])
        _check_known("id", name, stream, source, line)
        if stream.id.index(name) != index:
            raise StreamFileError(source, line, f"id: {name!r} stands twice")
        if not may_be_id(kind := stream.columns[name].type):
            raise StreamFileError(source, line, f"id: {name!r} is a {kind} column, which names no row")
    seen: set[tuple[str, ...]] = set()
    for index, feature in enumerate(stream.features):
        line, _ = line_of(node, ["features", str(index), "column"])
        _check_known("features", feature.column, stream, source, line)
        form = (feature.column, feature.form, feature.of if isinstance(feature, Cyclic) else "")
        if form in seen:
            again = "" if isinstance(feature, Number) else f" as {' '.join(part for part in form[1:] if part)}"
            raise StreamFileError(source, line, f"features: {feature.column!r} stands twice{again}")
        seen.add(form)
        line, _ = line_of(node, ["features", str(index), "as"])
        _check_form(stream, feature, source, line)
    types = {name: column.type for name, column in stream.columns.items()}
    for key, problem in stream.model.column_faults(types):
        raise StreamFileError(source, line_of(node, ["model", key])[0], f"model.{key}: {problem}")
    if stream.event_time is not None:
        line, _ = line_of(node, ["event_time"])
        column = stream.columns.get(stream.event_time)
        if column is None or column.type != "timestamp":
            raise StreamFileError(source, line, f"event_time: {stream.event_time!r} is not a timestamp column")


def _refuse_too_many_features(stream: Stream, node: yaml.Node, source: str) -> None:
    most = stream.model.most_width
    widths = [*accumulate(least_columns(feature) for feature in stream.features)]
    beyond = next((i for i, width in enumerate(widths) if most is not None and width > most), None)
    if beyond is not None:
        line, _ = line_of(node, ["features", str(beyond)])
        found = len(widths) if widths[-1] == len(widths) else f"{widths[-1]} numbers of a row, or more,"
        problem = f"features: {found} are more than the {most} that a model of kind {stream.model.kind} takes"
        raise StreamFileError(source, line, f"{problem}; leave some out, or choose another kind")


def _check_known(key: str, name: str, stream: Stream, source: str, line: int) -> None:
    if name not in stream.columns:
        known = ", ".join(stream.columns)
        raise StreamFileError(source, line, f"{key}: {name!r} is not a column; the columns are {known}")


def _check_form(stream: Stream, feature: Declared, source: str, line: int) -> None:
    """Refuse a form that the kind of model or the column's type cannot take."""
    takes = [form for form in FORMS if form in stream.model.forms]
    if feature.form not in takes:
        raise StreamFileError(
            source, line, f"features: {feature.column!r} as {feature.form}: a model of kind {stream.model.kind} takes "
            f"{', '.join(takes)} only",
        )  # fmt: skip
    if takes == ["number"] and not are_plain([feature]):
        problem = f"features: {feature.column!r}: a model of kind {stream.model.kind} takes a feature's name alone"
        raise StreamFileError(source, line, problem)
    kind = stream.columns[feature.column].type
    if family(kind) not in COLUMN_TYPES[feature.form]:
        fitting = [form for form in takes if family(kind) in COLUMN_TYPES[form]]
        advice = f"; write as: {' or '.join(fitting)}" if fitting else ""
        raise StreamFileError(
            source, line, f"features: {feature.column!r} is a {kind} column; as {feature.form}, a feature is one of "
            f"{', '.join(sorted(COLUMN_TYPES[feature.form]))}{advice}",
        )  # fmt: skip
