"""`python -m pipeline …`: one command per step of the line."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping
from typing import Final

import click

from console import library_log
from console.commands import Group
from console.ending import run
from contract import log_lines

# A command's client libraries are imported only when it is the one that runs: importing mlflow takes seconds.
_COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "describe": ("pipeline.describe.command", "Look at a file or a topic, and write a stream file for it."),
    "replay": ("pipeline.replay.command", "Send a data file to the topic, row by row and in order."),
    "land": ("pipeline.land.command", "Land the topic's records as batches in the object store."),
    "status": ("pipeline.status", "Show a stream's batches, their versions, its lanes and their lag."),
    "verify": ("pipeline.land.verify_command", "Prove that every offset is in exactly one batch, reject or gap."),
    "rejects": ("pipeline.land.rejects_command", "List the records that landed as rejects, or land them again."),
    "doctor": ("pipeline.doctor.command", "List what killed processes have left, and put it away when asked."),
    "train": ("pipeline.train.command", "Train a model version for each batch that has none."),
    "watch": ("pipeline.train.watch_command", "Stay, and train a model version for each batch that is sealed."),
    "restore": ("pipeline.train.restore", "Make a series whole again whose registry was edited."),
    "rollback": ("pipeline.train.rollback", "Make the previous champion the champion again."),
}


class _LazyGroup(Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(_COMMANDS[cmd_name][0])
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(cls=_LazyGroup, examples=["land --help", "status --stream streams/flights.yaml"])
@click.option("--verbose", is_flag=True, help="Log every step, and what Spark and MLflow say.")
@click.pass_context
def main(context: click.Context, *, verbose: bool) -> None:
    """From a topic to model versions. The services are found through the environment: `python -m infra env`."""
    log_lines.to_stderr(logging.INFO if verbose else logging.WARNING, "%(asctime)s %(levelname)s %(name)s %(message)s")
    context.with_resource(library_log.kept(context.invoked_subcommand or "pipeline", shown=verbose))
    if not verbose:
        # What librdkafka tries again by itself is no news; what it gives up comes back as an error of ours.
        for client in ("pipeline.replay.librdkafka", "pipeline.land.librdkafka"):
            logging.getLogger(client).setLevel(logging.CRITICAL)


if __name__ == "__main__":
    run(main, prog_name="python -m pipeline")
