"""`python -m bench`: run every measurement there is, or those that are named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

from bench.services import services
from console.commands import Command
from console.ending import run
from console.exit_codes import FAILED

NAMES = sorted(path.parent.name for path in Path(__file__).parent.glob("*/__main__.py"))


@click.command(cls=Command, examples=["", "landing training"])
@click.argument("names", nargs=-1, type=click.Choice(NAMES))
def main(names: tuple[str, ...]) -> None:
    """Run each of the measurements NAMES, by default all, on services of their own or those that the shell names.

    Each is a command too, with flags of its own: `python -m bench.landing --help`.
    """
    with services() as environ:
        failed = [
            name for name in names or NAMES if subprocess.call([sys.executable, "-m", f"bench.{name}"], env=environ)
        ]
    for name in failed:
        click.echo(f"bench.{name} failed", err=True)
    if failed:
        sys.exit(FAILED)


if __name__ == "__main__":
    run(main, prog_name="python -m bench")
