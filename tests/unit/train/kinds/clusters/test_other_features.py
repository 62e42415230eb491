"""A version whose features are not those of the version before is not compared with it, and says so."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from contract.kinds.clusters import Identity
from contract.lineage import Lineage
from pipeline.train.kinds.clusters.assign import Sample
from pipeline.train.kinds.clusters.comparison import Comparer, Comparison
from pipeline.train.kinds.clusters.drift import profile
from pipeline.train.kinds.clusters.predecessor import History, Predecessor
from scoring.kmeans import Scoring
from tests.memory_store import MemoryStore


def _numbers(*features: str) -> Scoring:
    ones = (1.0,) * len(features)
    return Scoring(features, ones, ones, ones, ((-1.0,) * len(features), ones), ("", ""))


def _compared(before: tuple[str, ...], now: tuple[str, ...], store: MemoryStore | None = None) -> Comparison:
    rows = np.random.default_rng(1).normal(size=(40, 3))
    lineage = Lineage(("C1", "C2"), (), 3, None, ())
    earlier = Predecessor(4, _numbers(*before), lineage, profile(before, rows[:, : len(before)]), (0.5, 0.5))
    history = cast(History, SimpleNamespace(predecessor=lambda _: earlier))
    numbers, own = _numbers(*now), rows[:, : len(now)]
    clusters, distances = numbers.assigner().assign(own)
    sample = Sample(own, clusters, distances, np.zeros(40, dtype=np.int64), np.arange(40))
    comparer = Comparer(store or MemoryStore(), "m", history, Identity())
    return comparer.compare(5, numbers, sample)


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (("x", "y", "z"), "Not compared with version 4, whose features are others (now with `z`)"),
        (("x",), "Not compared with version 4, whose features are others (now without `y`)"),
        (("x", "z"), "Not compared with version 4, whose features are others (now without `y`, with `z`)"),
        (("y", "x"), "Not compared with version 4, whose features are others (now in another order)"),
    ],
)
def test_it_says_which_and_gives_every_cluster_a_new_label(now: tuple[str, ...], said: str) -> None:
    found = _compared(("x", "y"), now)
    assert found.sentences[0].startswith(said) and len(found.sentences) == 1
    assert sorted(found.lineage.labels) == ["C3", "C4"]
    assert {name.split("/")[0] for name in found.metrics} == {"ref"}


def test_of_the_same_features_both_lie_on_one_reference_sample() -> None:
    store = MemoryStore()
    keys = [_compared(("x", "y"), now, store).reference_key for now in (("x", "y"), ("x", "y", "z"), ("x", "y"))]
    assert keys[0] == keys[2] != keys[1]
    assert _compared(("x", "y"), ("x", "y"), store).sentences[0].startswith("Against version 4, features stayed")
