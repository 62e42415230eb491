"""Writes the model as MLflow's documentation has one write a custom one: `python -m … NUMBERS FOLDER`."""

from __future__ import annotations

import sys
from typing import Any

import mlflow.pyfunc
import pandas as pd

from bench.serving.model import FEATURES, given


class Model(mlflow.pyfunc.PythonModel):  # type: ignore[name-defined,misc] # it is named at run time
    """The version."""

    def load_context(self, context: Any) -> None:
        """Take the model in."""
        self.assigner, _ = given(context.artifacts["numbers"])

    def predict(self, context: Any, model_input: pd.DataFrame) -> list[dict[str, Any]]:  # noqa: ARG002 - MLflow's form
        """Return the cluster of each flight."""
        clusters, distances = self.assigner.assign(model_input[list(FEATURES)].to_numpy(dtype="float64"))
        labels = self.assigner.scoring.labels
        return [
            {"cluster": cluster, "label": labels[cluster], "distance": distance}
            for cluster, distance in zip(clusters.tolist(), distances.tolist(), strict=True)
        ]


if __name__ == "__main__":
    mlflow.pyfunc.save_model(
        sys.argv[2], python_model=Model(), artifacts={"numbers": sys.argv[1]}, pip_requirements=["numpy"]
    )
