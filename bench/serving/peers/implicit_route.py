"""Implicit's own fold-in behind a bare FastAPI route: `implicit_route.py FACTORS PORT`, in its own environment."""

# mypy: ignore-errors
from __future__ import annotations

import sys

import numpy as np
import uvicorn
from fastapi import FastAPI
from implicit.cpu.als import AlternatingLeastSquares
from pydantic import BaseModel
from scipy.sparse import csr_matrix

app = FastAPI()
factors = np.load(sys.argv[1])
model = AlternatingLeastSquares(factors=factors.shape[1], regularization=0.1, num_threads=1)
model.item_factors, model.user_factors = factors, factors[:1]


class Rating(BaseModel):
    """What a user gave an item."""

    item: int
    rating: float


class Body(BaseModel):
    """The ratings of a user."""

    ratings: list[Rating]
    n: int = 10


@app.post("/recommend")
async def recommend(body: Body) -> dict:
    """Return the best items."""
    given = [each.rating for each in body.ratings], ([0] * len(body.ratings), [each.item for each in body.ratings])
    rated = csr_matrix(given, shape=(1, len(factors)))
    items, scores = model.recommend(0, rated, N=body.n, recalculate_user=True)
    pairs = zip(items.tolist(), scores.tolist(), strict=True)
    return {"recommendations": [{"item": item, "score": score} for item, score in pairs]}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), access_log=False, log_level="warning")
