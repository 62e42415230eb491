"""Where the MLflow tracking server is, and as whom to ask it: as MLflow's own client takes it from the environment."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from contract.errors import ConfigurationError
from contract.uri import without_credentials


@dataclass(frozen=True)
class TrackingServer:
    """``uri`` has no credentials in it and no slash at its end, so it may be shown and stored."""

    uri: str
    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of every request."""
        if self.username and self.password:
            pair = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables from which MLflow's client takes the same."""
        told = {
            "MLFLOW_TRACKING_URI": self.uri,
            "MLFLOW_TRACKING_USERNAME": self.username,
            "MLFLOW_TRACKING_PASSWORD": self.password,
            "MLFLOW_TRACKING_TOKEN": self.token,
        }
        return {name: value for name, value in told.items() if value}


def tracking_server(uri: str, *, username: str = "", password: str = "", token: str = "") -> TrackingServer:
    """Return the server at ``uri``; a name and password in it win, as they do in MLflow's client.

    Raises
    ------
    ConfigurationError: ``uri`` cannot be read.
    """
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError as error:
        raise ConfigurationError(
            f"MLFLOW_TRACKING_URI={without_credentials(uri)} is no URI; in a password, / ? # and @ are written as "
            "%2F, %3F, %23 and %40, or give it in MLFLOW_TRACKING_PASSWORD"
        ) from error
    if parts.username is None:
        return TrackingServer(uri.rstrip("/"), username, password, token)
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname or ""
    address = host if port is None else f"{host}:{port}"
    bare = parts._replace(netloc=address).geturl().rstrip("/")
    return TrackingServer(bare, unquote(parts.username), unquote(parts.password or ""), token)
