"""What docs/kinds.md shows of a kind is what the package says that a test takes through the line."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "tests" / "e2e" / "a_kind"


def test_every_block_stands_in_the_package() -> None:
    section = (ROOT / "docs" / "kinds.md").read_text(encoding="utf-8").partition("## A kind of your own")[2]
    blocks = re.findall(r"^ *```\w+\n(.*?)^ *```", section, flags=re.DOTALL | re.MULTILINE)
    files = [*PACKAGE.glob("*.toml"), *PACKAGE.rglob("*.py")]
    texts = [_unindented(file.read_text(encoding="utf-8")) for file in files]
    shown = [_unindented(block).strip() for block in blocks]
    assert len(shown) >= 4
    assert not [block for block in shown if not any(block in text for text in texts)]


def _unindented(text: str) -> str:
    """Return ``text`` as lines alone: the page indents a block as its list does, the file as its class does."""
    return "\n".join(line.strip() for line in text.splitlines())


def test_files_that_the_section_names_are_there() -> None:
    section = (ROOT / "docs" / "kinds.md").read_text(encoding="utf-8").partition("## A kind of your own")[2]
    named = re.findall(r"`((?:tests|pipeline|serving|contract)/[\w/.]+)`", section)
    assert len(named) > 4 and not [name for name in named if not (ROOT / name).exists()]
