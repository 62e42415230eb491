"""A data frame's cells are what rows have, however pandas holds them and its missing values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from scoring.features import Encoding, Input
from scoring.forms import Category, Cyclic, Number
from scoring.pyfunc import encoded

TABLE = tuple((place / 24, 1 - place / 24) for place in range(24))
ENCODING = Encoding(
    (Input("x"), Input("n", "long"), Input("c", "string"), Input("b", "boolean"), Input("t", "datetime")),
    (
        Number("x", "x"), Number("n", "n"), Category("n.category", "n", (1, 2)), Category("c", "c", ("a",), True),
        Category("b", "b", (False, True)), Cyclic("t.hour", "t", "hour", TABLE, flag=True),
    ),
)  # fmt: skip
NAIVE = pd.Series([pd.Timestamp("2016-01-01T05:30:00"), pd.NaT])
ROWS: list[list[Any]] = [[0.5, 2, "a", True, 1_451_626_200_000_000], [None, None, None, None, None]]


@pytest.mark.parametrize("integers", [[2, None], pd.array([2, None], dtype="Int64"), pd.array([2, None], dtype=object)])
@pytest.mark.parametrize(
    "times",
    [
        NAIVE,
        NAIVE.astype("datetime64[s]"),
        NAIVE.dt.tz_localize("UTC"),
        NAIVE.dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo"),
        pd.Series([pd.Timestamp("2016-01-01T00:30:00-05:00"), None], dtype=object),
        pd.Series([pd.Timestamp("2016-01-01T05:30:00"), pd.NaT], dtype=object),
    ],
)
@pytest.mark.parametrize("booleans", [[True, None], pd.array([True, None], dtype="boolean")])
def test_every_way_to_hold_a_cell(integers: object, times: pd.Series, booleans: object) -> None:
    frame = pd.DataFrame({"x": [0.5, None], "n": integers, "c": ["a", None], "b": booleans, "t": times})
    expected = np.array([ENCODING.row(row) for row in ROWS])
    np.testing.assert_array_equal(encoded(frame, ENCODING), expected)
