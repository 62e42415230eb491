"""The README's own words, typed as they stand, in a clone of the project."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import Demo
from tests.services import ROOT

STREAM = """
name: mine
topic: mine
columns: {user: {type: string}, spent: {type: float64}, visits: {type: int32}}
id: [user]
cut: {rows: 500}
features: [spent, visits]
model: {k: 3}
"""


def _block(after: str) -> str:
    """Return the shell block that follows ``after`` in the README."""
    _, _, rest = (ROOT / "README.md").read_text(encoding="utf-8").partition(after)
    found = re.search(r"```sh\n(.*?)```", rest, flags=re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone that shares this one's Python environment."""
    path = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", os.fspath(ROOT), os.fspath(path)], check=True)
    (path / ".venv").symlink_to(ROOT / ".venv", target_is_directory=True)
    (path / "streams" / "mine.yaml").write_text(STREAM)
    rows = "".join(f"u{n},{(n % 3) * 100 + n % 7},{(n % 3) * 10 + n % 5}\n" for n in range(1_200))
    (path / "mine.csv").write_text(f"user,spent,visits\n{rows}")
    return path


def test_your_own_stream(demo: Demo, clone: Path) -> None:
    said = demo.run("bash", "-euo", "pipefail", "-c", _block("## Your own stream"), cwd=clone)
    assert "sent 1,200 rows of mine.csv to topic mine" in said
    assert "landed 1,200 rows in 3 batches" in said
    assert "mine version 3" in said
    with demo.client() as server:
        row = server.get("/api/mine/v1/clustering-results/u7").raise_for_status().json()["results"][0]
    assert (row["offset"], row["features"]) == (7, {"spent": 100.0, "visits": 12.0})


def test_the_two_commands_are_the_ones_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = re.findall(r"^make (\S+)", _block("## Two commands"), flags=re.MULTILINE)
    assert commands == ["demo", "down"]
    for command in commands:
        assert re.search(rf"^{command}: ## ", makefile, flags=re.MULTILINE)
    # What they run is what test_demo.py and test_demo_ratings.py run.
    assert "-m infra.demo" in makefile
    assert _block("## Recommendations") == "make demo-ratings\n"
    assert re.search(r"^demo-ratings: ## .*\n.*\n.*-m infra\.demo\.ratings$", makefile, flags=re.MULTILINE)


@pytest.mark.long
@pytest.mark.timeout(1_500)
def test_training_in_an_environment_of_its_own(demo: Demo, tmp_path: Path) -> None:
    """`--env-manager uv` builds the environment of conda.yaml, and Spark trains in it."""
    command = f"MLFLOW_ENV_ROOT={tmp_path} mlflow run . --env-manager uv -P model=flights-uv -P batch=1"
    assert "flights-uv version 1" in demo.run("bash", "-euo", "pipefail", "-c", command)
