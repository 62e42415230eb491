"""Rejects that were landed again are rows like any other: read, laid out by partition and offset, checked."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable

import pytest

from contract.batch import manifest_prefix
from contract.errors import ChainError
from contract.stream import Stream, parse_stream
from contract.stream_sections import Cut
from pipeline.land.chain import Writer
from pipeline.land.chain_start import begin_or_read
from pipeline.land.formats.whole_records import WholeRecords
from pipeline.land.land_again import LandingAgain
from pipeline.land.lander import Lander
from pipeline.object_store import ObjectStore
from pipeline.train.read import layout
from pipeline.train.read.batches import check_parts, sealed_batches
from pipeline.train.read.rows import check_rows, read_rows
from pipeline.train.read.spark_session import SparkOnDemand
from tests.integration.train.conftest import Lab
from tests.property.test_chain_model import STREAM
from tests.unit.land import test_lander
from tests.unit.land.test_lander import Offsets

SHORT = 60


def _stream(longest: int) -> Stream:
    fields = STREAM.model_dump(mode="json", by_alias=True, exclude={"records"}) | {"name": f"t-{uuid.uuid4().hex[:12]}"}
    del fields["cut"]["max_ahead"]
    fields["rejects"] |= {"max_record_bytes": longest}
    fields["columns"]["x"] = {"type": "float64"}
    return parse_stream(json.dumps(fields | {"features": ["n", "x"]}), "again")


def _record(n: int) -> bytes:
    """Return record ``n``; every third is longer than the stream file takes at first."""
    pad = b"" if n % 3 else b',"pad":"%s"' % (b"p" * SHORT)
    return b'{"n":%d,"x":%d.5%s}' % (n, n, pad)


@pytest.fixture
def landed(services: dict[str, str], make_lab: Callable[..., Lab]) -> tuple[ObjectStore, Stream]:
    """Two lanes of 40 and 20 records: one batch of those that parsed, and one of those that were landed again."""
    store, at_first = make_lab().store, _stream(SHORT)
    corrected = at_first.model_copy(update={"rejects": at_first.rejects.model_copy(update={"max_record_bytes": 1_000})})
    store.ensure_bucket()
    start = begin_or_read(store, at_first.name, at_first.topic, "id", {0: 0, 1: 0})
    writer = Writer("test", "id")
    lander = Lander(
        at_first, Cut(rows=1_000), store=store, writer=writer, start=start, partitions=2, topic=Offsets()
    )  # fmt: skip
    for lane in (0, 1):
        lander.own(lane, 1)
    lander.begin(2)
    for lane, count in ((0, 40), (1, 20)):
        values = [_record(100 * lane + n) for n in range(count)]
        lander.take(test_lander.fetched(lane, 0, values, at_first))
        lander.reach_end(lane, 1, count, count)
    while not lander.land_tail():
        pass
    LandingAgain(store, corrected, WholeRecords(corrected), writer).run()
    lander = Lander(
        corrected, Cut(rows=1_000), store=store, writer=writer, start=start, partitions=2, topic=Offsets()
    )  # fmt: skip
    for lane in (0, 1):
        lander.own(lane, 1)
    lander.begin(2)
    while not lander.land_tail():
        pass
    return store, corrected


def test_they_are_read_in_the_order_of_partition_and_offset(
    landed: tuple[ObjectStore, Stream], spark: SparkOnDemand, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, stream = landed
    first, second = (batch.manifest for batch in sealed_batches(store, stream.name))
    assert (first.rows, second.rows, second.rows_again) == (40, 20, 20)
    check_parts(store, sealed_batches(store, stream.name))
    session = spark.session()
    for manifests, sent in (
        ([second], lambda n: n % 3 == 0),
        ([first, second], lambda _: True),
    ):
        expected = [
            (lane, n, float(100 * lane + n)) for lane, count in ((0, 40), (1, 20)) for n in range(count)
            if sent(100 * lane + n)
        ]  # fmt: skip
        for cells in (layout.CELLS_PER_PARTITION, 100):
            monkeypatch.setattr(layout, "CELLS_PER_PARTITION", cells)
            rows = read_rows(session, store.bucket, stream, manifests)
            assert rows.rdd.getNumPartitions() == layout.partitions_for(len(expected), 2)
            found = rows.collect()
            check_rows(len(found), manifests)
            # collect() gives the partitions in their order, and each in the order of its rows.
            assert [(row["_partition"], row["_offset"], row["n"]) for row in found] == expected


def test_one_that_was_altered_is_named(landed: tuple[ObjectStore, Stream]) -> None:
    store, stream = landed
    again = sealed_batches(store, stream.name)[1].manifest.again[0]
    store.put(again.key, b"other bytes")
    with pytest.raises(ChainError, match=f"batch 2 names {again.key} with ETag"):
        check_parts(store, sealed_batches(store, stream.name))
    store.delete(again.key)
    with pytest.raises(ChainError, match=f"batch 2 names {again.key}, which is not in bucket"):
        check_parts(store, sealed_batches(store, stream.name))
    assert len(list(store.list_objects(manifest_prefix(stream.name)))) == 2
