"""Credentials in URIs: taken out of whatever is shown, logged or stored."""

from __future__ import annotations

import re
from typing import Final

# Whatever a line holds is looked at a bounded number of times: each pattern stops where it may begin anew.
_WORD: Final = re.compile(r"[^\s'\"<>]+")
_PAIR: Final = re.compile(r"(?<=[A-Za-z0-9+.-])://[^/?#@:]*:(?!\d+[/?#])")
_LAST_AT: Final = re.compile(r".*@(?=[A-Za-z0-9\[])")
_USER: Final = re.compile(r"(?<=[A-Za-z0-9+.-])://[^/?#]*@")
_KEY: Final = re.compile(r"[?&][^=&\s#'\"]*=?")
_VALUE: Final = re.compile(r"[^&\s#'\"<>)]*")
_SECRET: Final = re.compile(
    r"password|passwd|pwd|token|secret|signature|credential|apikey|api_key|access_key", re.IGNORECASE
)


def without_credentials(text: str) -> str:
    """Return ``text``, a URI or words with URIs in them, without user names, passwords and tokens of URIs.

    It takes time in proportion to the length, whatever the text is.
    """
    if "://" not in text:
        return text
    return _without_tokens(_WORD.sub(_without_user, text))


def _without_user(found: re.Match[str]) -> str:
    word = found[0]
    if "://" not in word or "@" not in word:
        return word
    pair, last = _PAIR.search(word), _LAST_AT.match(word)
    # Up to the last @ that a host may follow: a password that was not escaped holds anything but spaces and quotes.
    if pair and last and pair.end() < last.end():
        word = word[: pair.start()] + "://" + word[last.end() :]
    return _USER.sub("://", word)


def _without_tokens(text: str) -> str:
    shown, at = [], 0
    while (key := _KEY.search(text, at)) is not None:
        shown.append(text[at : key.end()])
        at = key.end()
        if key[0].endswith("=") and _SECRET.search(key[0]):
            shown.append("***")
            value = _VALUE.match(text, at)
            at = value.end() if value else at
    return "".join([*shown, text[at:]])
