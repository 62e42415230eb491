"""What a recommender earns: beside means or the most rated items, then beside the champion of its training."""

from __future__ import annotations

from contract.kinds.als import AlsGate
from pipeline.train.kinds.als.gate import decide

EXPLICIT = {
    "held_out/rmse": 0.9,
    "held_out/user_mean/rmse": 1.1,
    "held_out/item_mean/rmse": 0.95,
    "held_out/user_item_means/rmse": 1.0,
    "held_out/ndcg_at_10": 0.01,
    "held_out/popularity/ndcg_at_10": 0.2,
    "newest/rmse": 0.8,
    "newest/champion/rmse": 0.78,
    "newest/champion/version": 3.0,
}
IMPLICIT = {
    "held_out/ndcg_at_10": 0.3,
    "held_out/popularity/ndcg_at_10": 0.2,
    "newest/ndcg_at_10": 0.19,
    "newest/champion/ndcg_at_10": 0.2,
    "newest/champion/version": 3.0,
}


def test_an_explicit_model_has_to_beat_the_best_of_the_means_and_not_the_popularity() -> None:
    found = decide(EXPLICIT, AlsGate(), None, implicit=False)
    assert (found.earned, found.absolute[0].limit) == ("champion", 0.95)
    assert "there is no champion" in found.reason
    # As good is not better, and a share of the limit may be asked for.
    assert decide({**EXPLICIT, "held_out/rmse": 0.95}, AlsGate(), None, implicit=False).earned == "none"
    assert decide(EXPLICIT, AlsGate(max_rmse=0.9), None, implicit=False).earned == "none"
    assert decide({}, AlsGate(), None, implicit=False).reason == "held_out/rmse is not measured, limit 0"


def test_an_implicit_model_has_to_beat_the_most_rated_items() -> None:
    assert decide(IMPLICIT, AlsGate(), None, implicit=True).earned == "champion"
    as_good = {**IMPLICIT, "held_out/ndcg_at_10": 0.2}
    found = decide(as_good, AlsGate(), None, implicit=True)
    assert found.earned == "none" and found.reason == "held_out/ndcg_at_10 is 0.2, limit 0.2"
    assert decide(as_good, AlsGate(min_ndcg=0.9), None, implicit=True).earned == "champion"


def test_it_may_be_a_share_worse_than_the_champion_on_the_newest_batch() -> None:
    found = decide(EXPLICIT, AlsGate(), 3, implicit=False)
    assert (found.earned, found.champion) == ("champion", 3) and "beside champion version 3" in found.reason
    worse = decide(EXPLICIT, AlsGate(max_loss=0.01), 3, implicit=False)
    assert worse.earned == "challenger" and worse.reason == "newest/rmse is 0.8, limit 0.7878"
    assert decide(IMPLICIT, AlsGate(), 3, implicit=True).earned == "champion"
    assert decide(IMPLICIT, AlsGate(max_loss=0.0), 3, implicit=True).earned == "challenger"


def test_a_champion_that_was_not_measured_beside_it_holds_nobody_back() -> None:
    for champion, changed in ((2, {}), (3, {"newest/champion/version": 1.0})):
        assert decide({**EXPLICIT, **changed}, AlsGate(max_loss=0.0), champion, implicit=False).earned == "champion"
    alone = {name: value for name, value in EXPLICIT.items() if name != "newest/champion/rmse"}
    assert decide(alone, AlsGate(max_loss=0.0), 3, implicit=False).relative == ()
