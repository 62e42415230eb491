"""How log lines look: text for people, or JSON, one object a line, for machines."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any, Literal

import orjson

from contract.log_lines import Formatter
from contract.uri import without_credentials

LogFormat = Literal["text", "json"]


class JsonFormatter(logging.Formatter):
    """One JSON object per line; the facts of an access line are fields of their own."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        facts = getattr(record, "facts", None)
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            **(facts if isinstance(facts, dict) else {"message": record.getMessage()}),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        # Cleaned before it is JSON, which has no blank or quote of its own to end a URI at.
        return orjson.dumps(_clean(fields), default=_shown).decode()


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return without_credentials(value)
    if isinstance(value, dict):
        return {key: _clean(inner) for key, inner in value.items()}
    return [_clean(inner) for inner in value] if isinstance(value, list | tuple) else value


def _shown(value: object) -> str:
    return without_credentials(str(value))


def configure(style: LogFormat) -> None:
    """Send log lines to stderr."""
    formatter = (
        JsonFormatter()
        if style == "json"
        else Formatter("%(asctime)s.%(msecs)03d %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    )
    out = logging.StreamHandler()
    out.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[out], force=True)
    for loud in ("httpx", "httpcore", "botocore", "uvicorn.access"):
        logging.getLogger(loud).setLevel(logging.WARNING)
