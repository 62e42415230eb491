"""The stream file: all that the line needs to know about one data set, validated with line numbers.

`docs/streams.md` shows every field; a test keeps that page and these classes together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from itertools import accumulate
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import AfterValidator, Field, ValidationError, create_model, model_validator
from pydantic_core import ErrorDetails

from contract.column_types import ColumnType, family, is_numeric, may_be_id
from contract.errors import StreamFileError
from contract.features import (
    BRANCHES,
    COLUMN_TYPES,
    FORMS,
    CellType,
    Cyclic,
    Declared,
    Feature,
    Number,
    are_plain,
    cell_types,
    forms_with,
    least_columns,
)
from contract.file_format import DateFormat, Delimiter, Encoding, Mark, NameInFile, ZoneName, has_year, has_zone
from contract.kind import DEFAULT, Kind, faults, kinds
from contract.moment import EpochUnit
from contract.sections import Bool, Duration, GateSection, Int, ModelSection, Real, Scheme, Section, Size
from contract.stream_yaml import compose, line_of, quoting_hint

M = TypeVar("M", bound=ModelSection)

CUMULATIVE_SUFFIX = "-cumulative"


def _free_of_suffix(name: str) -> str:
    if name.endswith(CUMULATIVE_SUFFIX):
        raise ValueError(f"{name!r} ends in {CUMULATIVE_SUFFIX!r}, which names the cumulative model of a stream")
    return name


def _no_dots(topic: str) -> str:
    if topic in {".", ".."}:
        raise ValueError(f"{topic!r} is no name that Kafka takes")
    return topic


def _column_name(name: str) -> str:
    if not _COLUMN_NAME.fullmatch(name):
        raise ValueError(
            f"{name[:80]!r} is no name of a column: letters, digits, _ and - make one, a letter first, 128 at "
            f"most; what the file calls it stands in its `from`"
        )
    return name


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,59}$"), AfterValidator(_free_of_suffix)]
_COLUMN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,127}")
ColumnName = Annotated[str, AfterValidator(_column_name)]
PackageName = Annotated[str, Field(pattern=r"^[\w-]+(\.[\w-]+)*$")]


DATED = frozenset({"timestamp", "date", "time"})
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


class Column(Section):
    """One column. `timestamp` is microseconds, UTC; on the wire it is ISO 8601 text, or a number of ``epoch``.

    What `from`, `format` and `percent` say is how the data file is written.
    """

    type: ColumnType
    required: Bool = Field(default=False, description="a record without it, or with null, is rejected")
    epoch: EpochUnit | None = Field(default=None, description="unit of a timestamp that counts from 1970")
    zone: ZoneName | None = Field(default=None, description="of times that name none, by default UTC")
    format: DateFormat | None = Field(default=None, description="how text writes its dates, in strptime's letters")
    percent: Bool = Field(default=False, description="cells of a text file have a % behind the number")
    name_in_file: NameInFile | None = Field(default=None, alias="from", description="its name or place in the file")

    @model_validator(mode="before")
    @classmethod
    def _of_a_bare_type(cls, given: Any) -> Any:
        return {"type": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _keys_fit_the_type(self) -> Column:
        if self.epoch is not None and self.type != "timestamp":
            raise ValueError(f"`epoch` is the unit of a timestamp column, and this one is {self.type}")
        if self.zone is not None and (self.type != "timestamp" or self.epoch is not None):
            raise ValueError("`zone` is of a timestamp column that holds text: a number counts from 1970 in UTC")
        if self.format is not None and (self.type not in DATED or self.epoch is not None):
            raise ValueError(f"`format` is how a {', '.join(sorted(DATED))} is written as text, and this is none")
        if self.format is not None and self.type != "time" and not has_year(self.format):
            raise ValueError(f"`format` {self.format!r} has no year: %Y, or %y")
        if self.format is not None and self.type != "timestamp" and has_zone(self.format):
            raise ValueError(f"`format` {self.format!r} has a zone, and a {self.type} has none")
        if self.percent and not is_numeric(self.type):
            raise ValueError(f"`percent` is of a number, and this column is {self.type}")
        return self


class Source(Section):
    """What replay reads when it is given no file, and how any file that it reads is written."""

    path: str | None = None
    package: PackageName | None = None
    delimiter: Delimiter | None = Field(default=None, description="of a text file; found where it is not given")
    encoding: Encoding = Field(default="utf-8", description="of a text file")
    header: Bool = Field(default=True, description="whether the first line of a text file names the columns")
    decimal: Mark = Field(default=".", description="what stands before a number's fraction, in text")
    thousands: Mark | None = Field(default=None, description="what stands between a number's thousands, in text")
    key: str | None = Field(default=None, description="the column whose value is the key of its row's record")

    @model_validator(mode="after")
    def _marks_differ(self) -> Source:
        if self.package is not None and self.path is None:
            raise ValueError("`package` holds a file, and `path` has to say which")
        if self.decimal == self.thousands:
            raise ValueError(f"`decimal` and `thousands` are both {self.decimal!r}")
        return self


class Cut(Section):
    """Where one batch ends and the next begins: whichever rule holds first."""

    rows: Int | None = Field(default=None, ge=1, description="rows over all lanes together")
    bytes: Size | None = Field(default=None, description="bytes of record values over all lanes together")
    window: Duration | None = Field(default=None, description="stretch of record time, in seconds")
    max_age: Duration | None = Field(default=None, description="wall clock since the batch's first row, in seconds")
    idle: Duration | None = Field(default=None, description="wall clock since the last record, in seconds")
    max_ahead: Duration = Field(default=3600.0, description="how far ahead a record moves its lane's clock, in seconds")

    @model_validator(mode="after")
    def _some_rule(self) -> Cut:
        rules = [name for name in type(self).model_fields if name != "max_ahead"]
        if all(getattr(self, name) is None for name in rules):
            raise ValueError(f"cut needs at least one of {', '.join(rules)}")
        if self.window is None and "max_ahead" in self.model_fields_set:
            raise ValueError("max_ahead says which records end a window, and there is no `window`")
        return self


class Rejects(Section):
    """When rejected records mean that the schema broke, and the line has to stop."""

    max_share: Real = Field(default=0.5, gt=0, le=1, description="share of rejected records that stops the line")
    min_records: Int = Field(default=1000, ge=1, description="records seen before the share counts")
    max_record_bytes: Size = Field(default=1_048_576, ge=1, description="a record with a longer value is rejected")
    no_column: Literal["stop", "warn"] = Field(
        default="stop", description="what records mean that have none of the columns"
    )


class Stream(Section):
    """A data set: its topic, its columns, where it is cut, and what is learnt from each batch.

    The last four are as the kind of model has them: `contract.kind`.
    """

    name: Name
    topic: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,249}$"), AfterValidator(_no_dots)]
    columns: dict[ColumnName, Column] = Field(min_length=1)
    null_values: tuple[str, ...] = ("",)
    id: tuple[str, ...] = Field(default=(), description="columns that name a row; default: partition-offset")
    event_time: str | None = None
    source: Source | None = None
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
        raise _with_lines(error, node, source, kind) from error
    _refuse_case_twins(stream, node, source)
    _refuse_one_name_twice(stream, node, source)
    _check_source(stream, node, source)
    _check_columns(stream, node, source)
    _refuse_too_many_features(stream, node, source)
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
        fields["features"] = (tuple[Feature, ...], Field(min_length=1))
    return create_model("Stream", __base__=Stream, **fields)


def column_line(text: str, source: str, column: str, key: str = "") -> int:
    """Return the line of ``column``, or of its ``key``, in the stream file ``text``."""
    return line_of(compose(text, source)[0], ["columns", column, key])[0]


def _with_lines(error: ValidationError, node: yaml.Node, source: str, kind: Kind) -> StreamFileError:
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
    for name, column in stream.columns.items():
        line, _ = line_of(node, ["columns", name, "from"])
        in_file = stream.name_in_file(name)
        twin, before = lines.setdefault(in_file, (name, line))
        if twin != name:
            key = f"columns.{name}" + ("" if column.name_in_file is None else ".from")
            problem = (
                f"{in_file!r} is what column {twin!r} (line {before}) is read from; each is read from one of its own"
            )
            raise StreamFileError(source, line, f"{key}: {problem}")


def _check_source(stream: Stream, node: yaml.Node, source: str) -> None:
    written = stream.written
    if written.key is not None and written.key not in stream.columns:
        line, _ = line_of(node, ["source", "key"])
        known = ", ".join(stream.columns)
        raise StreamFileError(source, line, f"source.key: {written.key!r} is not a column; the columns are {known}")
    for name, column in stream.columns.items():
        if not written.header and not isinstance(column.name_in_file, int):
            line, _ = line_of(node, ["columns", name, "from"])
            problem = "the file has no header, so its place in a row is needed: `from: 1` is the first"
            raise StreamFileError(source, line, f"columns.{name}.from: {problem}")


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
