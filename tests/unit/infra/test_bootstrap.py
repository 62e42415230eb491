"""The environment is made once per lock, never cut back, and a machine that lacks something is told what."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from infra import bootstrap
from infra.settings import ROOT

BOOTSTRAP = ROOT / "infra" / "bootstrap.sh"


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment directory and two small locks, apart from this clone's own."""
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / "requirements").mkdir()
    for level in ("base", "dev"):
        (tmp_path / "requirements" / f"{level}.txt").write_text(level)
    (tmp_path / "pyproject.toml").write_text("plugins")
    monkeypatch.setattr(bootstrap, "ENVIRONMENT", tmp_path / ".venv")
    monkeypatch.setattr(bootstrap, "STAMP", tmp_path / ".venv" / ".swathe")
    monkeypatch.setattr(bootstrap, "REQUIREMENTS", tmp_path / "requirements")
    return tmp_path


def test_nothing_is_installed_until_the_stamp_says_so(clone: Path) -> None:
    assert not bootstrap._installed("base")
    bootstrap.STAMP.write_text(bootstrap._wanted("base"))
    assert bootstrap._installed("base")
    assert not bootstrap._installed("dev")


def test_dev_serves_base_until_the_lock_changes(clone: Path) -> None:
    bootstrap.STAMP.write_text(bootstrap._wanted("dev"))
    assert bootstrap._installed("base")
    assert bootstrap._installed("dev")
    (clone / "requirements" / "dev.txt").write_text("changed")
    assert not bootstrap._installed("base")


def test_a_new_plugin_is_installed(clone: Path) -> None:
    bootstrap.STAMP.write_text(bootstrap._wanted("dev"))
    (clone / "pyproject.toml").write_text("more plugins")
    assert not bootstrap._installed("base")


def test_a_python_without_pip_and_venv_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = tmp_path / "python3"
    bare.write_text("#!/bin/sh\nexit 1\n")
    bare.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(bare))
    with pytest.raises(bootstrap.BootstrapError, match="python3-venv"), bootstrap._python_with_pip(tmp_path / "pip"):
        pass


def test_it_imports_nothing_but_the_standard_library() -> None:
    names = re.findall(r"^(?:from|import) (\w+)", (ROOT / "infra" / "bootstrap.py").read_text(), re.MULTILINE)
    assert set(names) <= set(sys.stdlib_module_names)


def run(**environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(BOOTSTRAP), "base"], env=environ, capture_output=True, text=True, check=False, timeout=60
    )


def test_without_a_python_that_is_new_enough_it_says_how_to_get_one(tmp_path: Path) -> None:
    (tmp_path / "dirname").symlink_to("/usr/bin/dirname")
    refused = run(PATH=str(tmp_path))
    assert refused.returncode == 1
    assert "no Python 3.11 or newer was found" in refused.stderr


def test_a_chosen_python_that_does_not_run_is_refused_by_name() -> None:
    refused = run(PATH=os.environ["PATH"], PYTHON="/no/such/python")
    assert refused.returncode == 1
    assert "PYTHON=/no/such/python" in refused.stderr
