"""The golden file of a recommender tells one that answers as Spark from one that does not; MLflow's loader asks it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from contract.recommender import GOLDEN_RATINGS_FILE
from scoring.als import TOLERANCE, AlsScorer
from scoring.factors import Recommender
from scoring.golden_ratings import GoldenPair, GoldenRatings, GoldenUser
from scoring.ids import Ids
from scoring.load_als import _load_pyfunc
from tests.unit.scoring.recommenders import made

GIVEN = {3: 4.0, 5: 1.0, 7: 2.5}


def golden(known: Recommender) -> GoldenRatings:
    """Return a golden file whose user's factors are what the equations give."""
    scorer = AlsScorer(known)
    solved = tuple(scorer.fold_in(GIVEN).tolist())
    users = (GoldenUser(known.users[1], tuple(known.items[i] for i in GIVEN), tuple(GIVEN.values()), solved),)
    pairs = tuple(GoldenPair(known.users[u], known.items[i], scorer.predict(u, i)) for u in (0, 4) for i in (2, 9))
    return GoldenRatings(known.longest, users, pairs)


@pytest.mark.parametrize("implicit", [False, True])
def test_it_comes_back_whole_and_agrees_with_its_own_numbers(implicit: bool) -> None:
    known = made(implicit=implicit)
    given = golden(known)
    assert GoldenRatings.from_json(given.to_json()) == given
    read = msgspec.json.encode(GOLDEN_RATINGS_FILE.decode(given.to_json()))
    assert json.loads(read) == json.loads(given.to_json())
    assert given.disagreements(AlsScorer(known)) == []


def test_every_deviation_is_named() -> None:
    known = made()
    given = golden(known)
    user, pair = given.users[0], given.pairs[0]
    beyond = tuple(x + 3 * TOLERANCE * given.longest for x in user.factors)
    wrong_users: list[dict[str, Any]] = [
        {"factors": beyond}, {"factors": user.factors[:-1]}, {"items": ("nobody's", *user.items[1:])},
        {"ratings": (1e300, *user.ratings[1:])}, {"ratings": (3.0, *user.ratings[1:])},
    ]  # fmt: skip
    for changed in wrong_users:
        other = dataclasses.replace(given, users=(dataclasses.replace(user, **changed),))
        assert other.disagreements(AlsScorer(known)) == [f"user {user.user}"]
    # How far a user may be off is not the file's to say.
    told = dataclasses.replace(given, longest=1e300, users=(dataclasses.replace(user, factors=(9.0,) * 3),))
    assert told.disagreements(AlsScorer(known)) == [f"user {user.user}"]
    next_to = float(np.nextafter(np.float32(pair.rating), np.float32(9)))
    for wrong in (dataclasses.replace(pair, rating=next_to), dataclasses.replace(pair, item="i")):
        other = dataclasses.replace(given, pairs=(wrong,))
        assert len(other.disagreements(AlsScorer(known))) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{}", b'{"format": 2}', b'{"format": 1, "users": [{}], "longest": 1}',
        b'{"format": 1, "longest": 1, "users": [], "pairs": [{"user": "u", "item": "i", "rating": 1}]}',
        b'{"format": 1, "users": [{"user": "u", "items": [], "ratings": [], "factors": []}],'
        b' "longest": 1, "pairs": []}',
    ],
)  # fmt: skip
def test_what_is_no_golden_file_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        GoldenRatings.from_json(body)


def saved(directory: Path, known: Recommender, type_of_items: str) -> None:
    known.save(directory)
    (directory / "golden.json").write_bytes(golden(known).to_json())
    columns = {"user": {"name": "who", "type": "string"}, "item": {"name": "what", "type": type_of_items}}
    (directory / "statistics.json").write_text(json.dumps({"format": 1, "recommender": {"columns": columns}}))


def test_mlflow_predicts_ratings_of_columns_as_they_are(tmp_path: Path) -> None:
    known = dataclasses.replace(made(), items=Ids.of(sorted(str(n) for n in range(100, 120))))
    saved(tmp_path, known, "int64")
    rows = pd.DataFrame({"who": ["u000000", "nobody", None, "u000003", "u000001"], "what": [105, 105, 105, 9, 119]})
    predicted = _load_pyfunc(str(tmp_path)).predict(rows.set_index(pd.Index([7, 8, 9, 10, 11])))
    scorer = AlsScorer(known)
    assert predicted.index.tolist() == [7, 8, 9, 10, 11]
    expected = [scorer.predict(0, 5), np.nan, np.nan, np.nan, scorer.predict(1, 19)]
    assert np.array_equal(predicted["rating"], expected, equal_nan=True)
    # Where an integer is missing, pandas has floats.
    gaps = pd.DataFrame({"who": ["u000000"] * 4, "what": [105.0, np.nan, 105.5, np.inf]})
    found = _load_pyfunc(str(tmp_path)).predict(gaps)["rating"]
    assert found[0] == expected[0] and found[1:].isna().all()
    # And objects where one is no integer at all.
    odd = [105, 10**400, -(10**5000), 1e300, True, b"105", np.int64(105), np.float32(105), "105"]
    found = _load_pyfunc(str(tmp_path)).predict(
        pd.DataFrame({"who": ["u000000"] * len(odd), "what": pd.Series(odd, dtype=object)})
    )["rating"]
    assert found.notna().tolist() == [True, *[False] * 5, True, True, True]


def test_mlflow_finds_many_names_by_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(tmp_path, made(), "string")
    loaded = _load_pyfunc(str(tmp_path))
    monkeypatch.setattr(Ids, "find", None)
    rows = pd.DataFrame({"who": ["u000000", None, "u000001"], "what": ["i000000", "i000000", "i000019"]})
    assert loaded.predict(rows)["rating"].notna().tolist() == [True, False, True]


def test_mlflow_loads_no_version_that_answers_otherwise_than_spark(tmp_path: Path) -> None:
    known = made()
    saved(tmp_path, known, "string")
    dataclasses.replace(known, item_factors=known.item_factors + np.float32(1)).save(tmp_path)
    with pytest.raises(ValueError, match=r"of the golden answers are others here than from Spark; user u000001"):
        _load_pyfunc(str(tmp_path))
