"""`make demo`: the whole line on a real data set, by the very commands that a person would type."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click
import httpx

from contract import remedies

STREAM: Final = "streams/flights.yaml"
MODEL: Final = "flights"
ROW: Final[Mapping[str, int | None]] = {
    "dep_delay": 75,
    "arr_delay": 92,
    "air_time": 227,
    "distance": 1400,
    "sched_dep_time": 1830,
}
ROUTES_WITHIN_S: Final = 60.0


@click.command()
def main() -> None:
    """Bring the services up, replay and land the flights, train a version per batch, ask the routes."""
    began = time.monotonic()
    environ = with_own_programs()
    run(environ, "python -m infra up")
    environ |= service_environment(environ)
    click.secho('$ eval "$(python -m infra env)"', bold=True)
    run(environ, f"python -m pipeline replay --stream {STREAM}")
    run(environ, f"python -m pipeline land --stream {STREAM} --exit-when-idle 2s")
    run(environ, f"python -m pipeline verify --stream {STREAM} --against-topic")
    run(environ, "mlflow run . --env-manager local")
    _show_answers(environ["SWATHE_SERVING_URL"])
    click.echo()
    click.echo(f"MLflow       {environ['MLFLOW_TRACKING_URI']}")
    click.echo(f"predictions  {environ['SWATHE_SERVING_URL']}/api  (every route: {environ['SWATHE_SERVING_URL']}/docs)")
    click.echo(f"took {time.monotonic() - began:.0f} s; the services stay up until {remedies.make_down()}")


def with_own_programs() -> dict[str, str]:
    """Return this process's environment, where `python` and `mlflow` are this clone's, activated or not."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**os.environ, "PATH": path}


def run(environ: Mapping[str, str], command: str) -> None:
    """Run ``command`` before the person's eyes; exit with its code if it fails."""
    click.secho(f"\n$ {command}", bold=True)
    finished = subprocess.run(shlex.split(command), env=dict(environ), check=False)
    if finished.returncode:
        click.echo(f"`{command}` ended with exit code {finished.returncode}; what it said is above", err=True)
        sys.exit(finished.returncode)


def service_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what `eval "$(python -m infra env)"` would set in a shell."""
    shown = subprocess.run(
        [sys.executable, "-m", "infra", "env", "--json"], env=dict(environ), check=True, capture_output=True
    )
    return dict(json.loads(shown.stdout))


def _show_answers(url: str) -> None:
    with httpx.Client(base_url=url, timeout=10) as server:
        versions = _ready_versions(server)
        click.secho(f"\n$ curl {url}/api/models", bold=True)
        for version in versions:
            click.echo(f"v{version['version']}  {version['state']}  batch {version['batch']}  {version['rows']:,} rows")
        body = {"dataframe_records": [ROW]}
        for version in versions:
            path = f"/api/{MODEL}/v{version['version']}/predict"
            click.secho(f"\n$ curl {url}{path} --json '{json.dumps(body)}'", bold=True)
            click.echo(server.post(path, json=body).raise_for_status().text)
        for path in (f"/api/{MODEL}/v1/clustering-results?limit=1", "/api/cluster-stats"):
            click.secho(f"\n$ curl '{url}{path}'", bold=True)
            click.echo(_shortened(server.get(path).raise_for_status().text))


def _ready_versions(server: httpx.Client) -> list[dict[str, Any]]:
    """Return the versions of the demo's model once the server has picked all ready ones up."""
    deadline = time.monotonic() + ROUTES_WITHIN_S
    while True:
        models = server.get("/api/models").raise_for_status().json()
        versions = [version for model in models if model["name"] == MODEL for version in model["versions"]]
        if len(versions) >= 3 and all(version["state"] == "ready" for version in versions):
            return sorted(versions, key=lambda version: int(version["version"]))
        if time.monotonic() > deadline:
            raise click.ClickException(f"the prediction server does not serve three versions of {MODEL!r}: {models}")
        time.sleep(0.2)


def _shortened(text: str, width: int = 600) -> str:
    return text if len(text) <= width else f"{text[:width]}… ({len(text):,} characters)"
