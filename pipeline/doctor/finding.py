"""One thing that is left over, and what is to be done about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["run", "version", "series", "ledger", "results", "rejects", "environment", "directory"]


@dataclass(frozen=True)
class Finding:
    """``remedy`` says what ``fix`` does, or, where that is None, what a person does."""

    kind: Kind
    name: str
    why: str
    remedy: str
    fix: Callable[[], None] | None = None
