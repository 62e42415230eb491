"""What is shortened before MLflow refuses it, and that our numbers are the installed MLflow's."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from mlflow.store.model_registry.dbmodels.models import SqlModelVersion, SqlRegisteredModel, SqlRegisteredModelTag
from mlflow.store.tracking.dbmodels.models import SqlTag
from mlflow.utils import validation

from pipeline.train.mlflow_client import limits as mlflow_limits
from pipeline.train.mlflow_client.limits import portions, shortened


def test_the_limits_are_the_narrowest_of_what_mlflow_and_its_tables_take() -> None:
    columns: tuple[Any, ...] = (
        SqlModelVersion.description,
        SqlRegisteredModel.description,
        SqlRegisteredModelTag.value,
    )
    widths: list[int] = [column.type.length for column in columns]
    assert min(*widths, validation.MAX_MODEL_REGISTRY_TAG_VALUE_LENGTH) == mlflow_limits.REGISTRY_CHARS
    assert min(validation.MAX_TAG_VAL_LENGTH, SqlTag.value.type.length) == mlflow_limits.RUN_TAG_CHARS
    assert mlflow_limits.METRICS_PER_CALL == validation.MAX_METRICS_PER_BATCH


@given(st.text(max_size=300), st.integers(60, 200))
def test_what_is_shortened_fits_and_says_where_the_whole_is(text: str, chars: int) -> None:
    found = shortened(text, chars, "whole in x.json")
    assert len(found) <= chars
    if len(text) <= chars:
        assert found == text
    else:
        assert found.endswith("whole in x.json)") and text.startswith(found[:10])


def test_portions_are_all_in_order_and_none_is_too_large() -> None:
    assert [list(some) for some in portions(range(5), 2)] == [[0, 1], [2, 3], [4]]
    nothing: list[int] = []
    assert [list(some) for some in portions(nothing, 2)] == [[]]
