"""`make screenshots`: takes the pictures in the docs from the running services, with the system's Chromium."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import click
import httpx
from playwright.sync_api import Page, sync_playwright

PICTURES: Final = Path(__file__).parent / "pictures"
NOTEBOOK: Final = Path(__file__).with_name("notebook.ipynb")
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


def main() -> None:
    """Take every picture; the services must be up and `make demo` have run."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("no chromium on PATH; on Debian: apt-get install chromium")
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
    _notebook(services)


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


def _notebook(services: dict[str, str]) -> None:
    """Keep the first picture that the notebook draws; the notebook itself is committed without any."""
    with tempfile.TemporaryDirectory() as directory:
        executed = Path(directory) / "executed.ipynb"
        command = [str(Path(sys.executable).parent / "jupyter-execute"), str(NOTEBOOK), f"--output={executed}"]
        subprocess.run(command, check=True, env={**os.environ, **services})  # noqa: S603 - our own notebook
        cells = json.loads(executed.read_text(encoding="utf-8"))["cells"]
    shown = (output.get("data", {}) for cell in cells for output in cell.get("outputs", ()))
    drawn = next(each["image/png"] for each in shown if "image/png" in each)
    (PICTURES / "notebook.png").write_bytes(base64.b64decode(drawn))
    click.echo(f"{NOTEBOOK} → docs/pictures/notebook.png")


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
    main()
