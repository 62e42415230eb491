"""`infra env` prints what a shell can source, whatever the paths are called."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from infra import credentials, settings
from infra.layout import Layout
from infra.services import shell_environment


def test_a_shell_reads_back_every_value(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    data = tmp_path / "with spaces, $HOME and 'quotes'"
    monkeypatch.setenv("SWATHE_DATA", str(data))
    monkeypatch.setenv("SWATHE_CACHE", str(tmp_path / "nothing here"))
    layout = Layout(data)
    credentials.load_or_create(layout)
    found = shell_environment.variables(settings.load(), layout)
    lines = shell_environment.shell_lines(found)
    shell = 'eval "$1"; env -0'
    env = {"AWS_PROFILE": "someone", "PATH": "/usr/bin:/bin"}
    read = subprocess.run(["/bin/sh", "-c", shell, "sh", lines], env=env, capture_output=True, text=True, check=True)
    variables = dict(entry.split("=", 1) for entry in read.stdout.split("\0") if entry)
    assert {name: variables[name] for name in found} == found
    assert "AWS_PROFILE" not in variables


def test_path_has_the_projects_programs_first_and_once() -> None:
    programs = shell_environment.path({"PATH": ""})
    assert shell_environment.path({"PATH": f"/usr/bin:{programs}:/bin"}) == f"{programs}:/usr/bin:/bin"
