"""What a record that has no column of the stream file may have been meant to be, whatever its format."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Collection, Iterator, Mapping

from contract.record_sections import ROW

_DEPTH = 4
_KEYS_LOOKED_AT = 1_000
_SHOWN = 8
_PATHS = "let each say its `path` from there on, or the producer unwrap it"


def why_no_column(record: Mapping[str, object], columns: Collection[str]) -> str | None:
    """Return a hint for what ``record`` holds by key, None where a column is among it.

    Letter case, an envelope around the columns and near names are told; else the keys that it has.
    """
    if record.keys() & set(columns):
        return None
    keys = list(record)[:_KEYS_LOOKED_AT]
    has = f"its keys are {', '.join(map(repr, keys[:_SHOWN]))}{' …' if len(keys) > _SHOWN else ''}"
    return next(_hints(record, keys, columns), has) if keys else "it has no keys"


def _hints(record: Mapping[str, object], keys: list[str], columns: Collection[str]) -> Iterator[str]:
    lower = {name.lower(): name for name in columns}
    twins = [(key, lower[key.lower()]) for key in keys if key.lower() in lower]
    if twins:
        pairs = ", ".join(f"{key!r} is not {name!r}" for key, name in twins[:_SHOWN])
        yield f"{pairs}: letter case counts"
    if (path := _envelope(record, columns)) is not None:
        told = "`records: {envelope: debezium}` takes it out" if path.split(".")[-1] == ROW else _PATHS
        yield f"the columns lie in an envelope, under {path!r}: {told}"
    near = [(key, found[0]) for key in keys if (found := difflib.get_close_matches(key, columns, n=1))]
    if near:
        yield "; ".join(f"the record has {key!r}, did you mean that by {name!r}?" for key, name in near[:_SHOWN])


def _envelope(record: Mapping[str, object], columns: Collection[str]) -> str | None:
    """Return the path of the nearest object inside ``record`` that has a column."""
    level: list[tuple[str, Mapping[str, object]]] = [("", record)]
    for _ in range(_DEPTH):
        inside: list[tuple[str, Mapping[str, object]]] = []
        for path, found in level:
            for key, value in itertools.islice(found.items(), _KEYS_LOOKED_AT):
                if isinstance(value, dict):
                    inside.append((f"{path}.{key}".lstrip("."), value))
        level = inside[:_KEYS_LOOKED_AT]
        for path, found in level:
            if found.keys() & set(columns):
                return path
    return None
