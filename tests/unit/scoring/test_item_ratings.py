"""What is told of items: given back to the last bit, most rated first, and anything else refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scoring.item_ratings import ITEM_COUNTS, ITEM_MEANS, ItemRatings

GIVEN = ItemRatings(np.array([3, 9, 3, 1, 9], dtype=np.int64), np.array([1.0, 4.5, -2.0, 1 / 3, 0.0]))


def test_files_give_back_every_bit_and_are_mapped(tmp_path: Path) -> None:
    GIVEN.save(tmp_path)
    found = ItemRatings.load(tmp_path, 5)
    assert np.array_equal(found.counts, GIVEN.counts) and np.array_equal(found.means, GIVEN.means)
    assert isinstance(found.counts.base, np.memmap) and isinstance(found.means.base, np.memmap)
    for name, values in ((ITEM_COUNTS, GIVEN.counts), (ITEM_MEANS, GIVEN.means)):
        np.save(tmp_path / "other.npy", values)
        assert (tmp_path / "other.npy").read_bytes() == (tmp_path / name).read_bytes()
    assert found.order.tolist() == [1, 4, 0, 2, 3]
    assert found.most_rated(2) == [(1, 9.0), (4, 9.0)]
    assert found.most_rated(9, [4, 0]) == [(1, 9.0), (2, 3.0), (3, 1.0)]
    assert found.most_rated(0) == []


def test_other_files_are_refused(tmp_path: Path) -> None:
    for counts, means, why in (
        (np.array([0]), np.array([1.0]), "item_counts.npy: an item of no rating"),
        (np.array([2**60]), np.array([1.0]), "item_counts.npy: an item of no rating, or of more than can be"),
        (np.array([1]), np.array([np.nan]), "item_means.npy: a mean is NaN or infinite"),
    ):
        ItemRatings(counts, means).save(tmp_path)
        with pytest.raises(ValueError, match=why):
            ItemRatings.load(tmp_path, 1)
    GIVEN.save(tmp_path)
    with pytest.raises(ValueError, match=r"item_counts.npy: not a .npy file of int64 \(4,\)"):
        ItemRatings.load(tmp_path, 4)
    (tmp_path / ITEM_MEANS).write_bytes((tmp_path / ITEM_MEANS).read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"item_means.npy: not the bytes of 5 numbers"):
        ItemRatings.load(tmp_path, 5)
