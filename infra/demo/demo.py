"""`make demo`: the whole line on a real data set, by the very commands that a person would type."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import click
import httpx

from console import progress
from console.commands import Command
from contract import remedies
from infra.demo.took import BEGAN, Took
from infra.layout import Layout

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


@click.command(cls=Command, examples=[""])
@BEGAN
def main(began: float | None) -> None:
    """Bring the services up, replay and land the flights, train a version per batch, ask the routes."""
    walked(STREAM, "mlflow run . --env-manager local", _show_answers, began=began)


def walked(stream: str, training: str, show: Callable[[str], None], *before: str, began: float | None = None) -> None:
    """Walk the line with ``stream``, train by the command ``training``, and ``show`` what the server's URL answers.

    ``before``: commands that come first; ``began``: when the set-up before all of it began, for what is told of time.
    """
    took = Took(began)
    environ = with_own_programs()
    for command in before:
        run(environ, command)
        took.end("data")
    run(environ, "python -m infra up")
    environ |= service_environment(environ)
    parts = json.loads(Layout(Path(environ["SWATHE_DATA"])).took.read_text())
    took.end("services", {name: seconds for name, seconds in parts.items() if name != "services"})
    click.secho('$ eval "$(python -m infra env)"', bold=True)
    for name, command in {
        "replay": f"python -m pipeline replay --stream {stream}",
        "land": f"python -m pipeline land --stream {stream} --exit-when-idle 2s",
        "verify": f"python -m pipeline verify --stream {stream} --against-topic",
        "train": training,
    }.items():
        run(environ, command)
        took.end(name)
    show(environ["SWATHE_SERVING_URL"])
    took.end("routes")
    click.echo()
    click.echo(f"MLflow       {environ['MLFLOW_TRACKING_URI']}")
    click.echo(f"predictions  {environ['SWATHE_SERVING_URL']}/api  (every route: {environ['SWATHE_SERVING_URL']}/docs)")
    click.echo(f"{took}; the services stay up until {remedies.make_down()}")


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
        versions = ready_versions(server, url, MODEL)
        body = {"dataframe_records": [ROW]}
        for version in versions:
            path = f"/api/{MODEL}/v{version['version']}/predict"
            click.secho(f"\n$ curl {url}{path}{posting(body)}", bold=True)
            click.echo(server.post(path, json=body).raise_for_status().text)
        for path in (f"/api/{MODEL}/v1/clustering-results?limit=1", "/api/cluster-stats"):
            click.secho(f"\n$ curl '{url}{path}'", bold=True)
            click.echo(shortened(server.get(path).raise_for_status().text))


def posting(body: Mapping[str, Any]) -> str:
    """Return the flags by which curl sends ``body``; its `--json` is younger than the curl that people have."""
    return f" -H 'content-type: application/json' -d '{json.dumps(body)}'"


def ready_versions(server: httpx.Client, url: str, model: str) -> list[dict[str, Any]]:
    """Return, and show, the versions of ``model`` once the server at ``url`` has picked all ready ones up."""
    deadline = time.monotonic() + ROUTES_WITHIN_S
    with progress.step(f"waiting for the routes of {model}", total=3, unit="versions") as step:
        while True:
            models = server.get("/api/models").raise_for_status().json()
            found = [version for each in models if each["name"] == model for version in each["versions"]]
            ready = [version for version in found if version["state"] == "ready"]
            step.reach(len(ready))
            if len(found) >= 3 and len(ready) == len(found):
                break
            if time.monotonic() > deadline:
                raise click.ClickException(
                    f"the prediction server does not serve three versions of {model!r}: {models}"
                )
            time.sleep(0.2)
    versions = sorted(found, key=lambda version: int(version["version"]))
    click.secho(f"\n$ curl {url}/api/models", bold=True)
    for version in versions:
        click.echo(f"v{version['version']}  {version['state']}  batch {version['batch']}  {version['rows']:,} rows")
    return versions


def shortened(text: str, width: int = 600) -> str:
    return text if len(text) <= width else f"{text[:width]}… ({len(text):,} characters)"
