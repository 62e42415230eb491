"""`python -m bench.training.many`: small batches, until the hundredth version can be held beside the tenth."""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
from pathlib import Path

from bench import record
from bench.training.__main__ import SMALL_ROWS, Bench
from bench.training.batches import land_flights

AROUND = 5
TENTH, HUNDREDTH = 10, 100


def main() -> None:
    """Train them all by one `mlflow run`; tell what a version takes, around the tenth and around the hundredth."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=SMALL_ROWS, help="rows of a batch")
    chosen = options.parse_args()
    batches = HUNDREDTH + AROUND
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        found, ready = bench.train(land_flights(Path(folder), batches, chosen.rows), batches)
    bench.note(f"{batches} batches of {chosen.rows} rows", found)
    # One version alone would show what else the machine did then: the median of those around it counts.
    took = [later - earlier for earlier, later in itertools.pairwise(ready)]
    tenth, hundredth = (statistics.median(took[n - 1 - AROUND : n - 1 + AROUND]) for n in (TENTH, HUNDREDTH))
    record.fact("seconds of a version", tenth=tenth, hundredth=hundredth)
    record.figure("training.many.hundredth", hundredth / tenth)


if __name__ == "__main__":
    main()
