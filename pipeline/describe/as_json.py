"""What was found, for tools: one JSON object."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pipeline.describe.description import Description


def as_json(found: Description) -> dict[str, Any]:
    """Return ``found`` as JSON has it: the keys of a stream file, and beside each column the facts it was found by."""
    facts = {column.name: asdict(column) for column in found.table}
    return {
        "name": found.name,
        "topic": found.topic,
        "rows": found.table.rows,
        "source": dict(found.source),
        "records": dict(found.records),
        "columns": {
            column.name: {"type": column.type, "required": column.required, **column.keys}
            | ({"note": column.note} if column.note else {})
            | {
                "found": {
                    key: value for key, value in facts.get(column.name, {}).items() if key not in {"name", "type"}
                }
            }
            for column in found.columns
        },
        "not_columns": dict(found.not_columns),
        "null_values": list(found.null_values),
        "id": list(found.id),
        "event_time": found.event_time,
        "cut": {"rows": max(1, found.table.batch_rows), "idle": "10s"},
        "features": [] if found.proposal is None else list(found.proposal.features),
        "left_out": {} if found.proposal is None else dict(found.proposal.left_out),
        "model": None if found.proposal is None else dict(found.proposal.model),
        "notes": [*found.notes, *(() if found.proposal is None else found.proposal.notes)],
    }
