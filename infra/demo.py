"""`make demo`: the whole line on a real data set, by the very commands that a person would type."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any, Final

import click
import httpx

from infra.credentials import load as load_credentials
from infra.toolchain import environment_of_tools

STREAM: Final = "streams/flights.yaml"
ROUTES_WITHIN_S: Final = 60.0


@click.command()
def main() -> None:
    """Bring the services up, replay and land the flights, train a version per batch, ask the routes."""
    began = time.monotonic()
    _run("python", "-m", "infra", "up")
    environ = {**os.environ, **_services_environment()}
    _run("python", "-m", "pipeline", "replay", "--stream", STREAM, environ=environ)
    _run("python", "-m", "pipeline", "land", "--stream", STREAM, "--exit-when-idle", "2s", environ=environ)
    _run("python", "-m", "pipeline", "verify", "--stream", STREAM, "--against-topic", environ=environ)
    _run("mlflow", "run", ".", "--env-manager", "local", environ=environ)
    _show_answers(environ["SWATHE_SERVING_URL"])
    click.echo(f"\nMLflow      {environ['MLFLOW_TRACKING_URI']}")
    click.echo(f"predictions {environ['SWATHE_SERVING_URL']}/api  (documentation: /docs)")
    click.echo(f"done in {time.monotonic() - began:.0f} s; the services stay up, `make down` stops them")


if __name__ == "__main__":
    main()
