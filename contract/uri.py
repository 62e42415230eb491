"""Credentials in URIs: taken out of whatever is shown, logged or stored."""

from __future__ import annotations

import re
from typing import Final

# Up to the last @ that a host may follow: a password that was not escaped holds anything but spaces and quotes.
_PAIR: Final = re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]*://)[^\s/?#'\"<>@:]*:(?!\d+[/?#])[^\s'\"<>]*@(?=[A-Za-z0-9\[])")
_USER: Final = re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]*://)[^\s/?#'\"<>]*@")
_QUERY: Final = re.compile(
    r"([?&](?:[^=&\s#'\"]*(?:password|passwd|pwd|token|secret|signature|credential|apikey|api_key|access_key)"
    r"[^=&\s#'\"]*)=)[^&\s#'\"<>)]*",
    re.IGNORECASE,
)


def without_credentials(text: str) -> str:
    """Return ``text``, a URI or words with URIs in them, without user names, passwords and tokens of URIs."""
    if "://" not in text:
        return text
    return _QUERY.sub(r"\1***", _USER.sub(r"\1", _PAIR.sub(r"\1", text)))
