"""How long what MLflow keeps may be: found out before it is sent, because it is refused after the work is done.

MLflow checks some of it itself; the width of a column is checked by PostgreSQL and not by SQLite.
`tests/unit/train/test_mlflow_limits.py` compares these numbers with the installed MLflow's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

REGISTRY_CHARS: Final = 5_000
"""Of a description or a tag's value, of a registered model or a version."""
RUN_TAG_CHARS: Final = 8_000
METRICS_PER_CALL: Final = 1_000
RUNS_PER_PAGE: Final = 50
"""A run comes with all its metrics: one of 300 features takes the server some 35 ms."""

T = TypeVar("T")


def shortened(text: str, chars: int, whole: str) -> str:
    """Return ``text`` in at most ``chars`` characters; where some are left out, its end says where the ``whole`` is."""
    if len(text) <= chars:
        return text
    end = f" … (shortened; {whole})"
    return text[: max(chars - len(end), 0)] + end[:chars]


def portions(things: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    """Yield ``things`` in order, ``most`` at a time; at least once, so that an empty call is made too."""
    for start in range(0, max(len(things), 1), most):
        yield things[start : start + most]
