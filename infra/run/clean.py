"""Removing the data of stopped services."""

from __future__ import annotations

import contextlib
import shutil

from contract import remedies
from contract.errors import ConfigurationError
from infra.layout import Layout
from infra.run.processes import marked

# By name: SWATHE_DATA may be a directory that holds other things as well.
_OURS = (
    *("kafka", "minio", "mlflow", "serving", "logs", "commands"),
    *("settings.json", "supervisord.conf", "supervisord.pid", "credentials.env", "infra.lock", "took.json"),
)


def clean(layout: Layout) -> None:
    """Remove all that the services keep in ``layout``, their data and credentials included.

    Raises
    ------
    ConfigurationError: they run.
    """
    refuse_if_running(layout)
    for name in _OURS:
        target = layout.data / name
        if target.is_dir():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        layout.data.rmdir()


def refuse_if_running(layout: Layout) -> None:
    """Refuse to go on while services of ``layout`` run.

    Raises
    ------
    ConfigurationError: they run.
    """
    running = marked(layout.mark())
    if running:
        raise ConfigurationError(
            f"the services of {layout.data} run ({len(running)} processes); stop them with "
            f"{remedies.stop_services()} first"
        )
