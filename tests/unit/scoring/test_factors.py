"""A recommender's files: given back to the last bit, mapped and not unpickled, and anything else refused."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring import mapped
from scoring.factors import ITEM_FACTORS, ITEMS, META, USER_FACTORS, USERS, Recommender
from scoring.ids import Ids
from tests.unit.scoring.recommenders import made


@pytest.mark.parametrize("implicit", [False, True])
def test_files_give_back_every_bit(tmp_path: Path, implicit: bool) -> None:
    given = made(implicit=implicit)
    given.save(tmp_path)
    found = Recommender.load(tmp_path)
    for name in ("users", "items"):
        assert list(getattr(found, name)) == list(getattr(given, name))
    for name, file in (("user_factors", USER_FACTORS), ("item_factors", ITEM_FACTORS)):
        factors = getattr(found, name)
        assert factors.tobytes() == getattr(given, name).tobytes()
        assert not factors.flags.writeable and isinstance(factors.base, np.memmap)
        # As numpy reads and writes them.
        assert np.array_equal(np.load(tmp_path / file, allow_pickle=False), factors)
        np.save(tmp_path / "other.npy", np.asarray(factors))
        assert (tmp_path / "other.npy").read_bytes() == (tmp_path / file).read_bytes()
    assert vars(found)["longest"] == given.longest == pytest.approx(np.linalg.norm(given.user_factors, axis=1).max())
    assert (found.reg, found.alpha, found.implicit, found.rank) == (given.reg, given.alpha, implicit, 3)


def test_many_users_are_looked_at_by_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # No whole number of rows is as long as a block, and one row is longer than another.
    for block in (4, 40, 50):
        monkeypatch.setattr(mapped, "_BLOCK", block)
        given = made(users=11)
        given.save(tmp_path)
        assert Recommender.load(tmp_path).longest == given.longest


FACTORS = np.zeros((20, 3), np.float32)
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"item_factors": FACTORS.astype(np.float64)}, "item_factors float64"),
    ({"item_factors": np.asfortranarray(FACTORS)}, "item_factors float32 .* in C order"),
    ({"item_factors": FACTORS[1:]}, r"item_factors float32 \(19, 3\)"),
    ({"item_factors": FACTORS[:, :0]}, "a rank of 0"),
    ({"user_factors": np.zeros((7, 2), np.float32)}, r"user_factors float32 \(7, 2\)"),
    ({"users": Ids.of("ab")}, r"not float32 \(2, 3\)"),
    ({"reg": 0.0}, "reg is 0.0, not above zero"),
    ({"reg": math.nan}, "reg is nan"),
    ({"reg": math.inf}, "reg is inf"),
    ({"alpha": -1.0}, "alpha is -1.0"),
    ({"nonnegative": True}, "nonnegative"),
]


@pytest.mark.parametrize(("changed", "why"), WRONG)
def test_numbers_that_do_not_fit_are_refused(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        dataclasses.replace(made(), **changed)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e16])
def test_factors_that_no_model_has_are_neither_written_nor_read(tmp_path: Path, value: float) -> None:
    odd = made()
    odd.item_factors[3, 1] = value
    with pytest.raises(ValueError, match=r"item_factors\.npy: a factor is NaN, infinite or above"):
        odd.save(tmp_path)
    made().save(tmp_path)
    path = tmp_path / USER_FACTORS
    path.write_bytes(path.read_bytes()[:-4] + np.float32(value).tobytes())
    with pytest.raises(ValueError, match=r"user_factors\.npy: a factor is NaN, infinite or above"):
        Recommender.load(tmp_path)


META_FAULTS: list[tuple[Any, str]] = [
    ({"format": 2}, "its format is not 1"),
    ({"more": 1}, "it has the fields"),
    ({"rank": 3.0}, "rank of another type"),
    ({"rank": 0}, "a rank of 0"),
    ({"rank": 4}, "not a .npy file of float32"),
    ({"rank": 10**9}, "a rank of 1000000000"),
    ({"users": 6}, "users.txt: 7 ids, not 6"),
    ({"users": -1}, "users.txt: 7 ids"),
    ({"items": True}, "items of another type"),
    ({"reg": "0.1"}, "reg of another type"),
    ({"reg": 10**400}, "recommender.json"),
    ({"alpha": math.nan}, "alpha is nan"),
    ({"implicit": 1}, "implicit of another type"),
    ({"nonnegative": True}, "nonnegative"),
]


@pytest.mark.parametrize(("changed", "why"), META_FAULTS)
def test_another_description_is_refused(tmp_path: Path, changed: dict[str, Any], why: str) -> None:
    made().save(tmp_path)
    fields = json.loads((tmp_path / META).read_bytes())
    (tmp_path / META).write_text(json.dumps(fields | changed))
    with pytest.raises(ValueError, match=why):
        Recommender.load(tmp_path)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"[" * 5000, b"1", b'{"format": 1}', b"\xff", b" " * 20_000])
def test_what_is_no_description_is_refused(tmp_path: Path, body: bytes) -> None:
    made().save(tmp_path)
    (tmp_path / META).write_bytes(body)
    with pytest.raises(ValueError, match=r"recommender\.json"):
        Recommender.load(tmp_path)


@given(st.sampled_from([META, USERS, ITEMS, USER_FACTORS, ITEM_FACTORS]), st.integers(0, 400), st.binary(max_size=9))
def test_any_bytes_in_a_file_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, at: int, body: bytes
) -> None:
    directory = tmp_path_factory.mktemp("files")
    made().save(directory)
    whole = (directory / name).read_bytes()
    (directory / name).write_bytes(whole[:at] + body)
    try:
        found = Recommender.load(directory)
    except ValueError as error:
        assert name in str(error) or name == META
    else:
        assert np.isfinite(found.user_factors).all() and len(found.users) == 7


def test_a_pickle_is_never_read(tmp_path: Path) -> None:
    made().save(tmp_path)
    np.save(tmp_path / ITEM_FACTORS, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"item_factors.npy: not a .npy file of float32 \(20, 3\)"):
        Recommender.load(tmp_path)
