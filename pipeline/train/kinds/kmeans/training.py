"""Fits KMeans on prepared rows, with the k that the stream file says or that is found."""

from __future__ import annotations

from contract.kinds.clusters import KRange
from contract.kinds.kmeans import KMeans
from pipeline.train.kinds.clusters import evaluate
from pipeline.train.kinds.clusters.assign import assign
from pipeline.train.kinds.clusters.prepared import SCALED, Prepared
from pipeline.train.kinds.clusters.trained import Trained
from pipeline.train.kinds.kmeans import describe
from pipeline.train.kinds.kmeans.choose_k import sweep
from pipeline.train.kinds.kmeans.fit import next_step, scoring
from pipeline.train.kinds.kmeans.starts import fit_from_seeds
from pipeline.train.stopwatch import Stopwatch


def train(prepared: Prepared, rows: int, model: KMeans, watch: Stopwatch) -> Trained:
    """Cluster ``prepared`` rows.

    Raises
    ------
    DataError: the rows hold fewer distinct points than clusters asked for.
    """
    swept = None
    if isinstance(model.k, KRange):
        with watch.measured("k_search"):
            swept = sweep(prepared, rows, model, model.k)
    with watch.measured("fit"):
        wanted = swept.k if swept is not None else model.fewest
        clustering = fit_from_seeds(prepared.rows.select(SCALED), model, wanted, model.tried_seeds)
        # Spark does not tell one that converged in its last iteration from one that was stopped.
        left = next_step(prepared, clustering) if clustering.iterations >= model.max_iter else 0.0
    k = len(clustering.centers)
    # Clusters have their numbers, until labels are known from the version before.
    unnamed = scoring(prepared, clustering, [str(i) for i in range(k)])
    assigned = assign(prepared.rows, clustering.model, unnamed)
    with watch.measured("statistics"):
        clusters = evaluate.cluster_rows(assigned, prepared.encoding, k)
    return Trained(
        prepared,
        clustering.model,
        unnamed,
        clusters,
        assigned,
        rows,
        swept=swept,
        params=describe.run_params(model, k, clustering.seed),
        metrics={"iterations": clustering.iterations, "converged": left <= model.tol},
        sentences=describe.fit_sentences(model, clustering, left, swept),
    )
