"""`make conda`: conda.yaml, which `mlflow run` reads, from the locked requirements; a test keeps them equal."""

from __future__ import annotations

import re

import click
import yaml

from console.commands import Command
from console.ending import run
from infra.settings import ROOT

LOCK = ROOT / "requirements" / "base.txt"
TARGET = ROOT / "conda.yaml"
# `mlflow run --env-manager uv` makes an environment with exactly this Python.
PYTHON = "3.11"
JAVA = "openjdk>=17"
_HEADER = "# Made by `make conda` from requirements/base.txt. Do not edit: a test compares the two.\n"


def pinned_requirements(lock: str) -> list[str]:
    """Return the requirements of a lock, with their versions and markers and without their hashes."""
    joined = re.sub(r"\\\n", " ", lock)
    lines = (line.split(" --hash=")[0].strip() for line in joined.splitlines() if re.match(r"[A-Za-z0-9]", line))
    return [re.sub(r"\s*;\s*", "; ", line) for line in lines]


def render(lock: str) -> str:
    """Return conda.yaml for a lock."""
    environment = {
        "name": "swathe",
        "channels": ["conda-forge"],
        "dependencies": [f"python={PYTHON}", JAVA, "pip", {"pip": pinned_requirements(lock)}],
    }
    return _HEADER + yaml.safe_dump(environment, sort_keys=False, width=1000)


def write() -> None:
    """Write conda.yaml."""
    TARGET.write_text(render(LOCK.read_text()))


@click.command(cls=Command, examples=[""])
def main() -> None:
    """Write conda.yaml, which `mlflow run` reads, from the locked requirements."""
    write()


if __name__ == "__main__":
    run(main, prog_name="python -m infra.bring.conda")
