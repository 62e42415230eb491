"""Files that nobody here prepared, from `describe` to the routes, by what it wrote and no word more."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.errors import SourceFileError
from contract.stream_sections import CUMULATIVE_SUFFIX
from pipeline.replay.source import read_rows
from tests.e2e.data_files import FILES, DataFile, bring
from tests.e2e.newcomer import Newcomer, first_of, own_name, prediction_server
from tests.integration.serving.prediction_server import PredictionServer

SHORT_ROWS = {"country_data.tsv": 1}
"""Rows that cannot be read, in files that have such; `describe` says so, and `replay` asks for `--skip-bad`."""


@pytest.fixture(scope="module")
def files() -> Path:
    """The directory that holds the files."""
    return bring()


@pytest.fixture(scope="module")
def names() -> dict[str, str]:
    """A stream's name for each file."""
    return {file.name: own_name("f") for file in FILES}


@pytest.fixture(scope="module")
def server(
    services: dict[str, str], names: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PredictionServer]:
    """A server that answers for all of them, as they come."""
    models = [f"{name}{suffix}" for name in names.values() for suffix in ("", CUMULATIVE_SUFFIX)]
    with prediction_server(services, tmp_path_factory.mktemp("serving"), models) as started:
        yield started


def package_directory(name: str) -> Path:
    """Return where an installed package lies; nothing of it is imported."""
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.origin is not None, name
    return Path(spec.origin).parent


def _stop(error: SourceFileError) -> None:
    raise error


@pytest.fixture(params=FILES, ids=lambda file: file.name)
def file(request: pytest.FixtureRequest) -> DataFile:
    """One of the files."""
    found: DataFile = request.param
    return found


@pytest.fixture
def newcomer(
    services: dict[str, str], files: Path, names: dict[str, str], file: DataFile, tmp_path: Path
) -> Newcomer:  # fmt: skip
    """Somebody who has let `describe` look at the file."""
    return Newcomer.describing(services, tmp_path, str(files / file.name), "--name", names[file.name])


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_file_becomes_routes(file: DataFile, files: Path, newcomer: Newcomer, server: PredictionServer) -> None:
    path, bad = files / file.name, SHORT_ROWS.get(file.name, 0)
    said = newcomer.pipeline("replay", *(["--skip-bad"] if bad else []))
    assert f"sent {file.rows - bad:,} rows of {file.name} to topic" in said
    assert (f"skipped {bad} rows" in said) == (bad > 0)
    newcomer.landed(file.rows - bad)
    trained = newcomer.mlflow_run()
    assert f"{newcomer.model} version 3" in trained
    newcomer.asked(server, first_of(read_rows(path, newcomer.stream, _stop)).values)


def test_a_small_file_lands_as_it_was_described(services: dict[str, str], tmp_path: Path) -> None:
    # It is of a package that is here anyway: 65 columns, no header, whole numbers as `5.000000000000000000e+00`.
    path = package_directory("sklearn") / "datasets" / "data" / "digits.csv.gz"
    newcomer = Newcomer.describing(services, tmp_path, str(path), "--name", own_name("f"))
    assert len(newcomer.stream.columns) == 65
    assert "sent 1,797 rows of digits.csv.gz to topic" in newcomer.pipeline("replay")
    newcomer.landed(1_797)
