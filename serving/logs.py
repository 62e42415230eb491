"""How log lines look: text for people, or JSON, one object a line, for machines."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Literal

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
        return without_credentials(orjson.dumps(fields, default=str).decode())


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
