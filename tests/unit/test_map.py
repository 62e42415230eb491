"""The table of folders in docs/architecture.md and the tree are the same."""

from __future__ import annotations

import re
from pathlib import Path

import serving.http

ROOT = Path(__file__).resolve().parents[2]
HALVES = ("console", "contract", "infra", "pipeline", "scoring", "serving")


def listed() -> set[str]:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[^|]+`) \|", text.partition("## The folders")[2], re.MULTILINE)
    return {name.rstrip("/") for row in rows for name in re.findall(r"`([^`]+/)`", row)}


def packages() -> set[str]:
    found = (path.parent.relative_to(ROOT).as_posix() for half in HALVES for path in (ROOT / half).rglob("__init__.py"))
    # It holds `replay`, `land`, `train` and `doctor`, and has no room of its own.
    return {name for name in found if name != "pipeline"}


def test_every_folder_of_the_table_is_there_and_every_package_is_in_it() -> None:
    assert packages() <= listed(), "docs/architecture.md does not say what these are"
    assert not [name for name in listed() if not (ROOT / name).is_dir()], "docs/architecture.md names what is not there"


def test_the_way_of_a_request_goes_through_every_module_of_its_room() -> None:
    told = serving.http.__doc__ or ""
    modules = {path.stem for path in (ROOT / "serving" / "http").glob("*.py")} - {"__init__"}
    assert not {name for name in modules if not re.search(rf"\b{name}\b", told)}
    assert len(told.splitlines()) <= 40
    others = [name.replace(".", "/") for name in re.findall(r"serving(?:\.[a-z_]+)+", told)]
    assert not [name for name in others if not any((ROOT / f"{name}{end}").exists() for end in (".py", ""))]
