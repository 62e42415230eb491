"""Passwords of the services, made once per data directory."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from contract import remedies
from contract.errors import ConfigurationError
from infra.files import create_private, write_private
from infra.layout import Layout

_HEADER = "# Made by `python -m infra up`; the services of this directory only. Delete it with the data, not alone.\n"

_SECRETS = ("MINIO_ROOT_PASSWORD", "SUPERVISOR_PASSWORD", "MLFLOW_PASSWORD", "MLFLOW_SECRET")
# Files of before there were these get them with the next `up`.
_LATER = frozenset({"MLFLOW_PASSWORD", "MLFLOW_SECRET"})


@dataclass(frozen=True)
class Credentials:
    """``minio_user`` and ``minio_password`` are S3's access key and secret key.

    ``mlflow_password`` and ``mlflow_secret`` (which signs its pages' forms) are used where MLflow asks who asks.
    """

    minio_user: str
    minio_password: str
    supervisor_password: str
    mlflow_password: str
    mlflow_secret: str


def load_or_create(layout: Layout) -> Credentials:
    """Return the credentials of ``layout``, made now if there are none.

    Raises
    ------
    ConfigurationError: the file cannot be understood.
    """
    layout.make()
    # token_hex: no character that needs quoting in a shell, a URL or an ini file.
    fresh = {"MINIO_ROOT_USER": "swathe"} | {name: secrets.token_hex(20) for name in _SECRETS}
    if not layout.credentials.exists():
        create_private(layout.credentials, _HEADER + _lines(fresh))
    if missing := _LATER - _read(layout).keys():
        write_private(layout.credentials, layout.credentials.read_text() + _lines({n: fresh[n] for n in missing}))
    return load(layout)


def load(layout: Layout) -> Credentials:
    """Return the credentials of ``layout``.

    Raises
    ------
    ConfigurationError: there are none, or the file cannot be understood.
    """
    try:
        values = dict.fromkeys(_LATER, "") | _read(layout)
        return Credentials(values["MINIO_ROOT_USER"], *(values[name] for name in _SECRETS))
    except KeyError as error:
        raise _unreadable(layout, error) from error


def _lines(values: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in values.items())


def _read(layout: Layout) -> dict[str, str]:
    try:
        lines = layout.credentials.read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"{layout.credentials} is not there: no services were ever started with this data directory. "
            f"Start them with {remedies.start_services()}, or set SWATHE_DATA to the directory you mean."
        ) from error
    except (OSError, ValueError) as error:
        raise _unreadable(layout, error) from error


def _unreadable(layout: Layout, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"{layout.credentials} cannot be read as credentials ({error}). Run {remedies.stop_services()}, then "
        f"remove it, and {remedies.infra_up()} makes it anew."
    )
