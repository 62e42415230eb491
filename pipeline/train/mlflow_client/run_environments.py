"""The Python environments that `mlflow run` makes, and keeps."""

from __future__ import annotations

import logging
from pathlib import Path

from mlflow.environment_variables import MLFLOW_ENV_ROOT
from mlflow.utils.environment import _PythonEnv
from mlflow.utils.virtualenv import _get_virtualenv_name


def environments() -> list[Path]:
    """Return the directories of all environments, of whatever project."""
    return sorted(Path(str(MLFLOW_ENV_ROOT.get())).glob("mlflow-*"))  # type: ignore[no-untyped-call]


def environment_name(project: Path) -> str:
    """Return the name of the environment that ``project``'s conda.yaml stands for now."""
    # It says that it leaves openjdk out, which is no news.
    logging.getLogger("mlflow.utils.environment").setLevel(logging.ERROR)
    specification = _PythonEnv.from_conda_yaml(str(project / "conda.yaml"))  # type: ignore[no-untyped-call]
    return str(_get_virtualenv_name(specification, str(project)))  # type: ignore[no-untyped-call]
