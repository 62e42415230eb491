"""The settings of `python -m infra`: environment variables only, all of them listed in `contract.environment`."""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from contract import environment
from contract.errors import ConfigurationError

ROOT = Path(__file__).resolve().parent.parent

Port = Annotated[int, Field(ge=1024, le=65535)]
AbsolutePath = Annotated[Path, AfterValidator(lambda path: Path(os.path.abspath(path.expanduser())))]  # noqa: PTH100

# Settings that running services were started with; the others may differ from shell to shell.
PORTS = {
    "port_kafka": "Kafka broker",
    "port_kafka_controller": "Kafka controller",
    "port_minio": "MinIO",
    "port_minio_console": "MinIO console",
    "port_mlflow": "MLflow server",
    "port_serving": "prediction server",
    "port_supervisor": "process supervisor",
}


class Settings(BaseSettings):
    """Where things are kept, which ports the services take, how much memory they get."""

    model_config = SettingsConfigDict(env_prefix="SWATHE_", frozen=True, extra="ignore", env_ignore_empty=True)

    cache: AbsolutePath = Path("~/.cache/swathe").expanduser()
    data: AbsolutePath = ROOT / ".local"
    port_kafka: Port = 19092
    port_kafka_controller: Port = 19093
    port_minio: Port = 19000
    port_minio_console: Port = 19001
    port_mlflow: Port = 15000
    port_serving: Port = 18000
    port_supervisor: Port = 19010
    kafka_heap: Annotated[str, Field(pattern=r"^[1-9][0-9]*[mMgG]$")] = "512m"
    mlflow_backend_uri: str | None = None
    land_stream: AbsolutePath | None = None
    mlflow_app: Literal["basic-auth"] | None = None
    watch_stream: AbsolutePath | None = None
    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")] = "batches"

    @model_validator(mode="after")
    def _distinct_ports(self) -> Settings:
        taken: dict[int, str] = {}
        for field in PORTS:
            port = getattr(self, field)
            if port in taken:
                raise ValueError(f"{variable(taken[port])} and {variable(field)} are both {port}")
            taken[port] = field
        return self


def variable(field: str) -> str:
    """Return the environment variable of a field: ``port_kafka`` → ``SWATHE_PORT_KAFKA``."""
    return f"SWATHE_{field.upper()}"


def load(environ: MutableMapping[str, str] = os.environ) -> Settings:
    """Return the settings in ``environ``, which must be this process's own environment.

    Raises
    ------
    ConfigurationError: a variable is unknown, or its value is not one that can be meant.
    """
    environment.settle(environ)
    try:
        return Settings()
    except ValidationError as error:
        faults = [_say(fault["loc"], fault["msg"], environ) for fault in error.errors(include_url=False)]
        raise ConfigurationError("; ".join(faults)) from error


def _say(path: tuple[int | str, ...], problem: str, environ: Mapping[str, str]) -> str:
    problem = problem.removeprefix("Value error, ")
    if not path:
        return problem
    name = variable(str(path[0]))
    return f"{name}={environ.get(name, '')!r}: {problem}"
