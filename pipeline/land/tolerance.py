"""How many rejected records are bad luck, and how many mean that the schema broke."""

from __future__ import annotations

from contract.errors import SchemaBrokenError
from contract.stream import Stream
from pipeline.land.reasons import Reasons
from pipeline.land.stretch import Stretch


class RejectTolerance:
    """Watches the share of rejected records over the last ``min_records`` or more."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._records = 0
        self._rejected = 0
        self._reasons = Reasons()

    def count(self, lane: int, stretch: Stretch) -> None:
        """Count the records of ``stretch``, of ``lane``.

        Raises
        ------
        SchemaBrokenError: more of them are rejected than the stream file tolerates; nothing of them has landed.
        """
        limits = self._stream.rejects
        self._records += stretch.rows.num_rows + len(stretch.rejects)
        self._rejected += len(stretch.rejects)
        self._reasons.count(lane, stretch.rejects)
        if self._records < limits.min_records:
            return
        share = self._rejected / self._records
        if share > limits.max_share:
            why = "; ".join(self._reasons.lines())
            raise SchemaBrokenError(
                f"{self._rejected} of the last {self._records} records of topic {self._stream.topic!r} are not of the "
                f"schema ({share:.0%}, tolerated are {limits.max_share:.0%}): {why}. Nothing of them is lost: "
                f"correct `columns` in the stream file, or raise `rejects.max_share`, and start landing again"
            )
        self._records = self._rejected = 0
        self._reasons = Reasons()
