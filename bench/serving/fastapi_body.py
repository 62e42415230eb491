"""Baseline A: a FastAPI route with a typed body, as FastAPI's documentation shows it."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from bench.serving.model import given

app = FastAPI()
assigner, chain = given()


class Row(BaseModel):
    """One flight."""

    dep_delay: float | None
    arr_delay: float | None
    air_time: float | None
    distance: float | None
    sched_dep_time: float | None


class Body(BaseModel):
    """Some flights."""

    dataframe_records: list[Row]


@app.post("/predict")
async def predict(body: Body) -> Any:
    """Return the cluster of each flight."""
    values = [list(row.model_dump().values()) for row in body.dataframe_records]
    clusters, distances = assigner.assign(np.array(values, dtype=np.float64))
    labels = assigner.scoring.labels
    predictions = [
        {"cluster": cluster, "label": labels[cluster], "distance": distance}
        for cluster, distance in zip(clusters.tolist(), distances.tolist(), strict=True)
    ]
    return {"predictions": predictions, **chain}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), access_log=False, log_level="warning")
