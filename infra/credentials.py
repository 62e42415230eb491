"""Passwords of the services, made once per data directory."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from contract import remedies
from contract.errors import ConfigurationError
from infra.files import create_private
from infra.layout import Layout

_HEADER = "# Made by `python -m infra up`; the services of this directory only. Delete it with the data, not alone.\n"


@dataclass(frozen=True)
class Credentials:
    """``minio_user`` and ``minio_password`` are S3's access key and secret key."""

    minio_user: str
    minio_password: str
    supervisor_password: str


def load_or_create(layout: Layout) -> Credentials:
    """Return the credentials of ``layout``, made now if there are none.

    Raises
    ------
    ConfigurationError: the file cannot be understood.
    """
    layout.make()
    # token_hex: no character that needs quoting in a shell, a URL or an ini file.
    fresh = {
        "MINIO_ROOT_USER": "swathe",
        "MINIO_ROOT_PASSWORD": secrets.token_hex(20),
        "SUPERVISOR_PASSWORD": secrets.token_hex(20),
    }
    if not layout.credentials.exists():
        create_private(layout.credentials, _HEADER + "".join(f"{name}={value}\n" for name, value in fresh.items()))
    return load(layout)


def load(layout: Layout) -> Credentials:
    """Return the credentials of ``layout``.

    Raises
    ------
    ConfigurationError: there are none, or the file cannot be understood.
    """
    try:
        lines = layout.credentials.read_text().splitlines()
        values = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
        return Credentials(values["MINIO_ROOT_USER"], values["MINIO_ROOT_PASSWORD"], values["SUPERVISOR_PASSWORD"])
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"{layout.credentials} is not there: no services were ever started with this data directory. "
            f"Start them with {remedies.start_services()}, or set SWATHE_DATA to the directory you mean."
        ) from error
    except (OSError, ValueError, KeyError) as error:
        raise ConfigurationError(
            f"{layout.credentials} cannot be read as credentials ({error}). Run {remedies.stop_services()}, then "
            f"remove it, and {remedies.infra_up()} makes it anew."
        ) from error
