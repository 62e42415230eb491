"""What has changed since a stream file was written is told, and whether it is still read by it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from console.exit_codes import CHANGED, UNREAD
from pipeline.describe.command import describe
from tests.unit.describe.described import file, text_of

FIRST = "id,x,kind\n" + "".join(f"{n},{n}.5,{'ab'[n % 2]}\n" for n in range(30))


@pytest.mark.parametrize(
    ("text", "code", "changes"),
    [
        (FIRST, 0, []),
        (re.sub("(?<=[ab])\n", ",1\n", FIRST).replace("kind\n", "kind,new\n"), CHANGED, [("new", "added")]),
        (FIRST.replace(".5", ""), CHANGED, [("x", "narrowed")]),
        (FIRST.replace("\n7,", "\n7.5,"), UNREAD, [("id", "widened")]),
        (FIRST.replace("\n7,", "\n,"), UNREAD, [("id", "missing")]),
        (FIRST.replace("\n7,", "\nseven,"), UNREAD, [("id", "widened")]),
        (FIRST.replace("kind", "other"), UNREAD, [("kind", "removed"), ("other", "added")]),
    ],
)  # fmt: skip
def test_what_has_changed_is_told(tmp_path: Path, text: str, code: int, changes: list[tuple[str, str]]) -> None:
    path = tmp_path / "a.csv"
    path.write_text(FIRST)
    (tmp_path / "s.yaml").write_text(text_of(file(path)[0]))
    path.write_text(text)
    done = CliRunner().invoke(describe, [str(path), "--against", str(tmp_path / "s.yaml"), "--json"])
    assert done.exit_code == code, done.output
    assert [(change["column"], change["what"]) for change in json.loads(done.stdout)["changes"]] == changes
    assert any(change["breaks"] for change in json.loads(done.stdout)["changes"]) == (code == UNREAD)
