"""The kinds of model that are installed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Final

from serving.kinds.kind import Kind

DEFAULT: Final = "kmeans"
"""The kind of a version that names none."""

_HALVES: Final[Mapping[str, str]] = {"kmeans": "serving.kinds.kmeans.kind:KIND"}


@cache
def kinds() -> Mapping[str, Kind]:
    """Return serving's half of each kind, by its name; imported here, so that nothing else names one."""
    return {name: _half(where) for name, where in _HALVES.items()}


def _half(where: str) -> Kind:
    module, _, attribute = where.partition(":")
    half: Kind = getattr(import_module(module), attribute)
    return half
