"""Sections of a stream file that say how rows come: columns, the data file, where a batch ends, a broken schema."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from contract.column_types import ColumnType, is_numeric
from contract.file_format import DateFormat, Delimiter, Encoding, Mark, NameInFile, ZoneName, has_year, has_zone
from contract.moment import EpochUnit
from contract.record_path import PathText, RecordPath, record_path
from contract.sections import Bool, Duration, Int, Real, Section, Size

CUMULATIVE_SUFFIX = "-cumulative"


def _free_of_suffix(name: str) -> str:
    if name.endswith(CUMULATIVE_SUFFIX):
        raise ValueError(f"{name!r} ends in {CUMULATIVE_SUFFIX!r}, which names the cumulative model of a stream")
    return name


def no_dots(topic: str) -> str:
    """Refuse what is no name of a topic, though it has a topic's letters."""
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


def _key_place(given: Any) -> Any:
    if given is True or given is None:
        return given
    if isinstance(given, str):
        record_path(given)
        return given
    raise ValueError("is `true` for all of a record's key, or a path in a key that is JSON")


HeaderName = Annotated[str, Field(min_length=1, max_length=249)]


class Column(Section):
    """One column. `timestamp` is microseconds, UTC; on the wire it is ISO 8601 text, or a number of ``epoch``.

    What `from`, `format` and `percent` say is how the data file is written, and text in a header or a key.
    """

    type: ColumnType = Field(description="one of the types, or another name of one")
    required: Bool = Field(default=False, description="a record without it, or with null, is rejected")
    epoch: EpochUnit | None = Field(default=None, description="unit of a timestamp that counts from 1970")
    zone: ZoneName | None = Field(default=None, description="of times that name none, by default UTC")
    format: DateFormat | None = Field(default=None, description="how text writes its dates, in strptime's letters")
    percent: Bool = Field(default=False, description="cells of a text file have a % behind the number")
    name_in_file: NameInFile | None = Field(default=None, alias="from", description="its name or place in the file")
    path: PathText | None = Field(default=None, description="where in a record's value it is, by default at its name")
    header: HeaderName | None = Field(default=None, description="the record's header whose value it is")
    key: Annotated[bool | str | None, BeforeValidator(_key_place)] = Field(
        default=None, description="the record's key, or a path in one that is JSON"
    )
    timestamp: Bool = Field(default=False, description="the record's own time")

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

    @model_validator(mode="after")
    def _is_in_one_place(self) -> Column:
        places = [name for name in ("path", "header", "key", "timestamp") if getattr(self, name)]
        if len(places) > 1:
            raise ValueError(f"`{places[0]}` and `{places[1]}` are two places, and a value is in one")
        if self.timestamp and (self.type != "timestamp" or any((self.epoch, self.zone, self.format))):
            raise ValueError("`timestamp: true` is the record's time as Kafka has it: the type is timestamp, as it is")
        if self.name_in_file is not None and (self.header or self.key or self.timestamp):
            raise ValueError(f"`from` is what a data file calls the column, and `{places[0]}` is no part of a file")
        return self

    @property
    def in_value(self) -> bool:
        """Whether it comes from the record's value."""
        return self.header is None and self.key is None and not self.timestamp

    def path_in_value(self, name: str) -> RecordPath:
        """Return where in the record's value, or in its envelope's row, the column ``name`` is."""
        return RecordPath((name,)) if self.path is None else record_path(self.path)

    @property
    def path_in_key(self) -> RecordPath | None:
        """Where in a key that is JSON it is; None where it is not, or all of the key."""
        return record_path(self.key) if isinstance(self.key, str) else None


class Source(Section):
    """What replay reads when it is given no file, and how any file that it reads is written."""

    path: str | None = Field(default=None, description="path of the file, of a directory, or a pattern")
    package: PackageName | None = Field(default=None, description="installed package that holds it")
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
    aligned: Bool = Field(default=False, description="windows begin as hours, days and weeks do, in UTC")

    @model_validator(mode="after")
    def _some_rule(self) -> Cut:
        rules = [name for name in type(self).model_fields if name not in {"max_ahead", "aligned"}]
        if all(getattr(self, name) is None for name in rules):
            raise ValueError(f"cut needs at least one of {', '.join(rules)}")
        if self.window is None and "max_ahead" in self.model_fields_set:
            raise ValueError("max_ahead says which records end a window, and there is no `window`")
        if self.window is None and self.aligned:
            raise ValueError("aligned says where windows begin, and there is no `window`")
        return self


class Rejects(Section):
    """When rejected records mean that the schema broke, and the line has to stop."""

    max_share: Real = Field(default=0.5, gt=0, le=1, description="share of rejected records that stops the line")
    min_records: Int = Field(default=1000, ge=1, description="records seen before the share counts")
    max_record_bytes: Size = Field(default=1_048_576, ge=1, description="a record with a longer value is rejected")
    no_column: Literal["stop", "warn"] = Field(
        default="stop", description="what records mean that have none of the columns"
    )
