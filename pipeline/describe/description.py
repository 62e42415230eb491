"""What a stream file says of a table: its columns, how it is written, where it is cut and what is learnt from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contract.proposal import MOST_UNLIKELY, Proposal, Table


@dataclass(frozen=True)
class DescribedColumn:
    """A column of the stream file; ``keys`` are its keys there beside type and `required`, ``note`` what is unsure."""

    name: str
    type: str
    required: bool
    keys: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Description:
    """All that a stream file of a table says, and what a person should know of it."""

    name: str
    what: str
    """The file or the topic, and how much of it was looked at."""
    table: Table
    columns: Sequence[DescribedColumn]
    proposal: Proposal | None
    topic: str = ""
    source: Mapping[str, Any] = field(default_factory=dict)
    records: Mapping[str, Any] = field(default_factory=dict)
    null_values: Sequence[str] = ("",)
    id: Sequence[str] = ()
    event_time: str | None = None
    notes: Sequence[str] = ()
    of_records: bool = False
    """Whether it is of a topic's records, and not of a file."""
    not_columns: Mapping[str, str] = field(default_factory=dict)
    """What the table has, and no column can hold, with the reason."""

    @property
    def is_learnable(self) -> bool:
        """Whether a kind of model can find something in it."""
        return self.proposal is not None and self.proposal.likeliness > MOST_UNLIKELY
