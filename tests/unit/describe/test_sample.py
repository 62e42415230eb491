"""Which records of a topic are looked at, and how many of them are held."""

from __future__ import annotations

import pytest

from pipeline.describe.describe_topic import Told, description_of_topic
from pipeline.describe.sample import Sample, shares


@pytest.mark.parametrize(
    ("counts", "most", "found"),
    [
        ([1_000_000, *[0] * 99], 10_000, [10_000, *[0] * 99]), ([5, 1_000, 1_000], 105, [5, 50, 50]),
        ([3, 3], 10, [3, 3]), ([9] * 9, 10, [2] * 9), ([], 10, []),
    ],
)  # fmt: skip
def test_what_a_partition_does_not_have_goes_to_the_others(counts: list[int], most: int, found: list[int]) -> None:
    assert shares(counts, most) == found


def test_long_records_are_not_all_held() -> None:
    sample = Sample("t", 5)
    value = b'{"x": 1.5, "s": "' + b"a" * 100 + b'"}'
    sample.passed = sample.take(iter([(value, b"k")] * 5), 5, 2 * len(value) + 2, lambda _: None)
    assert (sample.passed, len(sample.values), len(sample.keys), sample.is_whole) == (3, 2, 2, False)
    assert "the records are long: 2 were looked at" in description_of_topic(sample, Told()).notes[0]
