"""The commands of `python -m infra`."""

from __future__ import annotations

import dataclasses
import json
import os
import sys

import click

from console.commands import Group
from console.exit_codes import DONE, FAILED
from contract import remedies
from contract.errors import ConfigurationError
from infra import settings
from infra.bring import source_package, toolchain
from infra.layout import Layout
from infra.progress import Progress
from infra.run import clean as cleaning
from infra.run import down as stopping
from infra.run import logs, running_settings
from infra.run import status as looking
from infra.run import up as starting
from infra.services import shell_environment
from infra.services.all import REQUIRED, all_services, wanted_services


@click.group(cls=Group, examples=["up", "logs mlflow --follow"])
def cli() -> None:
    """Kafka, MinIO, MLflow and the prediction server on this machine.

    Settings are environment variables: SWATHE_DATA, SWATHE_CACHE and SWATHE_PORT_… (docs/settings.md).
    """


@cli.command(examples=[""])
def setup() -> None:
    """Find or bring Java, Kafka, MinIO and Spark's S3 jars; nothing is started."""
    tools = toolchain.bring(settings.load(), Progress())
    click.echo(f"Java {tools.java_home}\nKafka {tools.kafka_jars}\nMinIO {tools.minio()}", err=True)


@cli.command(examples=["recbole"])
@click.argument("package")
def install(package: str) -> None:
    """Install a package that holds the data file of a stream file, such as recbole; no set-up does it."""
    source_package.install(package, Progress())


@cli.command(examples=["", "--without serving"])
@click.option("--without", multiple=True, help="Leave out an optional service (serving, watchdog). Repeatable.")
def up(without: tuple[str, ...]) -> None:
    """Start what is not running, and wait until everything answers."""
    asked = settings.load()
    optional = [service.name for service in all_services(asked) if service.name not in REQUIRED]
    for name in without:
        if name not in optional:
            raise ConfigurationError(f"--without {name}: the services that can be left out are {', '.join(optional)}")
    progress = Progress()
    running = starting.up(asked, without=frozenset(without), progress=progress)
    for service in wanted_services(running, frozenset(without)):
        if service.address:
            click.echo(f"{service.title:18} {service.address}", err=True)
    Layout(running.data).took.write_text(json.dumps(progress.took))
    click.echo(f"For your shell: {remedies.set_environment()}", err=True)


@cli.command(examples=[""])
def down() -> None:
    """Stop everything; data stays."""
    if not stopping.down(settings.load(), progress=Progress()):
        click.echo("No services were running.", err=True)


@cli.command(
    examples=["", "--json"], exits={DONE: "all of them run and answer", FAILED: "something does not run or answer"}
)
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON document.")
def status(as_json: bool) -> None:
    """Show what runs and whether it answers."""
    asked = settings.load()
    layout = Layout(asked.data)
    found = looking.status(running_settings.load_or(layout, asked), layout)
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(each) for each in found], indent=1))
    else:
        looking.show(found)
    ill = [each.service for each in found if not each.well]
    if ill:
        # To standard error, so that --json stays JSON.
        click.echo(
            f"not running or not answering: {', '.join(ill)}. Start them with {remedies.start_services()}; "
            f"{remedies.service_log(ill[0])} shows why.",
            err=True,
        )
        sys.exit(FAILED)


@cli.command(name="logs", examples=["", "kafka mlflow --lines 20", "serving --follow"])
@click.argument("services", nargs=-1)
@click.option("-f", "--follow", is_flag=True, help="Go on showing lines as they come.")
@click.option("-n", "--lines", default=50, show_default=True, help="Lines to begin with, per service.")
def show_logs(services: tuple[str, ...], follow: bool, lines: int) -> None:
    """Show the end of the services' logs (all, or the named ones)."""
    found = logs.log_files(Layout(settings.load().data), services)
    if follow:
        logs.follow(found, lines)
    for log in found:
        click.echo(f"==> {log} <==")
        for line in logs.last_lines(log, lines):
            click.echo(line)


@cli.command(examples=["", "--json"])
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON document.")
def env(as_json: bool) -> None:
    """Print the environment of the services, to source: eval "$(python -m infra env)"."""
    asked = settings.load()
    layout = Layout(asked.data)
    found = shell_environment.variables(running_settings.load(layout), layout)
    found["PATH"] = shell_environment.path()
    if not looking.supervised(running_settings.load(layout), layout):
        click.echo(f"warning: these services do not run; start them with {remedies.start_services()}", err=True)
    click.echo(json.dumps(found, indent=1) if as_json else shell_environment.shell_lines(found))


@cli.command(examples=["", "--yes"])
@click.option("--yes", is_flag=True, help="Do not ask.")
def clean(yes: bool) -> None:
    """Remove the data: topics, batches, runs, models, logs, credentials."""
    layout = Layout(settings.load().data)
    cleaning.refuse_if_running(layout)
    if not layout.data.exists():
        click.echo(f"{layout.data} is not there: nothing to remove.", err=True)
        return
    if not (yes or _agrees(f"Remove all topics, batches, runs and models in {layout.data}?")):
        click.echo("Nothing was removed.", err=True)
        sys.exit(FAILED)
    cleaning.clean(layout)


def _agrees(question: str) -> bool:
    try:
        return click.confirm(question)
    except click.Abort:
        # Ctrl-C; where nobody can be asked, nobody agrees.
        if sys.stdin.isatty():
            raise
        return False


@cli.command(examples=["kafka .local"])
@click.argument("service")
@click.argument("data_directory")
def run(service: str, data_directory: str) -> None:
    """Become a service (the process supervisor calls this)."""
    # infra.__main__ takes this command before click is imported; this is its place in --help.
    from infra.run.launcher import launch  # noqa: PLC0415

    launch([service, os.path.abspath(data_directory)])  # noqa: PTH100
