"""The kinds of model that are installed, as serving knows them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import cast

from contract.kind import half
from contract.kind import kinds as installed
from serving.kinds.kind import Kind


@cache
def kinds() -> Mapping[str, Kind]:
    """Return serving's half of each kind by its name; imported here, so that nothing else names one.

    Raises
    ------
    ConfigurationError: a half cannot be imported.
    """
    return {name: cast("Kind", half(name, kind.serving)) for name, kind in installed().items()}
