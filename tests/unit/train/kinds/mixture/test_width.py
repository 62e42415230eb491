"""A batch whose categories make its rows too wide fails with what limits them."""

from __future__ import annotations

import pytest

from contract.errors import DataError
from contract.kinds.mixture import MOST_WIDTH
from pipeline.train.kinds.mixture.kind import refuse_wide


def test_a_row_that_is_too_wide_is_told_with_the_key_that_limits_it() -> None:
    refuse_wide(MOST_WIDTH)
    with pytest.raises(DataError, match=r"21 numbers a row, .* takes 20: .*lower `max_categories`"):
        refuse_wide(MOST_WIDTH + 1)
