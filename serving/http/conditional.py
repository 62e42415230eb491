"""Conditional requests: entity tags, and whether a client has the answer already."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Final

_TAG: Final = re.compile(r'(?:W/)?("[^"]*")')


def entity_tag(body: bytes, coding: str = "") -> str:
    """Return the strong tag of ``body`` as it is sent: another one for each content coding."""
    digest = hashlib.blake2b(body, digest_size=16).hexdigest()
    return f'"{digest}-{coding}"' if coding else f'"{digest}"'


def has_already(if_none_match: Iterable[str], tag: str) -> bool:
    """Return whether a client that sent these `If-None-Match` has what ``tag`` stands for; `*` is anything there is."""
    told = ",".join(if_none_match)
    return told.strip() == "*" or tag in _TAG.findall(told)
