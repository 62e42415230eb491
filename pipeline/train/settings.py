"""What training reads from the environment: the tracking server and Spark."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Final

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from contract import environment, remedies
from contract.errors import ConfigurationError
from contract.tracking import TrackingServer, tracking_server
from contract.uri import without_credentials

_OLDEST_JAVA: Final = 17


class TrackingSettings(BaseSettings):
    """The MLflow server that tracks runs and holds the registry."""

    model_config = SettingsConfigDict(frozen=True, populate_by_name=True)

    uri: str = Field(validation_alias="MLFLOW_TRACKING_URI")
    username: str = Field(default="", validation_alias="MLFLOW_TRACKING_USERNAME")
    password: SecretStr = Field(default=SecretStr(""), validation_alias="MLFLOW_TRACKING_PASSWORD")
    token: SecretStr = Field(default=SecretStr(""), validation_alias="MLFLOW_TRACKING_TOKEN")
    timeout_s: float = Field(default=10.0, gt=0, validation_alias="MLFLOW_HTTP_REQUEST_TIMEOUT")

    @property
    def server(self) -> TrackingServer:
        """The server, and as whom to ask it."""
        password, token = self.password.get_secret_value(), self.token.get_secret_value()
        return tracking_server(self.uri, username=self.username, password=password, token=token)


class SparkSettings(BaseSettings):
    """How Spark is started."""

    model_config = SettingsConfigDict(frozen=True, populate_by_name=True)

    jars: str = Field(default="", validation_alias="SWATHE_SPARK_JARS")
    memory: str = Field(default="2g", validation_alias="SWATHE_SPARK_MEMORY")
    master: str = Field(default="local[*]", validation_alias="SPARK_MASTER")


def tracking_settings() -> TrackingSettings:
    """Return where the tracking server is; credentials in its URI go to where MLflow's client looks for others.

    Whatever that client says of the URI, or stores, is then without them.

    Raises
    ------
    ConfigurationError: it is not set, or is a file rather than a server.
    """
    environment.settle(os.environ)
    try:
        settings = TrackingSettings()
    except ValidationError as error:
        names = ", ".join(str(fault["loc"][0]) for fault in error.errors())
        raise ConfigurationError(
            f"{names} is not set or not valid; {remedies.set_environment()} sets what the running services need"
        ) from error
    if not is_server(settings.uri):
        raise ConfigurationError(no_server(settings.uri))
    server = settings.server
    os.environ.update(server.environment)
    known = {"uri": server.uri, "username": server.username, "password": SecretStr(server.password)}
    return settings.model_copy(update=known)


def is_server(uri: str) -> bool:
    """Whether ``uri`` is that of a tracking server, and not of a file or a database."""
    return re.match(r"https?://[^/]", uri) is not None


def no_server(uri: str) -> str:
    """Return the words for a ``uri`` that is none of a tracking server."""
    if uri:
        said = f"MLFLOW_TRACKING_URI={without_credentials(uri)} is no http(s) address"
    else:
        said = "MLFLOW_TRACKING_URI is not set"
    meant = f" (did you mean http://{uri}?)" if re.fullmatch(r"[\w.-]+:\d+/?", uri) else ""
    return f"{said}{meant}; versions are numbered by a tracking server, which {remedies.set_environment()} points to"


def spark_settings() -> SparkSettings:
    """Return how Spark is to be started.

    Raises
    ------
    ConfigurationError: the jars that read `s3a://` are not named or not there, Java is not where JAVA_HOME says
        or too old, or the memory is no size.
    """
    environment.settle(os.environ)
    settings = SparkSettings()
    if not settings.jars:
        raise ConfigurationError(
            "SWATHE_SPARK_JARS is not set, so Spark could not read s3a://; "
            f"{remedies.set_environment()} sets it after {remedies.infra_up()}"
        )
    gone = [jar for jar in settings.jars.split(",") if not Path(jar).is_file()]
    if gone:
        raise ConfigurationError(f"SWATHE_SPARK_JARS names {gone[0]}, which is not there; run {remedies.infra_up()}")
    _check_java(os.environ.get("JAVA_HOME", ""))
    if not re.fullmatch(r"[1-9][0-9]*[kmgtKMGT]", settings.memory):
        raise ConfigurationError(f"SWATHE_SPARK_MEMORY={settings.memory} is not a size such as 2g")
    return settings


def _check_java(home: str) -> None:
    """Look for Java before anything is begun: Spark's own launcher tells what it misses in a trace, after a run has."""
    remedy = f"set JAVA_HOME to a Java {_OLDEST_JAVA} or newer, or unset it; {remedies.infra_up()} brings one"
    java = Path(home) / "bin" / "java" if home else shutil.which("java")
    if java is None:
        raise ConfigurationError(f"no java on PATH, and JAVA_HOME is not set; {remedy}")
    if not os.access(java, os.X_OK):
        raise ConfigurationError(f"JAVA_HOME={home} holds no bin/java that can be run; {remedy}")
    # What PATH names is a link into a Java's home, as often as not; that of Java 8 may be its `jre`.
    found_in = Path(home) if home else Path(java).resolve().parent.parent
    told = (found_in.parent if found_in.name == "jre" else found_in) / "release"
    said = told.read_text(errors="replace") if told.is_file() else ""
    found = re.search(r'^JAVA_VERSION="(?:1\.)?(\d+)', said, re.MULTILINE)
    if found is not None and int(found[1]) < _OLDEST_JAVA:
        named = f"JAVA_HOME={home}" if home else f"JAVA_HOME is not set, and {java} on PATH"
        raise ConfigurationError(f"{named} is Java {found[1]}; {remedy}")
