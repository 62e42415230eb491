"""Versions made once for the tests that only read them, and servers that are always ended."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.debian import program
from tests.integration.serving.prediction_server import PredictionServer
from tests.integration.serving.registered import Made, Maker

NewServer = Callable[..., PredictionServer]
# Without these Chromium looks for its maker's servers at every start.
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--no-first-run"),
)


@pytest.fixture(scope="session")
def maker(services: dict[str, str]) -> Maker:
    """Makes versions."""
    return Maker(services)


@pytest.fixture
def model(maker: Maker) -> str:
    """A registered model of this test's own."""
    return maker.model(f"serving-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def new_server(services: dict[str, str], tmp_path: Path) -> Iterator[NewServer]:
    """Make servers, which are ended with the test."""
    made: list[PredictionServer] = []

    def make(**settings: str) -> PredictionServer:
        made.append(PredictionServer(services, tmp_path, **settings))
        return made[-1]

    yield make
    for server in made:
        server.close()


@dataclass(frozen=True)
class Served:
    """A server with a model of two ready versions, a failed and a spoilt one; champion is the first."""

    server: PredictionServer
    model: str
    one: Made
    two: Made
    failed: int
    spoilt: int


@pytest.fixture(scope="module")
def served(services: dict[str, str], maker: Maker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """What tests that change nothing ask."""
    directory = tmp_path_factory.mktemp("served")
    model = maker.model(f"serving-{uuid.uuid4().hex[:8]}")
    one = maker.version(model, directory, seed=1, n=1500)
    two = maker.version(model, directory, seed=2)
    failed = maker.failed(model, "3 usable rows are fewer than 5 clusters")
    spoilt = maker.version(model, directory, seed=4, spoil="golden").number
    maker.alias(model, "champion", one.number)
    server = PredictionServer(services, directory, SWATHE_SERVING_MODELS=model).start()
    try:
        yield Served(server, model, one, two, failed, spoilt)
        assert server.stop() == 0
    finally:
        server.close()


def _chromium() -> Path | None:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    return Path(found) if found else None


@pytest.fixture
def chromium_page() -> Iterator[Page]:
    """A page of a real browser; whatever it complains of fails the test."""
    chromium = program(_chromium, "chromium")
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        # An answer that is refused is told by the browser as well; the page shows it.
        page.on("console", lambda message: complaints.append(message.text) if "409" not in message.text else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(request.url))
        yield page
        browser.close()
    assert complaints == []
