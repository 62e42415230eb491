"""The generated reference says something of everything."""

from __future__ import annotations

import json
import re

from contract.column_types import PLAIN_TYPES
from docs.generate import http_routes, settings_table, stream_file
from docs.generate.types import in_words
from tests.services import ROOT


def _cells(text: str) -> list[list[str]]:
    rows = re.findall(r"^\| (`.*) \|$", text, flags=re.MULTILINE)
    return [[cell.strip() for cell in re.split(r"(?<!\\) \| ", row)] for row in rows]


def test_every_key_of_the_stream_file_has_a_meaning_and_a_type() -> None:
    rows = _cells(stream_file.text())
    assert len(rows) > 80
    assert not [row for row in rows if not row[1] or not row[2] or row[2].startswith("any")]
    found = {row[0]: row for row in rows}
    assert found["`cut.window`"][2:] == ["duration", ""]
    assert found["`model.tol`"][1] and found["`columns.*.type`"][3] == "required"
    assert {f"`{name}`" for name in (*PLAIN_TYPES, "decimal(p,s)")} == set(found["`columns.*.type`"][2].split(", "))


def test_every_setting_has_a_meaning_a_type_and_no_secret() -> None:
    rows = _cells(settings_table.text())
    assert not [row for row in rows if not all(row[:2])]
    assert len({row[1] for row in rows}) == len({row[0] for row in rows})
    assert ["`SWATHE_PORT_KAFKA`", "port of the Kafka broker", "integer, ≥ 1024, ≤ 65535", "`19092`"] in rows
    assert {row[3] for row in rows if row[2:3] == ["password"]} == {""}


def test_routes_say_what_they_take_and_answer() -> None:
    text = http_routes.text()
    assert "### `POST /api/{model}/{version}/predict`" in text
    # Each name that is linked is told below.
    assert set(re.findall(r"\(#([a-z]+)\)", text)) <= {name.lower() for name in re.findall(r"^### (\w+)$", text, re.M)}


def test_a_schema_in_words() -> None:
    assert in_words({"anyOf": [{"type": "integer", "minimum": 2}, {"type": "null"}]}, {}) == "integer, ≥ 2"
    assert in_words({"enum": ["a", "b"]}, {}) == "`a`, `b`"
    assert in_words({"$ref": "#/$defs/A"}, {"A": {"properties": {"from": {}, "to": {}}}}) == "mapping of `from`, `to`"


def test_the_notebook_carries_no_output() -> None:
    cells = json.loads((ROOT / "docs/notebook.ipynb").read_text(encoding="utf-8"))["cells"]
    assert len(cells) > 8
    assert not [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")]
