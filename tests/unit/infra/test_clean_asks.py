"""`infra clean` removes nothing that nobody agreed to."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from infra.cli import cli


@pytest.mark.parametrize(("typed", "removed"), [("y\n", True), ("n\n", False), ("", False)])
def test_it_asks(tmp_path: Path, typed: str, removed: bool) -> None:
    kept = tmp_path / "data" / "kafka" / "log"
    kept.parent.mkdir(parents=True)
    kept.write_text("records")
    done = CliRunner().invoke(cli, ["clean"], input=typed, env={"SWATHE_DATA": str(tmp_path / "data")})
    assert kept.exists() != removed and done.exit_code == (0 if removed else 1)
    assert ("Nothing was removed." in done.output) != removed
