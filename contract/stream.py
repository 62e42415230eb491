"""The stream file: all that the line needs to know about one data set, validated with line numbers.

`docs/streams.md` shows every field; a test keeps that page and these classes together.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import AfterValidator, Field, ValidationError, create_model

from contract.errors import StreamFileError
from contract.features import CellType, Declared, Feature, cell_types
from contract.kind import DEFAULT, Kind, faults, kinds
from contract.record_path import RecordPath
from contract.record_sections import ROW, Records
from contract.sections import GateSection, ModelSection, Scheme, Section
from contract.stream_checks import check
from contract.stream_faults import with_lines
from contract.stream_sections import CUMULATIVE_SUFFIX, Column, ColumnName, Cut, Name, Rejects, Source, no_dots
from contract.stream_yaml import compose, line_of

M = TypeVar("M", bound=ModelSection)


class Stream(Section):
    """A data set: its topic, its columns, where it is cut, and what is learnt from each batch.

    The last four are as the kind of model has them: `contract.kind`.
    """

    name: Name = Field(description="names the batches, the consumer group, the experiment and the registered model")
    topic: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,249}$"), AfterValidator(no_dots)] = Field(
        description="the Kafka topic"
    )
    columns: dict[ColumnName, Column] = Field(min_length=1, description="name → mapping, or the type alone")
    null_values: tuple[str, ...] = Field(default=("",), description="cells of a text file that mean missing")
    id: tuple[str, ...] = Field(default=(), description="columns that name a row; default: partition-offset")
    event_time: str | None = Field(default=None, description="timestamp column that says when the row happened")
    source: Source | None = None
    records: Records = Records()
    cut: Cut
    rejects: Rejects = Rejects()
    features: tuple[Declared, ...] = ()
    model: ModelSection
    gate: GateSection = GateSection()
    identity: Section | None = None

    @property
    def consumer_group(self) -> str:
        """Consumer group of the landing processes."""
        return f"swathe-{self.name}"

    def section(self, of: type[M]) -> M:
        """Return the section of the model, which a kind knows as a class of its own."""
        if not isinstance(self.model, of):
            raise TypeError(f"a model of kind {self.model.kind!r} has no {of.__name__}")
        return self.model

    @property
    def trained_columns(self) -> tuple[str, ...]:
        """The columns that training reads, each once."""
        return tuple(dict.fromkeys((*self.inputs, *self.model.columns, *self.id)))

    @property
    def read_columns(self) -> tuple[str, ...]:
        """The columns of which training asks the parts: those, and when a row happened."""
        happened = () if self.event_time is None else (self.event_time,)
        return tuple(dict.fromkeys((*self.trained_columns, *happened)))

    @property
    def written(self) -> Source:
        """How a data file is written, whichever is replayed."""
        return self.source or Source()

    @property
    def inputs(self) -> dict[str, CellType]:
        """The columns that the features are made of, each with the type in which a model reads it."""
        return cell_types(self.features, {name: column.type for name, column in self.columns.items()})

    def name_in_file(self, column: str) -> str | int:
        """Name that a data file has for ``column``, or its place there, from 1."""
        told = self.columns[column].name_in_file
        return column if told is None else told

    @property
    def value_columns(self) -> dict[str, Column]:
        """The columns that come from records' values, and not from what stands beside them."""
        return {name: column for name, column in self.columns.items() if column.in_value}

    @property
    def value_paths(self) -> dict[str, RecordPath]:
        """Where each of them is in a record's value; in a change event, `after` holds all that do not begin at it."""
        own = {name: column.path_in_value(name) for name, column in self.value_columns.items()}
        if self.records.envelope is None:
            return {name: RecordPath(path.steps) for name, path in own.items()}
        return {name: path if path.from_root else path.inside(ROW) for name, path in own.items()}

    def registered_model(self, scheme: Scheme | None = None) -> str:
        """Name of the registered model that this stream trains under ``scheme``."""
        cumulative = (scheme or self.model.scheme) == "cumulative"
        return self.name + (CUMULATIVE_SUFFIX if cumulative else "")


def parse_stream(text: str, source: str) -> Stream:
    """Return the stream that ``text`` (YAML) describes; ``source`` is its name in messages.

    Raises
    ------
    StreamFileError: one message that names every wrong key and its line.
    """
    node, given = compose(text, source)
    kind = _kind_of(given, node, source)
    try:
        stream = stream_class(kind).model_validate(given)
    except ValidationError as error:
        raise with_lines(error, node, source, kind) from error
    check(stream, node, source)
    return stream


def _kind_of(given: Mapping[str, Any], node: yaml.Node, source: str) -> Kind:
    """Return the kind of model that a stream file names, before anything else of it is looked at."""
    section = given.get("model")
    name = section.get("kind", DEFAULT) if isinstance(section, Mapping) else DEFAULT
    kind = kinds().get(name) if isinstance(name, str) else None
    if kind is None:
        known = ", ".join(sorted(kinds()))
        line, _ = line_of(node, ["model", "kind"])
        if isinstance(name, str) and name in faults():
            raise StreamFileError(source, line, f"model.kind: {faults()[name]}")
        raise StreamFileError(source, line, f"model.kind: {str(name)[:80]!r} is no kind of model; there are {known}")
    for key, has in (("features", kind.has_features), ("identity", kind.identity is not None)):
        if key in given and not has:
            line, _ = line_of(node, [key])
            raise StreamFileError(source, line, f"{key}: a model of kind {kind.name} has none; remove the key")
    return kind


@cache
def stream_class(kind: Kind) -> type[Stream]:
    """Return the class of stream files whose model is of ``kind``."""
    fields: dict[str, Any] = {"model": (kind.model, ...), "gate": (kind.gate, kind.gate())}
    if kind.identity is not None:
        fields["identity"] = (kind.identity, kind.identity())
    if kind.has_features:
        fields["features"] = (
            tuple[Feature, ...],
            Field(min_length=1, description="what a row is clustered by, in order"),
        )
    return create_model("Stream", __base__=Stream, **fields)


def column_line(text: str, source: str, column: str, key: str = "") -> int:
    """Return the line of ``column``, or of its ``key``, in the stream file ``text``."""
    return key_line(text, source, "columns", column, key)


def key_line(text: str, source: str, *keys: str) -> int:
    """Return the line of what ``keys`` lead to in the stream file ``text``."""
    return line_of(compose(text, source)[0], list(keys))[0]
