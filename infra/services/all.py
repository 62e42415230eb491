"""The supervised services of this clone, in the order in which they are started."""

from __future__ import annotations

from infra.kafka.service import service as kafka
from infra.minio.service import service as minio
from infra.mlflow.service import service as mlflow
from infra.service import Service
from infra.services import lander, prediction_server, trainer, watchdog
from infra.settings import Settings

# Without these there is no line; the others can be left out, or may not be there yet.
REQUIRED = ("mlflow", "minio", "kafka")


def all_services(settings: Settings) -> list[Service]:
    """Return every service that the supervisor knows; MLflow is the slowest to start, so it comes first."""
    return [
        mlflow(settings),
        minio(settings),
        kafka(settings),
        prediction_server.service(settings),
        *([lander.service()] if settings.land_stream else []),
        *([trainer.service()] if settings.watch_stream else []),
        watchdog.service(),
    ]


def wanted_services(settings: Settings, without: frozenset[str] = frozenset()) -> list[Service]:
    """Return the services that `up` starts."""
    missing = set() if prediction_server.available() else {"serving"}
    return [service for service in all_services(settings) if service.name not in without | missing]
