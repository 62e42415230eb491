"""What the prediction server reads from the environment. docs/settings.md lists it all."""

from __future__ import annotations

import ipaddress
import os
import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from contract import environment
from contract.errors import ConfigurationError
from contract.tracking import TrackingServer, tracking_server
from serving.logs import LogFormat

Mode = Literal["send", "mirror"]

# What supervisors and load balancers ask, who have no key and call the server by its address.
OPEN: Final = frozenset({"/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready"})
LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")
LEAST_KEY: Final = 16
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
_LONGEST: Final = 200
_STORED: Final = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/([^?#\s]*[^?#\s/]))?/?")
_HEADER_TEXT: Final = re.compile(r"[!-~]+")


class ServingSettings(BaseSettings):
    """All settings of the server. Sizes are in bytes, times in seconds."""

    model_config = SettingsConfigDict(frozen=True, populate_by_name=True)

    host: str = Field(default="127.0.0.1", validation_alias="SWATHE_SERVING_HOST")
    port: int = Field(default=18000, ge=1024, le=65535, validation_alias="SWATHE_SERVING_PORT")
    api_key: SecretStr | None = Field(default=None, validation_alias="SWATHE_SERVING_API_KEY")
    models: Annotated[tuple[str, ...], NoDecode] = Field(default=(), validation_alias="SWATHE_SERVING_MODELS")
    default_model: str | None = Field(default=None, validation_alias="SWATHE_SERVING_DEFAULT_MODEL")
    poll_s: float = Field(default=1.0, gt=0, le=3600, validation_alias="SWATHE_SERVING_POLL_S")
    grace_s: float = Field(default=60.0, ge=0, validation_alias="SWATHE_SERVING_GRACE_S")
    cache: Path = Field(default=Path(".local/serving"), validation_alias="SWATHE_SERVING_CACHE")
    tracking_uri: str = Field(default="http://127.0.0.1:15000", validation_alias="MLFLOW_TRACKING_URI")
    tracking_username: str = Field(default="", validation_alias="MLFLOW_TRACKING_USERNAME")
    tracking_password: SecretStr = Field(default=SecretStr(""), validation_alias="MLFLOW_TRACKING_PASSWORD")
    tracking_token: SecretStr = Field(default=SecretStr(""), validation_alias="MLFLOW_TRACKING_TOKEN")
    mlflow_url: str | None = Field(default=None, validation_alias="SWATHE_MLFLOW_URL")
    store_url: str | None = Field(
        default=None, validation_alias=AliasChoices("SWATHE_STORE_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    )
    access_key: SecretStr = Field(default=SecretStr(""), validation_alias="AWS_ACCESS_KEY_ID")
    secret_key: SecretStr = Field(default=SecretStr(""), validation_alias="AWS_SECRET_ACCESS_KEY")
    region: str = Field(default="us-east-1", validation_alias="AWS_DEFAULT_REGION")
    bucket: str = Field(default="batches", validation_alias="SWATHE_BUCKET")
    artifacts: str | None = Field(default=None, validation_alias="SWATHE_SERVING_ARTIFACTS")
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), validation_alias="SWATHE_SERVING_CORS_ORIGINS"
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), validation_alias="SWATHE_SERVING_ALLOWED_HOSTS"
    )
    base_path: str | None = Field(default=None, validation_alias="SWATHE_SERVING_BASE_PATH")
    max_body_bytes: int = Field(default=32 * 2**20, ge=1024, validation_alias="SWATHE_SERVING_MAX_BODY_BYTES")
    bodies_bytes: int | None = Field(default=None, validation_alias="SWATHE_SERVING_BODIES_BYTES")
    workers: int = Field(default=2, ge=1, le=64, validation_alias="SWATHE_SERVING_WORKERS")
    queue: int = Field(default=64, ge=1, validation_alias="SWATHE_SERVING_QUEUE")
    deadline_s: float = Field(default=30.0, gt=0, validation_alias="SWATHE_SERVING_DEADLINE_S")
    canary_share: float = Field(default=0.0, ge=0, le=1, validation_alias="SWATHE_SERVING_CANARY_SHARE")
    canary_mode: Mode = Field(default="send", validation_alias="SWATHE_SERVING_CANARY_MODE")
    log: LogFormat = Field(default="text", validation_alias="SWATHE_SERVING_LOG")
    access_log: Literal["errors", "all"] = Field(default="errors", validation_alias="SWATHE_SERVING_ACCESS_LOG")
    results_cache_bytes: int = Field(default=2**30, ge=0, validation_alias="SWATHE_SERVING_RESULTS_CACHE_BYTES")

    @property
    def all_bodies_bytes(self) -> int:
        """What all bodies together may have."""
        return self.bodies_bytes or 8 * self.max_body_bytes

    @cached_property
    def tracking(self) -> TrackingServer:
        """The tracking server, and as whom to ask it."""
        password, token = self.tracking_password.get_secret_value(), self.tracking_token.get_secret_value()
        return tracking_server(self.tracking_uri, username=self.tracking_username, password=password, token=token)

    @property
    def default(self) -> str | None:
        """The model behind the paths that name none; None where that is to be found among those there are."""
        return self.default_model or next(iter(self.models), None)

    @property
    def own_hosts(self) -> tuple[str, ...]:
        """The names that requests may be addressed to; none where any will do.

        Beyond loopback a machine has names that this process cannot know, and the key keeps strangers' pages out.
        """
        is_open = not ipaddress.ip_address(self.host).is_loopback and not self.allowed_hosts
        return () if is_open else (*LOOPBACK, *self.allowed_hosts)

    @field_validator("models", "cors_origins", "allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return value

    @field_validator("host", mode="before")
    @classmethod
    def _address(cls, value: object) -> object:
        return "127.0.0.1" if value == "localhost" else value

    @field_validator("api_key")
    @classmethod
    def _long_enough(cls, key: SecretStr | None) -> SecretStr | None:
        if key is None:
            return key
        text = key.get_secret_value()
        if len(text) < LEAST_KEY or not _HEADER_TEXT.fullmatch(text):
            raise ValueError(
                f"a key that can be guessed or not be sent protects nothing: it needs {LEAST_KEY} characters or more, "
                f"of ASCII and without spaces. Make one: "
                f'`python -c "import secrets; print(secrets.token_urlsafe(24))"`'
            )
        return key

    @property
    def artifact_store(self) -> tuple[str, str] | None:
        """Bucket and prefix that the tracking server passes artifacts on from; None where that is not told."""
        found = _STORED.fullmatch(self.artifacts) if self.artifacts else None
        return (found[1], found[2] or "") if found else None

    @field_validator("artifacts")
    @classmethod
    def _in_a_bucket(cls, uri: str | None) -> str | None:
        if uri is not None and _STORED.fullmatch(uri) is None:
            raise ValueError(
                f"SWATHE_SERVING_ARTIFACTS={uri} is no bucket with or without a prefix, such as s3://mlflow/artifacts"
            )
        return uri

    @field_validator("base_path")
    @classmethod
    def _below(cls, path: str | None) -> str | None:
        if path is None:
            return path
        checked = base_path(path)
        if checked is None or checked.split("/")[1:2] in (["api"], ["v2"]):
            raise ValueError(
                "it must be a path such as /swathe, of letters, digits, `-`, `.`, `_`, `~` and `/`, and not begin with "
                "/api or /v2, which are the server's own"
            )
        return checked

    @model_validator(mode="after")
    def _room_for_a_body(self) -> Self:
        if self.bodies_bytes is not None and self.bodies_bytes < self.max_body_bytes:
            raise ValueError(
                f"SWATHE_SERVING_BODIES_BYTES={self.bodies_bytes} is less than one body may have: "
                f"SWATHE_SERVING_MAX_BODY_BYTES={self.max_body_bytes}"
            )
        return self

    @model_validator(mode="after")
    def _key_beyond_loopback(self) -> Self:
        if self.host not in {"127.0.0.1", "0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
            raise ValueError(f"SWATHE_SERVING_HOST={self.host} is none of 127.0.0.1, 0.0.0.0 and ::")
        if not ipaddress.ip_address(self.host).is_loopback and self.api_key is None:
            raise ValueError(
                f"SWATHE_SERVING_HOST={self.host} can be reached from other machines: set SWATHE_SERVING_API_KEY "
                f"(16 random characters or more; requests then carry it in X-API-Key), or listen on 127.0.0.1"
            )
        return self


def base_path(text: str) -> str | None:
    """Return ``text`` as a base path without a slash at its end, "" for the root; None where it is none."""
    text = text.strip().rstrip("/")
    if not text:
        return ""
    dots = {".", ".."} & set(text.split("/"))
    return text if len(text) <= _LONGEST and _PATH.fullmatch(text) and not dots else None


def serving_settings(**given: object) -> ServingSettings:
    """Return the settings; ``given`` are command-line flags by field name, None where not given.

    Raises
    ------
    ConfigurationError: one is out of range, or an unknown `SWATHE_…` variable is set.
    """
    environment.settle(os.environ)
    flags = {name: value for name, value in given.items() if value not in {None, "", (), ("",)}}
    try:
        return ServingSettings(**flags)  # type: ignore[arg-type]
    except ValidationError as error:
        faults = [(".".join(map(str, fault["loc"])) or "settings", fault["msg"]) for fault in error.errors()]
        told = [f"{name}: {problem.removeprefix('Value error, ')}" for name, problem in faults]
        raise ConfigurationError("; ".join(told)) from error
