"""Credentials are made once, and read by their owner only."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from contract.errors import ConfigurationError
from infra import credentials
from infra.layout import Layout
from serving.settings import LEAST_KEY


def test_they_are_made_once_however_many_ask_at_a_time(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: credentials.load_or_create(layout), range(32)))
    assert len(made) == 1
    assert credentials.load(layout) in made
    assert [path.name for path in layout.data.glob(".*")] == []


def test_only_the_owner_can_read_them(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    credentials.load_or_create(layout)
    assert stat.S_IMODE(layout.credentials.stat().st_mode) == 0o600
    assert stat.S_IMODE(layout.data.stat().st_mode) == 0o700


def test_a_broken_file_is_named_with_the_way_out(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.credentials.write_text("MINIO_ROOT_USER=someone\n")
    with pytest.raises(ConfigurationError, match="infra down"):
        credentials.load(layout)


def test_they_cannot_be_guessed_and_an_older_file_gets_what_it_lacks(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    made = credentials.load_or_create(layout)
    passwords = [made.minio_password, made.supervisor_password, made.mlflow_password, made.mlflow_secret]
    assert len(set(passwords)) == 4 and min(map(len, passwords)) >= LEAST_KEY
    older = [line for line in layout.credentials.read_text().splitlines() if not line.startswith("MLFLOW_")]
    layout.credentials.write_text("\n".join([*older, ""]))
    assert credentials.load(layout).minio_password == made.minio_password
    again = credentials.load_or_create(layout)
    assert again.minio_password == made.minio_password and len(again.mlflow_password) >= LEAST_KEY
    assert credentials.load_or_create(layout) == again
    assert stat.S_IMODE(layout.credentials.stat().st_mode) == 0o600
