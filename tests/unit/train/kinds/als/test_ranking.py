"""Lists and their measures: by hand, and for any scores as by a loop that does what the formulas say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.train.kinds.als import ranking
from pipeline.train.kinds.als.ranking import MEASURES, Pairs, Ranked, rank


def ranked(hits: list[list[int]], relevant: list[int]) -> Ranked:
    flags = np.array(hits, dtype=bool)
    return Ranked(np.arange(flags.size).reshape(flags.shape), flags, np.array(relevant))


def test_the_measures_by_hand() -> None:
    lists = ranked([[1, 0, 1, 0], [0, 0, 0, 1]], [2, 5])
    assert lists.measure("precision", 4) == pytest.approx((2 / 4 + 1 / 4) / 2)
    # By k also where a list is shorter.
    assert lists.measure("precision", 10) == pytest.approx((2 / 10 + 1 / 10) / 2)
    assert lists.measure("recall", 4) == pytest.approx((2 / 2 + 1 / 5) / 2)
    ideal = [1 + 1 / math.log2(3), 1 + 1 / math.log2(3) + 1 / 2 + 1 / math.log2(5)]
    gained = [1 + 1 / math.log2(4), 1 / math.log2(5)]
    assert lists.measure("ndcg", 4) == pytest.approx(sum(g / i for g, i in zip(gained, ideal, strict=True)) / 2)
    assert lists.measure("map", 4) == pytest.approx(((1 + 2 / 3) / 2 + (1 / 4) / 4) / 2)
    assert lists.measure("map", 1) == pytest.approx((1 + 0) / 2)
    assert lists.coverage(2, 16) == 4 / 16 and lists.coverage(4, 8) == 1.0


@settings(deadline=None)
@given(data=st.data(), users=st.integers(1, 6), items=st.integers(1, 9), k=st.integers(1, 12))
def test_any_scores_are_ranked_as_by_a_loop(data: st.DataObject, users: int, items: int, k: int) -> None:
    numbers = st.lists(st.integers(-2, 2), min_size=items, max_size=items)
    scores = np.array([data.draw(numbers) for _ in range(users)], dtype=np.float32)
    cells = st.sets(st.tuples(st.integers(0, users - 1), st.integers(0, items - 1)))
    seen = data.draw(cells)
    relevant = data.draw(cells.filter(lambda found: bool(found - seen))) - seen
    found = rank(lambda own: scores[own], items, pairs(relevant), pairs(seen), k)
    asked = sorted({user for user, _ in relevant})
    assert len(found.relevant) == len(asked)
    for row, user in enumerate(asked):
        left = [item for item in range(items) if (user, item) not in seen]
        best = sorted(left, key=lambda item: (-scores[user, item], item))[:k]
        wanted = {item for own, item in relevant if own == user}
        assert [item for item in found.items[row] if item >= 0] == best
        assert found.hits[row].tolist()[: len(best)] == [item in wanted for item in best]
        assert not found.hits[row][len(best) :].any() and found.relevant[row] == len(wanted)
    for name in MEASURES:
        assert 0 <= found.measure(name, k) <= 1 + 1e-12


def pairs(cells: set[tuple[int, int]]) -> Pairs:
    return Pairs.of(*(np.array([cell[i] for cell in cells], dtype=np.int64) for i in range(2)))


def test_many_users_are_ranked_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    scores = rng.normal(size=(50, 20))
    cells = {(int(user), int(item)) for user, item in rng.integers(0, [50, 20], (120, 2))}
    seen = {cell for cell in cells if sum(cell) % 3 == 0}
    whole = rank(lambda own: scores[own], 20, pairs(cells - seen), pairs(seen))
    monkeypatch.setattr(ranking, "_CELLS", 60)
    parts = rank(lambda own: scores[own], 20, pairs(cells - seen), pairs(seen))
    for name in ("items", "hits", "relevant"):
        assert np.array_equal(getattr(whole, name), getattr(parts, name))
