"""`make live`: the whole line running at once, from a batch's last acknowledged record to its version's route."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services import ROOT, infra, port_block, settings_for

pytestmark = pytest.mark.long


def test_each_batch_gets_its_route_while_the_line_runs(tmp_path: Path) -> None:
    with port_block() as ports:
        settings = settings_for(tmp_path / "data", ports)
        try:
            done = subprocess.run(
                [sys.executable, "-m", "infra.demo.live", "--batches", "5"], cwd=ROOT, env=settings, text=True,
                stdin=subprocess.DEVNULL, capture_output=True, timeout=500, check=False,
            )  # fmt: skip
        finally:
            infra("down", environ=settings)
    assert done.returncode == 0, done.stdout + done.stderr
    # How long that takes is measured by `python -m bench line`.
    routes = re.findall(r"acknowledged, \S+ s later \S+/(v\d+)/ answers", done.stdout)
    assert routes == [f"v{number}" for number in range(1, 6)], done.stdout
