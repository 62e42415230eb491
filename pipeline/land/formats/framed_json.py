"""JSON records that begin with a zero byte and the id of a schema, as the clients of a registry write them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.land.formats import framing
from pipeline.land.formats.format import ParsedValues, RejectedRecord, ValueFormat


@dataclass(frozen=True)
class FramedJson:
    """Takes the framing off, and lets ``json`` read the rest: JSON says by itself what is in it."""

    json: ValueFormat

    def parse(self, values: Sequence[bytes]) -> ParsedValues:
        """Return the rows and the rejects of ``values``. Never raises for what is in them."""
        framed = [place for place, value in enumerate(values) if framing.schema_id(value) is not None]
        parsed = self.json.parse([values[place][framing.HEAD_BYTES :] for place in framed])
        places = np.array(framed, dtype=np.int64)
        rejected = [RejectedRecord(framed[record.index], record.reason) for record in parsed.rejected]
        if len(framed) < len(values):
            others = set(range(len(values))).difference(framed)
            rejected += [RejectedRecord(place, framing.why_unframed(values[place])) for place in others]
        rejected.sort(key=lambda record: record.index)
        strangers = tuple(framed[index] for index in parsed.strangers)
        return replace(
            parsed, indexes=places[parsed.indexes], rejected=rejected, strangers=strangers,
            skipped=places[parsed.skipped], deletes=places[parsed.deletes],
        )  # fmt: skip

    def why_no_column(self, value: bytes) -> str | None:
        """Return what ``value`` may have been meant to be; None where it has a column, or cannot be read at all."""
        return None if framing.schema_id(value) is None else self.json.why_no_column(value[framing.HEAD_BYTES :])
