"""Which Spark partition a row goes to: decided by the manifests, so that a repetition adds up in the same order."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from pyspark.sql import functions as fn

from contract.batch import OFFSET, PARTITION, LandedAgain, Manifest, Part

if TYPE_CHECKING:
    from pyspark.sql import Column

# One partition holds so many numbers: Spark adds up several in the order in which they end, which changes low bits.
CELLS_PER_PARTITION: Final = 25_000_000
_COLUMNS_BESIDE_FEATURES = 5


def partitions_for(rows: int, features: int) -> int:
    """Return into how many partitions ``rows`` rows of ``features`` features are laid out."""
    return max(1, math.ceil(rows * (features + _COLUMNS_BESIDE_FEATURES) / CELLS_PER_PARTITION))


def partition_of(manifests: Sequence[Manifest], count: int) -> Column:
    """Return the number, 0 ≤ p < ``count``, of the partition that a row belongs to.

    Rows that follow each other in (lane, offset) share a partition; cuts fall inside parts where they have to.
    """
    expression = fn.lit(0)
    if count == 1:
        return expression
    # Sorted: what was landed again lies among the offsets of the parts that rejected it.
    for number, (lane, offset) in enumerate(sorted(_cuts(_in_order(manifests), count)), start=1):
        behind = (fn.col(PARTITION) > lane) | ((fn.col(PARTITION) == lane) & (fn.col(OFFSET) >= offset))
        expression = fn.when(behind, fn.lit(number)).otherwise(expression)
    return expression


def _in_order(manifests: Sequence[Manifest]) -> list[tuple[int, Part | LandedAgain]]:
    pairs: list[tuple[int, Part | LandedAgain]] = [
        (lane.lane, part) for manifest in manifests for lane in manifest.lanes for part in lane.parts
    ]
    pairs += [(again.lane, again) for manifest in manifests for again in manifest.again]
    return sorted(pairs, key=lambda pair: (pair[0], pair[1].first_offset))


def _cuts(parts: Sequence[tuple[int, Part | LandedAgain]], count: int) -> Iterator[tuple[int, int]]:
    """Yield the (lane, offset) at which partitions 1..count−1 begin, as even as offsets tell."""
    total = sum(part.rows for _, part in parts)
    wanted = [total * number / count for number in range(1, count)]
    passed = 0
    for lane, part in parts:
        while wanted and wanted[0] < passed + part.rows:
            share = (wanted.pop(0) - passed) / part.rows
            yield lane, part.first_offset + int(share * (part.next_offset - part.first_offset))
        passed += part.rows
