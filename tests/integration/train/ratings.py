"""Streams of ratings for tests: generated ones, or any table with the same columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from contract.batch import Manifest
from pipeline.train.read.batches import sealed_batches
from tests.integration.train.conftest import Lab

STREAM = """
name: {name}
topic: {name}
columns:
  who: {{type: string}}
  what: {{type: int64}}
  stars: {{type: float64}}
cut: {{rows: 400}}
model: {{kind: als, user: who, item: what, rating: stars, {model}}}
"""


@dataclass
class RatingsLab(Lab):
    """A stream of ratings with batches of its own."""

    k: str = "rank: 4, iterations: 4"

    @property
    def file(self) -> Path:
        """The stream file."""
        path = self.directory / f"{self.name}.yaml"
        path.write_text(STREAM.format(name=self.name, model=self.k))
        return path

    def manifests(self) -> list[Manifest]:
        """Return the batches that have landed."""
        return [batch.manifest for batch in sealed_batches(self.store, self.name)]

    @property
    def model(self) -> str:
        """The registered model."""
        return self.stream.registered_model()


def tastes(rows: int, seed: int, users: int = 60, items: int = 40) -> pa.Table:
    """Return ``rows`` ratings that follow two tastes, of people and things with names as they come."""
    rng = np.random.default_rng(seed)
    who, what = rng.integers(0, users, rows), np.minimum(rng.geometric(0.06, rows), items) - 1
    # Nobody likes everything, and some like nothing: tastes are fixed, whatever the seed.
    fixed = np.random.default_rng(1)
    liked = (fixed.normal(size=(users, 2)) @ fixed.normal(size=(2, items)))[who, what]
    stars = np.clip(np.rint(3 + 1.3 * liked + 0.3 * rng.normal(size=rows)), 1, 5)
    return rated(
        [f"Ö{n:03d}" if n % 7 else f"\U0001f600{n}" for n in who], (what * 10_000_000_000).tolist(), stars.tolist()
    )


def rated(who: Sequence[str | None], what: Sequence[int | None], stars: Sequence[float | None]) -> pa.Table:
    """Return a table of ratings."""
    return pa.table(
        {"who": pa.array(who, pa.string()), "what": pa.array(what, pa.int64()), "stars": pa.array(stars, pa.float64())}
    )
