"""What the pipeline reads from the environment: where the services are. `python -m infra env` prints it."""

from __future__ import annotations

import os
from collections.abc import Mapping

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from contract import environment, remedies
from contract.errors import ConfigurationError


class StoreSettings(BaseSettings):
    """The object store of batches and results."""

    model_config = SettingsConfigDict(frozen=True, populate_by_name=True)

    endpoint_url: str = Field(
        validation_alias=AliasChoices("SWATHE_STORE_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    )
    access_key: SecretStr = Field(validation_alias="AWS_ACCESS_KEY_ID")
    secret_key: SecretStr = Field(validation_alias="AWS_SECRET_ACCESS_KEY")
    region: str = Field(default="us-east-1", validation_alias="AWS_DEFAULT_REGION")
    bucket: str = Field(default="batches", validation_alias="SWATHE_BUCKET")


def store_settings() -> StoreSettings:
    """Return the object store's settings.

    Raises
    ------
    ConfigurationError: one is missing, or an unknown `SWATHE_…` variable is set.
    """
    environment.settle(os.environ)
    try:
        return StoreSettings()
    except ValidationError as error:
        missing = ", ".join(str(fault["loc"][0]) for fault in error.errors())
        raise ConfigurationError(_unset(missing)) from error


def kafka_settings(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return librdkafka's settings from ``SWATHE_KAFKA_…``; secrets are in it, so never log it.

    Raises
    ------
    ConfigurationError: no bootstrap servers, or an unknown `SWATHE_…` variable is set.
    """
    environment.check(environ)
    settings = environment.librdkafka(environ)
    if "bootstrap.servers" not in settings:
        raise ConfigurationError(_unset("SWATHE_KAFKA_BOOTSTRAP_SERVERS"))
    return settings


def _unset(names: str) -> str:
    return f"{names} not set; {remedies.set_environment()} sets what the running services need"
