"""The query of a route: known parameters, and numbers within their bounds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from contract.errors import Fault, InvalidRequestError

_WHOLE: Final = re.compile(r"0|[1-9][0-9]{0,8}")


def refuse_unknown(query: Mapping[str, str], *known: str) -> None:
    """Check that ``query`` has no other parameters than the ``known`` ones.

    Raises
    ------
    InvalidRequestError: names those it has.
    """
    unknown = [name for name in query if name not in known]
    if unknown:
        faults = [Fault(("query", name[:100]), f"unknown; known: {', '.join(known)}") for name in unknown[:20]]
        raise InvalidRequestError("unknown query parameters", faults)


def whole_number(query: Mapping[str, str], name: str, least: int, most: int) -> int | None:
    """Return the parameter ``name``, from ``least`` to ``most``; None where it is not given.

    Raises
    ------
    InvalidRequestError: it is something else.
    """
    text = query.get(name)
    if text is None:
        return None
    if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
        problem = f"must be a whole number from {least} to {most}"
        raise InvalidRequestError(f"{name} {problem}", [Fault(("query", name), problem)])
    return int(text)
