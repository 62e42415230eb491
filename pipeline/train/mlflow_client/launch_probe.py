"""`mlflow run`: one sentence at once where the tracking server is down or none is named, and no line but its command's.

MLflow's own command turns to its store before any code of the project runs: to a server with a traceback where that is
down, and where no server is named to a database file that it makes for the purpose. It makes its plugins when it is
imported, and asks them for headers before each request (entry points in pyproject.toml): the places to speak earlier.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import re
import sys
from pathlib import Path
from typing import Final

import httpx
from mlflow.tracking import get_tracking_uri
from mlflow.tracking.default_experiment.abstract_context import DefaultExperimentProvider
from mlflow.tracking.request_header.abstract_request_header_provider import RequestHeaderProvider

from contract import log_lines
from contract.errors import ServiceDownError
from contract.model_version import LAUNCHES_EXPERIMENT
from pipeline.train.settings import is_server, no_server

TIMEOUT_S = 5.0


_PROJECT: Final = re.compile(r"^name:\s*swathe\s*$", re.MULTILINE)


def _is_mlflow_run() -> bool:
    return "mlflow" in Path(sys.argv[0]).parts[-2:] and sys.argv[1:2] == ["run"]


def _is_of_this_project() -> bool:
    """Whether one of the words of the command is a directory that holds Swathe's MLproject."""
    projects = (Path(word) / "MLproject" for word in sys.argv[2:])
    return any(path.is_file() and _PROJECT.search(path.read_text(errors="replace")) for path in projects)


def _logs_launches() -> bool:
    """Whether the project's environment is set, as where its project is named by a git URL."""
    return os.environ.get("MLFLOW_EXPERIMENT_NAME") == LAUNCHES_EXPERIMENT


def _keep_its_lines() -> None:
    """Send what `mlflow run` itself says to a log file, but for errors, until this process ends."""
    from console import library_log  # noqa: PLC0415 - of no use to other programs that import mlflow

    errors = logging.StreamHandler()
    errors.setLevel(logging.ERROR)
    errors.setFormatter(log_lines.Formatter("%(name)s: %(message)s"))
    until_its_end = contextlib.ExitStack()
    until_its_end.enter_context(library_log.kept("mlflow-run", and_to=errors))
    atexit.register(until_its_end.close)


class ServerNamed(DefaultExperimentProvider):
    """Ends `mlflow run` of this project with a clear error where no tracking server is named; names no experiment."""

    def __init__(self) -> None:
        """Exit with code 1 if this is `mlflow run` of this project without a tracking server.

        When it is made: MLflow asks for no experiment where one is named, as the project's environment does.
        """
        # Nothing else than the variable can name one before MLflow's own command has begun.
        uri = os.environ.get("MLFLOW_TRACKING_URI", "")
        if _is_mlflow_run() and not is_server(uri) and _is_of_this_project():
            raise SystemExit(f"error: {no_server(uri)}")
        if _is_mlflow_run() and (_is_of_this_project() or _logs_launches()):
            _keep_its_lines()

    def in_context(self) -> bool:
        """Return False: this names no experiment."""
        return False

    def get_experiment_id(self) -> str:
        """Never asked for, since this names none."""
        raise LookupError("no experiment is named here")


class LaunchProbe(RequestHeaderProvider):
    """Ends `mlflow run` with a clear error when the tracking server does not answer; adds no header."""

    _answered = False

    def in_context(self) -> bool:
        """Whether this process is `mlflow run` against a tracking server, and has not asked it yet."""
        return not self._answered and _is_mlflow_run() and is_server(get_tracking_uri())

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
