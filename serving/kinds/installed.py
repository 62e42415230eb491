"""The kinds of model that are installed, as serving knows them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache
from typing import cast

from contract.errors import ConfigurationError
from contract.kind import half
from contract.kind import kinds as installed
from serving.kinds.kind import Kind

logger = logging.getLogger(__name__)


@cache
def kinds() -> Mapping[str, Kind]:
    """Return serving's half of each kind by its name; imported here, so that nothing else names one.

    A kind whose half cannot be imported is left out: its versions are unavailable, those of the others answer.

    Raises
    ------
    ConfigurationError: a package's kind cannot be loaded at all.
    """
    found: dict[str, Kind] = {}
    for name, kind in installed().items():
        try:
            found[name] = cast("Kind", half(name, kind.serving))
        except ConfigurationError as error:
            logger.warning("kind of model left out kind=%s error=%s", name, error)
    return found
