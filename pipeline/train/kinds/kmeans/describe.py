"""What is written of a KMeans fit beside its numbers: parameters, and how its clusters were found."""

from __future__ import annotations

from contract.kinds.clusters import KRange
from contract.kinds.kmeans import KMeans
from pipeline.train.kinds.clusters.describe import preparing_params, preparing_sentences
from pipeline.train.kinds.clusters.k_curve import Sweep
from pipeline.train.kinds.kmeans.fit import RANDOM, Clustering


def run_params(model: KMeans, k: int, seed: int) -> dict[str, object]:
    """Return the parameters of a run: what may differ between runs, under the same keys in every one.

    Short ones, because MLflow writes them above each picture. The features are in the model's signature. MLflow's
    page of compared runs draws nothing until a parameter differs: the batch always does.
    """
    return {
        "k": k,
        "k_search": f"{model.k.start}..{model.k.to}" if isinstance(model.k, KRange) else "fixed",
        "seed": seed,
        **preparing_params(model),
        "tol": model.tol,
    }


def fit_sentences(model: KMeans, clustering: Clustering, next_step: float, swept: Sweep | None) -> list[str]:
    """Return what has to be said of how the clusters were found: where k is from, and what came out otherwise."""
    said = [f"{swept.reason}."] if swept is not None else []
    if clustering.seed not in model.tried_seeds:
        how = "from distinct points, drawn at random" if clustering.start == RANDOM else "by k-means||"
        said.append(
            f"From the seeds asked for, Spark's k-means|| finds fewer than {len(clustering.centers)} centres; "
            f"these began {how}, with seed {clustering.seed}."
        )
    if next_step > model.tol:
        said.append(
            f"KMeans **stopped at `max_iter`** ({model.max_iter}): one more would still move a centre by "
            f"{next_step:.2g}, and {model.tol:g} (`tol`) is where it ends."
        )
    return said + preparing_sentences(model)
