"""Parts that were landed with several stream files are read together, each value as it was landed."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from contract.batch import OFFSET, PARTITION
from contract.stream import Stream, parse_stream
from contract.stream_sections import Cut
from contract.widening import EXACT_IN_DOUBLE, by_value, may_become
from pipeline.land.chain import Writer
from pipeline.land.chain_start import begin_or_read
from pipeline.land.lander import Lander
from pipeline.landed_types import LandedTypes
from pipeline.train.read.batches import sealed_batches
from pipeline.train.read.parts import Parts, read_parts
from pipeline.train.read.rows import read_rows
from pipeline.train.read.spark_session import SparkOnDemand
from tests.integration.train.conftest import Lab
from tests.property.test_changed_columns import NUMBERS
from tests.unit.land.test_lander import Offsets, fetched

PAIRS = [(old, new) for old in NUMBERS for new in NUMBERS if old != new and may_become(old, new)]


def _stream(name: str, columns: Mapping[str, str], feature: str) -> Stream:
    fields = {"name": name, "topic": name, "cut": {"rows": 1000}, "features": [feature], "model": {"k": 2}}
    return parse_stream(json.dumps(fields | {"id": ["id"], "columns": {"id": "int64", **columns}}), "s.yaml")


def _values(old: str, new: str) -> list[Any]:
    return [EXACT_IN_DOUBLE, -EXACT_IN_DOUBLE, 0] if by_value(old, new) else [*NUMBERS[old], *NUMBERS[old]][:3]


def test_every_wider_type_a_column_that_came_and_one_that_went_in_one_cumulative_batch(
    services: dict[str, str], make_lab: Callable[..., Lab], spark: SparkOnDemand
) -> None:
    """One of two members of the group goes on with the file before, so each batch has parts of both."""
    store, name = make_lab().store, f"t-{uuid.uuid4().hex[:12]}"
    old = _stream(name, {f"c{i}": kind for i, (kind, _) in enumerate(PAIRS)} | {"gone": "string"}, "c0")
    new = _stream(name, {f"c{i}": kind for i, (_, kind) in enumerate(PAIRS)} | {"come": "float64"}, "come")
    store.ensure_bucket()
    start = begin_or_read(store, name, name, "id", {0: 0, 1: 0})
    before = [{"id": n, "gone": "x", **{f"c{i}": _values(*pair)[n] for i, pair in enumerate(PAIRS)}} for n in range(3)]
    after = [
        {"id": n, "come": n + 0.5, **{f"c{i}": NUMBERS[kind][-1] for i, (_, kind) in enumerate(PAIRS)}}
        for n in range(3)
    ]
    expected = {0: [*before, *after], 1: [*after, *before]}
    for members in ((old, new), (new, old)):
        for lane, stream in enumerate(members):
            lander = Lander(
                stream, Cut(rows=6), store=store, writer=Writer("w", "id"), start=start, partitions=2, topic=Offsets()
            )  # fmt: skip
            first = lander.own(lane, 1)
            lander.begin(2)
            values = [json.dumps(row, default=str).encode() for row in (before if stream is old else after)]
            lander.take(fetched(lane, first, values, stream))
            assert lander.counts.rejected == 0, lander.counts.reasons.lines()
    batches = sealed_batches(store, name)
    assert [len(batch.filled) for batch in batches] == [2, 2]
    landed = LandedTypes(store).of(key for batch in batches for key in batch.filled)
    manifests = [batch.manifest for batch in batches]
    session, names = spark.session(), [*new.columns]
    alike = [*read_parts(session, Parts(store.bucket, manifests, landed), new, names, (PARTITION, OFFSET))]
    assert len(alike) == 2 and alike[0].schema == alike[1].schema
    found = sorted((row.asDict() for rows in alike for row in rows.collect()), key=_place)
    meant = [row for lane in (0, 1) for row in expected[lane]]
    assert [{key: row[key] for key in names} for row in found] == [
        {key: row.get(key) for key in names} for row in meant
    ]
    rows = read_rows(session, store.bucket, new, manifests, landed).collect()
    assert [(row["_row_id"], row["come"]) for row in rows] == [(str(row["id"]), row.get("come")) for row in meant]


def _place(row: Mapping[str, Any]) -> tuple[int, int]:
    return row["_partition"], row["_offset"]
