"""The README's own words, typed as they stand, in a clone of the project."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.e2e.conftest import Demo
from tests.e2e.given import clone, mine
from tests.services import ROOT


def _block(after: str) -> str:
    """Return the shell block that follows ``after`` in the README."""
    _, _, rest = (ROOT / "README.md").read_text(encoding="utf-8").partition(after)
    found = re.search(r"```sh\n(.*?)```", rest, flags=re.DOTALL)
    assert found is not None
    return found[1]


def test_your_own_data(demo: Demo, tmp_path: Path) -> None:
    here = clone(tmp_path / "clone")
    (here / "mine.csv").write_text(mine())
    said = demo.run("bash", "-euo", "pipefail", "-c", _block("## Your own data"), cwd=here)
    assert "sent 1,200 rows of mine.csv to topic mine" in said
    assert "landed 1,200 rows in 3 batches" in said
    assert "mine version 3" in said
    with demo.client() as server:
        row = server.get("/api/mine/v1/clustering-results/u7").raise_for_status().json()["results"][0]
    assert (row["offset"], row["features"]) == (7, {"spent": 100.0, "visits": 12.0})


def test_its_commands_are_the_ones_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    # What they run is what test_demo.py and test_demo_ratings.py run; test_pages.py types the whole page.
    assert "\nmake demo\n" in _block("## Two commands") and "make demo-ratings\n" in (ROOT / "README.md").read_text()
    for target, module in (("demo", "infra.demo"), ("demo-ratings", "infra.demo.ratings")):
        assert re.search(rf"^{target}: ## .*\n.*-m {module} --began \S+$", makefile, flags=re.MULTILINE)


@pytest.mark.long
@pytest.mark.timeout(1_500)
def test_training_in_an_environment_of_its_own(demo: Demo, tmp_path: Path) -> None:
    """`--env-manager uv` builds the environment of conda.yaml, and Spark trains in it."""
    command = f"MLFLOW_ENV_ROOT={tmp_path} mlflow run . --env-manager uv -P model=flights-uv -P batch=1"
    assert "flights-uv version 1" in demo.run("bash", "-euo", "pipefail", "-c", command)
