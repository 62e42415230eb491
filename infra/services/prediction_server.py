"""The prediction server (`python -m serving`) as a supervised service."""

from __future__ import annotations

import os
from functools import partial

from infra.http_probe import probe
from infra.service import HOST, Command, Service, Start
from infra.services.client_environment import client_environment
from infra.settings import ROOT, Settings


def available() -> bool:
    """Return whether this clone has a prediction server."""
    return (ROOT / "serving" / "__main__.py").exists()


def service(settings: Settings) -> Service:
    """Return the server as these settings describe it."""
    address = f"http://{HOST}:{settings.port_serving}"
    return Service(
        name="serving",
        title="Prediction server",
        address=address,
        ports={"SWATHE_PORT_SERVING": settings.port_serving},
        probe=partial(probe, "serving", f"{address}/health/live"),
        prepare=_prepare,
        stop_s=30,
    )


def _prepare(start: Start) -> Command:
    # The server's own settings come from the shell that starts it; where the services are, from here.
    own = {name: value for name, value in os.environ.items() if name.startswith("SWATHE_SERVING_")}
    return Command(
        argv=(str(start.python), "-m", "serving"),
        environment={**own, **client_environment(start.settings, start.layout, start.credentials)},
    )
