"""`mlflow run` against a tracking server that is down: one sentence at once, instead of MLflow's traceback.

MLflow's own command asks the server before any code of the project runs. It asks its plugins for headers before
each request (entry point `mlflow.request_header_provider`, in pyproject.toml): the one place to speak earlier.
"""

from __future__ import annotations

import sys
from pathlib import Path

import httpx
from mlflow.tracking import get_tracking_uri
from mlflow.tracking.request_header.abstract_request_header_provider import RequestHeaderProvider

from contract.errors import ServiceDownError

TIMEOUT_S = 5.0


class LaunchProbe(RequestHeaderProvider):
    """Ends `mlflow run` with a clear error when the tracking server does not answer; adds no header."""

    _answered = False

    def in_context(self) -> bool:
        """Whether this process is `mlflow run` against a tracking server, and has not asked it yet."""
        is_mlflow = "mlflow" in Path(sys.argv[0]).parts[-2:]
        return not self._answered and is_mlflow and sys.argv[1:2] == ["run"] and get_tracking_uri().startswith("http")

    def request_headers(self) -> dict[str, str]:
        """Return no headers; exit with code 1 if the server does not answer within ``TIMEOUT_S``."""
        uri = get_tracking_uri()
        try:
            # Any answer will do: what it says is MLflow's own business.
            httpx.get(f"{uri}/health", timeout=TIMEOUT_S)
        except httpx.ConnectError:
            reason = "no connection"
        except httpx.TimeoutException:
            reason = f"no answer within {TIMEOUT_S:g} s"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = type(error).__name__
        else:
            self._answered = True
            return {}
        raise SystemExit(f"error: {ServiceDownError('mlflow', uri, reason)}")
