"""What has changed since a stream file was written is told, and whether it is still read by it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from console.exit_codes import CHANGED, UNREAD
from pipeline.describe.against import changes
from pipeline.describe.command import describe
from pipeline.describe.describe_file import description_of
from pipeline.describe.describe_topic import Told, description_of_topic
from pipeline.describe.refusals import refusals_in_file, refusals_in_topic
from pipeline.describe.sample import Sample
from pipeline.describe.tables import table_of
from tests.unit.describe.described import file, text_of, topic

FIRST = "id,x,kind\n" + "".join(f"{n},{n}.5,{'ab'[n % 2]}\n" for n in range(30))


@pytest.mark.parametrize(
    ("text", "code", "said"),
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
def test_what_has_changed_is_told(tmp_path: Path, text: str, code: int, said: list[tuple[str, str]]) -> None:
    path = tmp_path / "a.csv"
    path.write_text(FIRST)
    (tmp_path / "s.yaml").write_text(text_of(file(path)[0]))
    path.write_text(text)
    done = CliRunner().invoke(describe, [str(path), "--against", str(tmp_path / "s.yaml"), "--json"])
    assert done.exit_code == code, done.output
    assert [(change["column"], change["what"]) for change in json.loads(done.stdout)["changes"]] == said
    assert any(change["breaks"] for change in json.loads(done.stdout)["changes"]) == (code == UNREAD)


N = range(40)


@pytest.mark.parametrize(
    ("before", "now", "code", "said"),
    [
        (lambda n: f"2024-01-{n % 28 + 1:02};{n / 8}", lambda n: f"{n % 28 + 1:02}.01.2024;{n / 8}",
         UNREAD, [("d", "refused")]),
        (lambda n: f"a;{n / 8}", lambda n: f"a;{n / 8}".replace(".", ","), UNREAD, [("x", "refused")]),
        (lambda n: f"{n % 5};1", lambda n: f"{n % 5 or 'NA'};1", UNREAD,
         [("d", "missing"), ("null_values", "changed")]),
        (lambda n: f"a;{n}", lambda n: f"a;{n}%", UNREAD, [("x", "refused")]),
        (lambda n: f"{n};é", lambda n: f"{n};é", 0, []), (lambda n: f"{n};é", lambda n: f"{n};e", 0, []),
    ],
)  # fmt: skip
def test_what_is_written_otherwise_is_told(
    tmp_path: Path, before: Callable[[int], str], now: Callable[[int], str], code: int, said: list[tuple[str, str]]
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\n".join(["d;x", *map(before, N), ""]))
    (tmp_path / "s.yaml").write_text(text_of(file(path)[0]))
    path.write_text("\n".join(["d;x", *map(now, N), ""]))
    done = CliRunner().invoke(describe, [str(path), "--against", str(tmp_path / "s.yaml"), "--json"])
    assert done.exit_code == code, done.output
    assert [(change["column"], change["what"]) for change in json.loads(done.stdout)["changes"]] == said


def test_what_is_read_and_means_something_else_is_told(tmp_path: Path) -> None:
    def against(before: str, now: str, encoding: str = "utf-8", now_encoding: str = "utf-8") -> list[str]:
        path = tmp_path / "a.csv"
        path.write_text(before, encoding)
        stream = file(path)[1]
        path.write_text(now, now_encoding)
        found = description_of(table_of(path), path)
        refusals = refusals_in_file(path, stream, str(found.source.get("encoding", "utf-8")))
        return [str(change) for change in changes(stream, found, refusals)]

    times = "".join(f"{1_700_000_000_000 + n},{n / 7}\n" for n in N)
    seconds = "".join(f"{1_700_000_000 + n},{n / 7}\n" for n in N)
    assert against(f"time,x\n{times}", f"time,x\n{seconds}") == [
        "time: changed: it counts ms from 1970 in the stream file, s here (breaks)"
    ]
    text = "x,s\n" + "".join(f"{n},Köln{n}\n" for n in N)
    assert against(text, text, "cp1252") == ["source.encoding: changed: cp1252 in the stream file, utf-8 here (breaks)"]
    assert against(text, text.replace("ö", "o"), "cp1252") == []
    assert against(text, text, "cp1252", "cp1252") == []
    assert "rows: refused: 40 rows" in against(text, text, now_encoding="cp1252")[0]


def test_records_that_landing_would_reject_are_told() -> None:
    rows = [f'{{"x": {n}.5, "kind": "a", "at": {{"n": {n}}}}}'.encode() for n in N]
    stream = topic([*rows, b'{"x": 1.5, "kind": "a", "at": {"n": 1}}'])[1]

    def against(*others: bytes | None) -> list[tuple[str, str, bool]]:
        sample = Sample("orders", 50, values=[*rows, *others], keys=[b"k"] * (len(rows) + len(others)))
        found = description_of_topic(sample, Told())
        refusals = refusals_in_topic(sample, stream, "")
        return [(change.column, change.what, change.breaks) for change in changes(stream, found, refusals)]

    assert against() == []
    assert against(b'{"x": 2, "kind": "b", "at": {"n": 5}, "new": 1}') == [("new", "added", False)]
    assert ("at_n", "removed", True) in against(b'{"x": 1, "kind": "a", "at": 5}')
    assert against(None) == [("rows", "refused", True)]
