"""What all tests share: the folder gives the marker, and real services are started when the first test asks."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.pages import not_run
from tests.services import RUN_VARIABLE, SharedServices, environment_from, run_directory

_TESTS = Path(__file__).parent
_PAGES = "tests/unit/docs/test_pages.py"

# A machine that does something else besides is no fault.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")


def pytest_configure(config: pytest.Config) -> None:
    """Choose the directory of this run, once, in the process that began it."""
    # A run in a shell's background ignores it, and so would every server that is to be interrupted here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Java's optimizing compiler does not earn its cost in a JVM that lives for seconds.
    os.environ.setdefault("SPARK_SUBMIT_OPTS", "-XX:TieredStopAtLevel=1")
    if hasattr(config, "workerinput"):
        return
    os.environ[RUN_VARIABLE] = str(run_directory())
    # A terminated run must end its services as an interrupted one does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the services, however the run ended."""
    if not hasattr(config, "workerinput") and RUN_VARIABLE in os.environ:
        SharedServices(Path(os.environ.pop(RUN_VARIABLE))).stop()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the commands on the pages that no test runs, where the test that looks for them was among these."""
    reports = [report for each in terminalreporter.stats.values() for report in each]
    if any(getattr(report, "nodeid", "").startswith(_PAGES) for report in reports):
        terminalreporter.write_sep("-", "commands on the pages that are not run here")
        for block in not_run():
            terminalreporter.write_line(f"{block.page}:{block.line} ({block.not_run})")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with the name of its folder below `tests/`."""
    for item in items:
        item.add_marker(item.path.relative_to(_TESTS).parts[0])


@pytest.fixture(scope="session")
def services() -> dict[str, str]:
    """Environment of running Kafka, MinIO and MLflow; SWATHE_TEST_SERVICES names a file with that of others."""
    given = os.environ.get("SWATHE_TEST_SERVICES")
    if given:
        return environment_from(Path(given))
    return SharedServices(Path(os.environ[RUN_VARIABLE])).environment()


@pytest.fixture
def services_environment(services: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The same, set in this process for one test."""
    for name, value in services.items():
        monkeypatch.setenv(name, value)
    yield services
