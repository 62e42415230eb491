"""MLflow's own types, for the rooms that hand them on and do not speak with it."""

from __future__ import annotations

from mlflow.entities import LoggedModel, Run
from mlflow.models import Model as MlflowModel

__all__ = ["LoggedModel", "MlflowModel", "Run"]
