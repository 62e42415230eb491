"""Which rating of a pair counts, and what is kept of those before it."""

from __future__ import annotations

from pathlib import Path

from pipeline.train.kinds.als.collected import collect
from pipeline.train.kinds.als.ratings import read_ratings
from pipeline.train.kinds.kind import Batch
from pipeline.train.read.spark_session import SparkOnDemand
from tests.integration.train.ratings import RatingsLab, rated


def test_the_newest_rating_is_the_latest_record_of_the_newest_batch(
    services: dict[str, str], spark: SparkOnDemand, tmp_path: Path
) -> None:
    lab = RatingsLab(services, tmp_path)
    # Rows go to partitions 0 and 1 in turn, and a row's time is its offset: the last row has a later time than those
    # of partition 1, and rows 3 and 4 have the same.
    first = rated(["late", "late", "same", "same", "late"], [1, 2, 3, 3, 2], [1.0, 2.0, 3.0, 4.0, 5.0])
    lab.land(first, rated(["late", "new"], [1, 2], [2.0, 3.0]), parts=1)
    batch = Batch(spark.session(), "r", lab.manifests())
    with read_ratings(batch, lab.store.bucket, lab.stream) as ratings:
        found = collect(ratings)
    names = [
        (found.user_names[user], found.item_names[item]) for user, item in zip(found.users, found.items, strict=True)
    ]
    told = zip(found.ratings.tolist(), found.batches.tolist(), found.first.tolist(), strict=True)
    assert dict(zip(names, told, strict=True)) == {
        ("late", "1"): (2.0, 2, 1),
        ("late", "2"): (5.0, 1, 1),
        ("new", "2"): (3.0, 2, 2),
        ("same", "3"): (4.0, 1, 1),
    }
    newest = [("late", "1"), ("new", "2")]
    assert found.newest == 2 and found.is_newest.tolist() == [name in newest for name in names]
