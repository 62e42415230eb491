"""A series of recommenders from small batches: what is left of a version, and what cannot be trained."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from contract.batch import OFFSET, PARTITION, TIMESTAMP
from contract.recommender import (
    GOLDEN_RATINGS_FILE,
    LIST_ITEMS,
    LISTS_ROW_GROUP_ROWS,
    MOST_BYTES,
    ListsManifest,
    lists_from_json,
    recommender_statistics_from_json,
)
from scoring.als import TOLERANCE, AlsScorer
from scoring.factors import Recommender
from scoring.golden_ratings import GoldenRatings
from scoring.item_ratings import ItemRatings
from tests.integration.train.ratings import RatingsLab, rated, tastes

Rated = dict[tuple[str, str], float]


def last_rated(lab: RatingsLab, batches: Sequence[int], share: float = 0.9) -> tuple[Rated, Rated]:
    """Return what these batches' versions are fitted to and what is held out, found by nothing of the project."""
    newest: dict[tuple[str, str], tuple[tuple[int, datetime, int, int], float]] = {}
    for manifest in (found for found in lab.manifests() if found.batch in batches):
        for row in (row for part in manifest.objects for row in lab.parquet(part.key).to_pylist()):
            if None in (row["who"], row["what"], row["stars"]) or not abs(row["stars"]) <= 1e6:
                continue
            pair = (row["who"], str(row["what"]))
            at = (manifest.batch, row[TIMESTAMP], row[PARTITION], row[OFFSET])
            newest[pair] = max(newest.get(pair, (at, 0.0)), (at, row["stars"]))
    fitted: Rated = {}
    held_out: Rated = {}
    for pair, ((*_, partition, offset), stars) in newest.items():
        digest = hashlib.sha256(f"{partition}-{offset}".encode()).hexdigest()
        (fitted if int(digest[:8], 16) / 2**32 < share else held_out)[pair] = stars
    return fitted, held_out


def saved(lab: RatingsLab, number: int, directory: Path) -> tuple[Recommender, ItemRatings, GoldenRatings]:
    """Return the numbers of a version, from files that are no longer than they may be."""
    for name, most in MOST_BYTES.items():
        body = lab.artifact(number, name, lab.model)
        assert 0 < len(body) <= most
        (directory / Path(name).name).write_bytes(body)
    known = Recommender.load(directory)
    golden = (directory / "golden.json").read_bytes()
    GOLDEN_RATINGS_FILE.decode(golden)
    return known, ItemRatings.load(directory, len(known.items)), GoldenRatings.from_json(golden)


def lists(lab: RatingsLab, number: int) -> tuple[ListsManifest, pa.Table]:
    key = lab.versions(lab.model)[number].tags["results"]
    body = lab.store.get(key)
    assert body is not None
    manifest = lists_from_json(body[0], key)
    for file in manifest.files:
        assert max(lab.row_groups(file.key)) <= LISTS_ROW_GROUP_ROWS
    return manifest, pa.concat_tables([lab.parquet(file.key) for file in manifest.files])


def grouped(fitted: Rated) -> tuple[dict[str, list[float]], dict[str, dict[str, float]]]:
    """Return the ratings of each item, and each user's by item."""
    by_item: dict[str, list[float]] = defaultdict(list)
    by_user: dict[str, dict[str, float]] = defaultdict(dict)
    for (user, item), stars in fitted.items():
        by_item[item].append(stars)
        by_user[user][item] = stars
    return by_item, by_user


def rests_on_its_ratings(lab: RatingsLab, number: int, batches: Sequence[int], directory: Path) -> None:
    """Everything of a version follows from the share that it was fitted to, each pair as it was rated last."""
    known, of_items, golden = saved(lab, number, directory)
    scorer, (fitted, held_out) = AlsScorer(known), last_rated(lab, batches)
    assert list(known.users) == sorted({user for user, _ in fitted})
    assert list(known.items) == sorted({item for _, item in fitted})
    assert golden.disagreements(scorer) == []
    said = recommender_statistics_from_json(lab.artifact(number, "swathe/statistics.json", lab.model), "s")
    assert (said.ratings, said.users, said.items) == (len(fitted), len(known.users), len(known.items))
    assert said.rating.mean == pytest.approx(np.mean([*fitted.values()]))
    assert said.held_out is not None and said.held_out.ratings == len(held_out)
    errors = [
        scorer.predict(user, item) - stars
        for (who, what), stars in held_out.items()
        if (user := known.users.find(who)) is not None and (item := known.items.find(what)) is not None
    ]
    assert said.held_out.cold == len(held_out) - len(errors)
    if not known.implicit:
        assert said.held_out.values["rmse"] == pytest.approx(float(np.sqrt(np.mean(np.square(errors)))))
    by_item, by_user = grouped(fitted)
    for place, name in enumerate(known.items):
        each = by_item[name]
        assert (of_items.counts[place], of_items.means[place]) == (len(each), pytest.approx(np.mean(each)))
    manifest, stored = lists(lab, number)
    assert stored.column("_user").to_pylist() == list(known.users) and manifest.users == len(known.users)
    longest = float(np.linalg.norm(known.user_factors, axis=1).max())
    for place, row in enumerate(stored.to_pylist()):
        mine = by_user[row["_user"]]
        assert dict(zip(row["rated_items"], row["ratings"], strict=True)) == mine
        assert row["rated_items"] == sorted(mine) and not mine.keys() & {*row["items"]}
        assert len(row["items"]) == min(len(known.items) - len(mine), LIST_ITEMS)
        places = {known.items.find(item): stars for item, stars in mine.items()}
        vector = scorer.fold_in({item: stars for item, stars in places.items() if item is not None})
        assert np.abs(vector - known.user_factors[place]).max() <= TOLERANCE * longest
        # Ratings of a training user give the list that Spark stored, but for near ties.
        found = scorer.recommend(vector, len(row["items"]), [item for item in places if item is not None])
        assert [score for _, score in found] == pytest.approx(row["scores"], abs=1e-4)


@pytest.mark.long
def test_a_series_of_recommenders_and_what_cannot_be_trained(services: dict[str, str], tmp_path: Path) -> None:
    lab = RatingsLab(services, tmp_path)
    first, last = tastes(1200, 1), tastes(800, 2, users=70, items=45)
    gaps = rated([None, "Ö001", "Ö002", "neu"], [1, None, 3, 4], [1.0, 2.0, None, 5.0])
    failing = {
        "the 3 ratings of batch 2 are of one item alone, '7'": rated(["a", "b", "c"], [7, 7, 7], [1.0, 2.0, 3.0]),
        "1 of the 3 ratings of batch 3 are no numbers up to 1,000,000, the first nan in column 'stars' of partition 0, "
        "offset 603": rated(["a", "b", "c"], [7, 8, 9], [1.0, 2.0, float("nan")]),
        "batch 4 has no rating: none of its 3 rows has a value in each of 'who', 'what', 'stars'": rated(
            ["a", "b", "c"], [7, 8, 9], [None, None, None]
        ),
    }
    lab.land(first, *failing.values(), pa.concat_tables([last, gaps]))
    code, said = lab.train()
    assert code == 0, said
    states = [(1, "ready"), (2, "failed"), (3, "failed"), (4, "failed"), (5, "ready")]
    assert lab.states(lab.model) == states and lab.model == f"{lab.name}-cumulative"
    versions = lab.versions(lab.model)
    for number, reason in enumerate(failing, start=2):
        assert reason in versions[number].tags["reason"]
    for number, batches in ((1, [1]), (5, [1, 2, 3, 4, 5])):
        directory = tmp_path / str(number)
        directory.mkdir()
        rests_on_its_ratings(lab, number, batches, directory)
    metrics = lab.facts(5, lab.model).metrics
    assert metrics["left_out"] == 3 + 3 + 1 and metrics["rows"] == 1200 + 9 + 804
    assert metrics["held_out/rmse"] < min(value for name, value in metrics.items() if name.endswith("mean/rmse"))
    assert metrics["newest/champion/version"] == 1 and "prequential/ndcg_at_10" in metrics
    assert versions[5].tags["gate_reason"] == "passed every check, beside champion version 1"
    run = versions[5].run_id
    assert {key for key, _ in lab.pictures(run)} == {
        "ratings/popularity", "ratings/histogram", "lists/by_k", "lists/coverage",
    }  # fmt: skip
    logged = {metric["key"] for found in lab.runs() for metric in found["data"].get("metrics", [])}
    assert metrics.keys() <= logged
    assert json.loads(lab.run_artifact(run, "swathe/gate.json"))["earned"] == "champion"
