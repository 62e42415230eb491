"""`make screenshots`: takes the pictures in the docs from the running services, with the system's Chromium."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import click
import httpx
from playwright.sync_api import Page, sync_playwright

from console.commands import Command
from console.ending import run
from contract.errors import StopError

PICTURES: Final = Path(__file__).parent / "pictures"
MODEL: Final = "flights"
SETTLE_MS: Final = 8_000
# Without these Chromium looks for its maker's servers at every start.
_FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
# MLflow opens with traces of prompts, and with its assistant beside the page at the first visit.
_MLFLOW_STARTS: Final = """
localStorage.setItem("mlflow.workflowType_v1", '"machine_learning"');
localStorage.setItem("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true");
"""


@click.command(cls=Command, examples=[""])
def main() -> None:
    """Take every picture of the docs; the services must be up and `make demo` have run."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise StopError("no chromium on PATH; on Debian: apt-get install chromium")
    shown = subprocess.run(
        [sys.executable, "-m", "infra", "env", "--json"], check=True, capture_output=True, env=dict(os.environ)
    )
    services: dict[str, str] = json.loads(shown.stdout)
    PICTURES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(_FLAGS))
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.add_init_script(_MLFLOW_STARTS)
        _compare_runs(page, services["MLFLOW_TRACKING_URI"])
        _user_interface(page, services["SWATHE_SERVING_URL"])
        browser.close()


def _compare_runs(page: Page, mlflow: str) -> None:
    api = f"{mlflow}/api/2.0/mlflow"
    experiment = httpx.get(f"{api}/experiments/get-by-name", params={"experiment_name": MODEL}).raise_for_status()
    number = experiment.json()["experiment"]["experiment_id"]
    charts = f"{mlflow}/#/experiments/{number}/runs?viewState=&compareRunsMode=CHART"
    _shoot(page, charts, "mlflow-charts.png", search="ref/")
    _shoot(page, charts, "mlflow-pictures.png", search="clusters/profile", enlarged=2)
    _shoot(page, f"{mlflow}/#/experiments/{number}/models", "mlflow-models.png")
    _shoot(page, f"{mlflow}/#/models/{MODEL}", "mlflow-versions.png")
    _shoot(page, f"{mlflow}/#/models/{MODEL}/versions/3", "mlflow-version.png")


def _user_interface(page: Page, serving: str) -> None:
    if httpx.get(f"{serving}/ui/{MODEL}").is_success:
        _shoot(page, f"{serving}/ui/{MODEL}", "ui.png")


def _shoot(page: Page, address: str, name: str, *, search: str = "", enlarged: int | None = None) -> None:
    """Take a picture of ``address``: of the charts that ``search`` finds, or of one of those, enlarged."""
    page.goto("about:blank")
    # Not "networkidle": MLflow polls for ever.
    page.goto(address, wait_until="load")
    # Both pages draw their charts after the last answer has come.
    page.wait_for_timeout(SETTLE_MS)
    if search:
        page.get_by_placeholder("Search metric charts").fill(search)
        page.wait_for_timeout(SETTLE_MS // 2)
        # Pictures are found by every search, and come first.
        section = re.compile(rf"^\s*{re.escape(search.partition('/')[0])}\s*\(")
        page.get_by_role("button").filter(has_text=section).first.evaluate("button => button.scrollIntoView()")
        page.wait_for_timeout(SETTLE_MS // 2)
    if enlarged is not None:
        page.locator('[data-component-id="fullscreen_button_chartcard"]').nth(enlarged).click()
        page.wait_for_timeout(SETTLE_MS // 2)
    page.screenshot(path=PICTURES / name)
    click.echo(f"{address} → docs/pictures/{name}")


if __name__ == "__main__":
    run(main, prog_name="python -m docs.screenshots")
