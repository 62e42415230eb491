"""Files that nobody here prepared, from `describe` to the routes, by what it wrote and no word more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.errors import SourceFileError
from pipeline.replay.source import read_rows
from tests.e2e.data_files import FILES, DataFile, bring
from tests.e2e.newcomer import Newcomer, first_of, own_name, prediction_server
from tests.integration.serving.prediction_server import PredictionServer

# Some are trained as a person types it, and all of them by the command that this runs.
BY_MLFLOW = {"movies.json", "ml-100k.inter"}
SHORT_ROWS = {"country_data.tsv": 1}
"""Rows that cannot be read, in files that have such; `describe` says so, and `replay` asks for `--skip-bad`."""

Described = dict[str, Newcomer]


@pytest.fixture(scope="module")
def files() -> Path:
    """The directory that holds the files."""
    return bring()


@pytest.fixture(scope="module")
def described(services: dict[str, str], files: Path, tmp_path_factory: pytest.TempPathFactory) -> Described:
    """A stream file of each, as `describe` wrote it."""
    found = {}
    for file in FILES:
        directory = tmp_path_factory.mktemp("mine")
        found[file.name] = Newcomer.describing(services, directory, str(files / file.name), "--name", own_name("f"))
    return found


@pytest.fixture(scope="module")
def server(
    services: dict[str, str], described: Described, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PredictionServer]:
    """A server that answers for all of them, as they come."""
    models = [newcomer.model for newcomer in described.values()]
    with prediction_server(services, tmp_path_factory.mktemp("serving"), models) as started:
        yield started


def _stop(error: SourceFileError) -> None:
    raise error


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_becomes_routes(file: DataFile, files: Path, described: Described, server: PredictionServer) -> None:
    newcomer, bad = described[file.name], SHORT_ROWS.get(file.name, 0)
    said = newcomer.pipeline("replay", "--file", str(files / file.name), *(["--skip-bad"] if bad else []))
    assert f"sent {file.rows - bad:,} rows of {file.name} to topic" in said
    assert (f"skipped {bad} rows" in said) == (bad > 0)
    newcomer.landed(file.rows - bad)
    trained = newcomer.mlflow_run() if file.name in BY_MLFLOW else newcomer.pipeline("train")
    assert f"{newcomer.model} version 3" in trained
    first = first_of(read_rows(files / file.name, newcomer.stream, _stop))
    newcomer.asked(server, first.values)
