"""What a landing process did: for the progress line, the metrics and the summary."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field

from contract.batch import CutReason, Part
from pipeline.land.open_part import OpenPart
from pipeline.land.reject_reasons import RejectReasons

logger = logging.getLogger(__name__)


@dataclass
class LandingCounts:
    """Counts since the process began; parts, and the ``batches`` that it sealed itself, by the reason of their cut."""

    rows: int = 0
    rejected: int = 0
    skipped: int = 0
    """Records that are meant to make no row."""
    deletes: int = 0
    """Those of the skipped which say that a row is gone."""
    ignored_keys: int = 0
    late_rows: int = 0
    early_rows: int = 0
    adopted: int = 0
    strangers: int = 0
    present: set[str] = field(default_factory=set)
    """Columns that had a value in some row."""
    parts: Counter[CutReason] = field(default_factory=Counter)
    batches: Counter[CutReason] = field(default_factory=Counter)
    reasons: RejectReasons = field(default_factory=RejectReasons)

    @property
    def rejected_all(self) -> bool:
        """Whether records landed, and not one of them is a row."""
        return self.rejected > 0 and self.rows == 0

    def count(self, part: OpenPart, landed: Part) -> None:
        """Count ``part``, which has become ``landed``; say why records were rejected, each reason once."""
        for reason in self.reasons.count(part.lane, part.rejects):
            logger.warning("records are rejected; lane=%d offset=%d reason=%s", *reason.place, reason.reason)
        self.rows += part.rows
        self.rejected += len(part.rejects)
        self.skipped += part.skipped_records
        self.deletes += part.deletes
        self.ignored_keys += part.ignored_keys
        self.late_rows += part.late_rows
        self.early_rows += part.early_rows
        self.strangers += part.strangers
        self.present |= part.present
        self.parts[landed.cut] += 1
