"""Every command that a message tells a person to type. What is printed is whole, so that it can be typed as it stands.

Nothing but this and `contract.series_commands` spells one out: a test reads the sources for that, and runs each.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence


def start_services() -> str:
    """Return what starts the services, in both ways."""
    return f"{infra_up()} (or {shown('make', 'up')})"


def infra_up() -> str:
    """Return what starts the services."""
    return shown("python", "-m", "infra", "up")


def stop_services() -> str:
    """Return what stops the services."""
    return shown("python", "-m", "infra", "down")


def make_down() -> str:
    """Return what stops the services where `make` started them."""
    return shown("make", "down")


def begin_anew() -> str:
    """Return what stops the services and removes their data."""
    return shown("make", "down", "clean")


def service_log(service: str) -> str:
    """Return what shows the last lines that a service wrote."""
    return shown("python", "-m", "infra", "logs", service)


def set_environment() -> str:
    """Return what points a shell to the running services."""
    return '`eval "$(python -m infra env)"`'


def install_source(package: str) -> str:
    """Return what installs the package that holds the data file of a stream file."""
    return shown("python", "-m", "infra", "install", package)


def rejects(stream_file: str) -> str:
    """Return what lists the rejected records of a stream."""
    return shown("python", "-m", "pipeline", "rejects", "--stream", stream_file)


def land(stream_file: str) -> str:
    """Return what lands what a topic holds, and ends."""
    return shown("python", "-m", "pipeline", "land", "--stream", stream_file, "--exit-when-idle", "5s")


def restore(model: str) -> str:
    """Return what makes a series whole again whose registry was edited."""
    return shown("python", "-m", "pipeline", "restore", model)


def doctor_fix(stream_file: str, models: Sequence[str], older_than: str) -> str:
    """Return what puts away what doctor has listed with the same flags."""
    named = [word for model in models for word in ("--model", model)]
    given = ("--stream", stream_file, *named, "--older-than", older_than, "--fix")
    return shown("python", "-m", "pipeline", "doctor", *given)


def shown(*words: str) -> str:
    """Return a command as it is printed."""
    return f"`{shlex.join(words)}`"
