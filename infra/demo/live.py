"""`make live`: replay, landing, trainer and prediction server at once; tells how long each batch took to its route."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import click
import httpx
import yaml

from console import progress
from console.commands import Command
from console.ending import run as run_command
from contract import remedies
from infra.demo.demo import STREAM, run, service_environment, with_own_programs

NAME: Final = "flights-live"
ROWS: Final = 20_000
"""Of a batch: a few minutes' worth, so that somebody who looks on sees versions come."""
WITHIN_S: Final = 300.0


@click.command(cls=Command, examples=["", "--batches 5 --rate 2000"])
@click.option("--batches", type=click.IntRange(min=1), default=3, show_default=True, help="How many to wait for.")
@click.option("--rate", type=click.FloatRange(min=1), default=4_000, show_default=True, help="Rows a second.")
def main(batches: int, rate: float) -> None:
    """Send flights at a steady rate while the rest of the line runs; print when each version's route answers."""
    environ = with_own_programs()
    run(environ, "python -m infra up")
    environ |= service_environment(environ)
    data = Path(environ["SWATHE_DATA"])
    stream = _stream_file(data)
    url = environ["SWATHE_SERVING_URL"]
    with contextlib.ExitStack() as running, httpx.Client(base_url=url, timeout=10) as server:
        first = _versions(server) + 1
        workers = [
            running.enter_context(_worker(environ, data, name, f"python -m pipeline {name} --stream {stream}"))
            for name in ("land", "watch")
        ]
        for version in range(first, first + batches):
            acknowledged = _send(environ, f"--stream {stream} --limit {version * ROWS} --rate {rate:g}")
            answered = _wait(server, version, workers)
            click.echo(
                f"batch {version}: its last record was acknowledged, {answered - acknowledged:.1f} s later ", nl=False
            )
            click.echo(f"{url}/api/{NAME}/v{version}/ answers")
    click.echo(f"landing and training have ended; the services stay up until {remedies.make_down()}")


def _stream_file(data: Path) -> Path:
    """Write the demo's stream under a name of its own, with small batches."""
    fields = yaml.safe_load(Path(STREAM).read_text())
    fields |= {"name": NAME, "topic": NAME, "cut": {"rows": ROWS}}
    path = data / f"{NAME}.yaml"
    path.write_text(yaml.safe_dump(fields, sort_keys=False))
    return path


@contextlib.contextmanager
def _worker(environ: Mapping[str, str], data: Path, name: str, command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``command`` beside this process, its output in a log file; end it as a person would, by SIGTERM."""
    log = data / "logs" / f"live-{name}.log"
    click.secho(f"\n$ {command}  > {log} &", bold=True)
    with log.open("ab") as output:
        process = subprocess.Popen(shlex.split(command), env=dict(environ), stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _send(environ: Mapping[str, str], options: str) -> float:
    """Replay the next rows; return the monotonic second at which all were acknowledged."""
    command = f"python -m pipeline replay {options}"
    click.secho(f"\n$ {command}", bold=True)
    process = subprocess.Popen(shlex.split(command), env=dict(environ), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None  # noqa: S101 - asked for above
    said = process.stdout.readline()
    acknowledged = time.monotonic()
    click.echo(said, nl=False)
    if process.wait() or not said:
        sys.exit(process.returncode or 1)
    if said.startswith("sent 0 rows"):
        raise click.ClickException(f"all flights were sent before: {remedies.begin_anew()} begins anew")
    return acknowledged


def _versions(server: httpx.Client) -> int:
    """Return how many versions of the live model there are."""
    models = server.get("/api/models").raise_for_status().json()
    return max((v["version"] for model in models if model["name"] == NAME for v in model["versions"]), default=0)


def _wait(server: httpx.Client, version: int, workers: list[subprocess.Popen[bytes]]) -> float:
    """Return the monotonic second at which the version's route first answered."""
    deadline = time.monotonic() + WITHIN_S
    with progress.step(f"waiting for the routes of version {version}"):
        while time.monotonic() < deadline:
            if any(worker.poll() is not None for worker in workers):
                raise click.ClickException("landing or training has ended; its log, named above, says why")
            if server.get(f"/api/{NAME}/v{version}/cluster-stats").status_code == 200:
                return time.monotonic()
            time.sleep(0.1)
    raise click.ClickException(
        f"version {version} of {NAME!r} does not answer after {WITHIN_S:g} s; see the logs above"
    )


if __name__ == "__main__":
    run_command(main, prog_name="python -m infra.demo.live")
