"""MovieLens' ratings, by tabs and under other names, from the package that has them to landed rows."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contract import remedies
from pipeline.replay.place import default_path
from pipeline.stream_file import load_stream
from tests.line import ROOT, Line

MOVIELENS = ROOT / "streams" / "movielens.yaml"
ROWS = 3_000


@dataclass
class Ratings(Line):
    """The ratings under the test's own name, cut after 1,000 rows."""

    changed: tuple[str, str] = ("", "")
    """What stands otherwise in the stream file: a pattern and what replaces it."""

    @property
    def file(self) -> Path:
        """The stream file."""
        path = self.directory / f"{self.name}.yaml"
        text = MOVIELENS.read_text().replace(": movielens\n", f": {self.name}\n")
        path.write_text(re.sub(*self.changed, text.replace("rows: 33334", "rows: 1000")))
        return path


def typed(said: str) -> None:
    """Run the command that a message names."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(shlex.split(said.strip("`")), cwd=ROOT, env={**os.environ, "PATH": path}, check=True)


def rows_of(lines: list[str]) -> list[dict[str, Any]]:
    """Return rows of the file, read by nothing of the project."""
    cells = [line.split("\t") for line in lines]
    return [
        {
            "user": int(user), "item": int(item), "rating": float(rating),
            "rated_at": datetime.fromtimestamp(int(at), UTC),
        }
        for user, item, rating, at in cells
    ]  # fmt: skip


def test_the_ratings_land_as_the_file_has_them(services: dict[str, str], tmp_path: Path) -> None:
    typed(remedies.install_source("recbole"))
    line, path = Ratings(services, tmp_path), default_path(load_stream(MOVIELENS), MOVIELENS)
    _, *lines = path.read_text().splitlines()
    assert len(lines) == 100_000 and len({tuple(row.split("\t")[:2]) for row in lines}) == 100_000

    code, said = line.run("replay", "--stamp", "--limit", "1500")
    assert (code, said) == (0, f"sent 1,500 rows of ml-100k.inter to topic {line.name}\n")
    code, said = line.run("replay", "--stamp", "--limit", str(ROWS))
    assert (code, said) == (0, f"sent 1,500 rows of ml-100k.inter to topic {line.name}; 1,500 were there already\n")

    # The same ratings, written otherwise, are the same rows.
    plain = tmp_path / "plain.csv"
    plain.write_text("\n".join(["user,item,rating,rated_at", *(row.replace("\t", ",") for row in lines[:ROWS])]))
    line.changed = (r', from: "[^"]+"|\n  delimiter: .*', "")
    code, said = line.run("replay", "--file", str(plain))
    assert (code, said) == (0, f"sent 0 rows of plain.csv to topic {line.name}; 3,000 were there already\n")

    line.changed = ("rating:float", "stars:float")
    code, said = line.run("replay")
    assert code == 1
    assert said == (
        f"error: {line.file}:14: columns.rating.from: 'stars:float' is no column of {path}; it has user_id:token, "
        "item_id:token, rating:float, timestamp:float\n"
    )

    line.changed = ("", "")
    line.land()
    assert [manifest.rows for manifest in line.manifests()] == [1_000] * 3
    landed = [{name: row[name] for name in ("user", "item", "rating", "rated_at")} for row in line.rows()]
    assert landed == rows_of(lines[:ROWS])
    # `--stamp` read the seconds as landing did.
    assert [row["_timestamp"] for row in line.rows()] == [row["rated_at"] for row in landed]
    line.assert_proved()
