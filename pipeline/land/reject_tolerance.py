"""How many records without a row, or without a column, are bad luck, and how many mean that the schema broke."""

from __future__ import annotations

import logging
from collections.abc import Callable

from contract.errors import SchemaBrokenError
from contract.stream import Stream
from pipeline.land.parsed_records import ParsedRecords
from pipeline.land.reject import Reject
from pipeline.land.reject_reasons import RejectReasons

logger = logging.getLogger(__name__)

Hint = Callable[[bytes | None], str | None]
"""What the value of a record without a row, or without a column, may have been meant to be."""


def no_hint(_value: bytes | None) -> None:
    """Tell nothing."""


class RejectTolerance:
    """Watches the share of rejected records, and of strangers, over the last ``min_records`` or more.

    A stranger is a record of whose keys none is a column, or that has no key: all of its row would be null.
    """

    def __init__(self, stream: Stream, hint: Hint) -> None:
        self._stream, self._hint = stream, hint
        self._records = self._rejected = self._strangers = 0
        self._reasons = RejectReasons()
        self._only_strangers: Reject | None = None
        self._usable = False
        self._warned = False

    def count(self, lane: int, records: ParsedRecords) -> None:
        """Count ``records``, of ``lane``.

        Raises
        ------
        SchemaBrokenError: more of them are rejected, or strangers, than is tolerated; nothing of them has landed.
        """
        limits = self._stream.rejects
        self._records += records.rows.num_rows + len(records.rejects)
        self._rejected += len(records.rejects)
        self._reasons.count(lane, records.rejects)
        self._strangers += len(records.strangers)
        if records.strangers:
            self._only_strangers = records.strangers[-1]
        self._usable = self._usable or records.rows.num_rows > len(records.strangers)
        if self._records < limits.min_records:
            return
        if self._rejected / self._records > limits.max_share:
            raise self._rejected_error(records)
        if (self._rejected + self._strangers) / self._records > limits.max_share and self._only_strangers is not None:
            self._stop_or_warn(self._only_strangers)
        self._records = self._rejected = self._strangers = 0
        self._reasons = RejectReasons()

    def refuse_first_strangers(self) -> None:
        """Stop before a stream's first rows land, if none of them has a column, however few they are.

        Raises
        ------
        SchemaBrokenError: none has.
        """
        if not self._usable and self._only_strangers is not None:
            self._stop_or_warn(self._only_strangers)

    def _stop_or_warn(self, last: Reject) -> None:
        hint = self._hint(last.value)
        said = (
            f"{self._strangers} of the last {self._records} records of topic {self._stream.topic!r} have none of the "
            f"columns of stream {self._stream.name!r}, so all of their row is null; the last at offset {last.offset}: "
            f"{hint}"
        )
        if self._stream.rejects.no_column == "stop":
            raise SchemaBrokenError(
                f"{said}. Nothing of them is lost: correct `columns` in the stream file, or let them land with "
                f"`rejects: {{no_column: warn}}`, and start landing again"
            )
        if not self._warned:
            logger.warning("%s", said)
            self._warned = True

    def _rejected_error(self, records: ParsedRecords) -> SchemaBrokenError:
        last = records.rejects[-1] if records.rejects else None
        hint = self._hint(last.value) if last else None
        return SchemaBrokenError(
            f"{self._rejected} of the last {self._records} records of topic {self._stream.topic!r} are not of the "
            f"schema ({self._rejected / self._records:.0%}, tolerated are {self._stream.rejects.max_share:.0%}): "
            f"{'; '.join(self._reasons.lines())}{f'; {hint}' if hint else ''}. Nothing of them is lost: correct "
            f"`columns` in the stream file, or raise `rejects.max_share`, and start landing again"
        )
