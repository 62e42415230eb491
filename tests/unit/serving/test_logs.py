"""A line of JSON stays one, whatever the addresses in it hold."""

from __future__ import annotations

import logging

import orjson

from serving.logs import JsonFormatter


def test_addresses_are_cleaned_before_they_are_json() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 1, 'uri=%s"', ('http://u:p"@h/?token=a"b',), None)
    assert orjson.loads(JsonFormatter().format(record))["message"] == 'uri=http://u:p"@h/?token=***"b"'
    record.facts = {"path": "http://u:p@h\\", "more": ["http://u:p@h", 1], "error": ValueError("http://u:p@h")}
    line = orjson.loads(JsonFormatter().format(record))
    assert (line["path"], line["more"], line["error"]) == ("http://h\\", ["http://h", 1], "http://h")
