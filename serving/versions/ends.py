"""What is read of an answer that is too large: how it begins and how it ends."""

from __future__ import annotations

import re
from typing import Final

import msgspec

_HEAD: Final = 16 * 1024
_TAIL: Final = 64 * 1024
# MLflow writes fields in the order of their declaration. Quotes in strings are escaped, so no tag looks like this.
_STRING: Final = rb'"(?:[^"\\]|\\.)*"'
_MODEL: Final = re.compile(rb'\s*\{\s*"registered_models"\s*:\s*\[\s*\{\s*"name"\s*:\s*(' + _STRING + rb")")
_VERSION: Final = re.compile(
    rb'\s*\{\s*"model_versions"\s*:\s*\[\s*\{\s*"name"\s*:\s*'
    + _STRING
    + rb'\s*,\s*"version"\s*:\s*"?([1-9]\d{0,8})"?\s*[,}]'
)
_TOKEN: Final = re.compile(rb'"next_page_token"\s*:\s*"([^"\\]{1,4096})"\s*\}\s*\Z')
_ALIASES: Final = re.compile(rb'"aliases"\s*:\s*(\[[^\[\]]*\])\s*\}\s*\}\s*\Z')


class Ends:
    """The first and the last bytes of one answer."""

    def __init__(self) -> None:
        self._head, self._tail = b"", b""

    def take(self, chunk: bytes) -> None:
        """Add what comes next."""
        self._head += chunk[: max(0, _HEAD - len(self._head))]
        self._tail = (self._tail + chunk)[-_TAIL:]

    @property
    def next_page_token(self) -> str:
        """Where the page behind this one begins; empty at the last one."""
        found = _TOKEN.search(self._tail)
        return found[1].decode(errors="replace") if found else ""

    def model_name(self) -> str | None:
        """Return the name of the first registered model, or None where it is not told."""
        found = _MODEL.match(self._head)
        try:
            return msgspec.json.decode(found[1], type=str) if found else None
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None

    def version_number(self) -> int | None:
        """Return the number of the first version, or None where it is not told."""
        found = _VERSION.match(self._head)
        return int(found[1]) if found else None

    def model_answer(self, restoring: str) -> bytes:
        """Return the answer about one model without what is large: its aliases, and the tag ``restoring``."""
        aliases = _ALIASES.search(self._tail)
        tags = b'[{"key":"%s"}]' % restoring.encode() if f'"{restoring}"'.encode() in self._tail else b"[]"
        return b'{"registered_model":{"aliases":%s,"tags":%s}}' % (aliases[1] if aliases else b"[]", tags)
