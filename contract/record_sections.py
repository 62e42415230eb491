"""What a stream file says of its topic's records: their format, and what stands around or instead of rows."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from contract.sections import Section

RecordFormatName = Literal["json"]


class Records(Section):
    """How the value of a record is written. It is no part of a train key: what has landed is a row, whatever it was."""

    format: RecordFormatName = "json"
    tombstones: Literal["skip", "reject"] = Field(
        default="reject", description="what becomes of records that have a key and no value"
    )
    envelope: Literal["debezium"] | None = Field(
        default=None, description="what stands around a row: of a change event, the columns are in `after`"
    )
