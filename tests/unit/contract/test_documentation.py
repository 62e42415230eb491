"""What is documented and what is read are the same things."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import BaseModel

from contract import environment
from contract.stream import Column, Cut, Gate, Identity, Model, Rejects, Source, Stream


def _documented(page: str) -> set[str]:
    return set(re.findall(r"^\| `([^`]+)` \|", Path(page).read_text(encoding="utf-8"), flags=re.MULTILINE))


def test_every_setting_is_on_its_page() -> None:
    prefixes = {f"{prefix}…" for prefix in environment.OPEN_PREFIXES}
    assert _documented("docs/settings.md") == environment.KNOWN.keys() | prefixes


def test_every_field_of_the_stream_file_is_on_its_page() -> None:
    sections: dict[str, type[BaseModel]] = {
        "": Stream,
        "cut.": Cut,
        "source.": Source,
        "rejects.": Rejects,
        "model.": Model,
        "gate.": Gate,
        "identity.": Identity,
    }
    fields = {prefix + name for prefix, section in sections.items() for name in section.model_fields}
    # A column's type is explained beside `columns`, and a section with fields of its own needs no row.
    fields |= {f"columns.*.{name}" for name in Column.model_fields} - {"columns.*.type"}
    assert fields - {"rejects", "model", "gate", "identity"} == _documented("docs/streams.md")
