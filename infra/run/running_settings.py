"""The settings that the services of a data directory were started with.

Kept beside the data, so that `down`, `status` and `env` work from a shell where the ports are not set, and a
service that is restarted comes back as it was.
"""

from __future__ import annotations

import json

from pydantic import ValidationError

from contract import remedies
from contract.errors import ConfigurationError
from infra.files import write_private
from infra.layout import Layout
from infra.settings import Settings, variable

# These belong to a running service; another cache or bucket is only looked at by the next `up`.
_FIXED = frozenset(Settings.model_fields) - {"cache", "data"}


def save(settings: Settings, layout: Layout) -> None:
    """Keep ``settings`` as those of the running services."""
    write_private(layout.settings, settings.model_dump_json(indent=1, include=set(_FIXED)))


def load(layout: Layout) -> Settings:
    """Return the settings of the services that run, or last ran, over ``layout``.

    Raises
    ------
    ConfigurationError: none ever ran, or the file is broken.
    """
    try:
        fields = json.loads(layout.settings.read_text())
        return Settings(**{**fields, "data": layout.data})
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"no services were ever started with the data directory {layout.data}. "
            f"Start them with {remedies.start_services()}, or set SWATHE_DATA to the directory you mean."
        ) from error
    except (OSError, ValueError, ValidationError) as error:
        raise ConfigurationError(
            f"{layout.settings} is broken ({error}); remove it, and {remedies.infra_up()} makes it anew"
        ) from error


def load_or(layout: Layout, otherwise: Settings) -> Settings:
    """Return the settings of the services over ``layout``, or ``otherwise`` if none ever ran."""
    return load(layout) if layout.settings.exists() else otherwise


def refuse_changes(running: Settings, asked: Settings) -> None:
    """Refuse settings that were set by hand and differ from those of the running services.

    Raises
    ------
    ConfigurationError: names each of them.
    """
    changes = [
        f"{variable(field)}={getattr(running, field)} (now set to {getattr(asked, field)})"
        for field in sorted(_FIXED & asked.model_fields_set)
        if getattr(running, field) != getattr(asked, field)
    ]
    if changes:
        raise ConfigurationError(
            f"the services run with {', '.join(changes)}. Stop them with {remedies.stop_services()} first, then start "
            "them anew; or unset what differs."
        )
