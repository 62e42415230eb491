"""Bisecting KMeans as a kind of model."""

from __future__ import annotations

from dataclasses import replace

from pyspark.ml.clustering import BisectingKMeans as SparkBisectingKMeans
from pyspark.ml.clustering import BisectingKMeansModel
from pyspark.ml.feature import StandardScaler, StandardScalerModel
from pyspark.sql import DataFrame

from contract.errors import DataError
from contract.kinds.bisecting import BisectingKMeans
from contract.model_version import CLUSTER
from pipeline.train.kinds.bisecting.scaler import fit_away_from_zero
from pipeline.train.kinds.bisecting.tree import tree
from pipeline.train.kinds.clusters import evaluate
from pipeline.train.kinds.clusters.assign import assign
from pipeline.train.kinds.clusters.clustering import SCORING, Clustering
from pipeline.train.kinds.clusters.describe import preparing_params, preparing_sentences
from pipeline.train.kinds.clusters.prepared import SCALED, Prepared
from pipeline.train.kinds.clusters.trained import Trained
from pipeline.train.kinds.kind import Batch
from pipeline.train.kinds.scratch import scratch_directory
from pipeline.train.stopwatch import Stopwatch
from scoring.bisecting import SHIFT, BisectingScoring


class BisectingKind(Clustering):
    """Bisecting KMeans, opened for one series."""

    loader = "load_bisecting"
    code = (SCORING / "bisecting.py", SCORING / "load_bisecting.py")

    @staticmethod
    def read_numbers(body: bytes) -> BisectingScoring:
        """Return the numbers in a scoring file.

        Raises
        ------
        ValueError: not a scoring file of bisecting KMeans.
        """
        return BisectingScoring.from_json(body)

    def fit_scaler(self, scaler: StandardScaler, assembled: DataFrame) -> StandardScalerModel:
        """Fit ``scaler`` so that the rows' mean is not zero, around which Spark divides nothing."""
        return fit_away_from_zero(scaler, assembled)

    def train(self, prepared: Prepared, rows: int, batch: Batch, watch: Stopwatch) -> Trained:
        """Cluster ``prepared`` rows, ``rows`` of them.

        Raises
        ------
        DataError: they cannot be divided even once.
        """
        model = self._opened.series.stream.section(BisectingKMeans)
        prepared = replace(prepared, offset=SHIFT)
        with watch.measured("fit"), scratch_directory(batch) as directory:
            fitted = divided(prepared, model)
            found = tree(batch.spark, fitted, directory)
        leaves = sum(not below for below in found.children)
        if leaves < model.fewest:
            raise DataError(
                f"the rows cannot be divided: bisecting KMeans made one cluster of {rows} rows; choose features that "
                f"differ more{_advice(model)}"
            )
        # Clusters have their numbers, until labels are known from the version before.
        labels = tuple(str(i) for i in range(leaves))
        scales = prepared.surrogates, prepared.mean, prepared.std
        typed = prepared.factors, prepared.typed
        unnamed = BisectingScoring(prepared.features, *scales, found.nodes, found.children, labels, *typed)
        assigned = assign(prepared.rows, fitted, unnamed)
        with watch.measured("statistics"):
            clusters = evaluate.cluster_rows(assigned, prepared.encoding, leaves)
        params = _params(model, leaves)
        return Trained(
            prepared, fitted, unnamed, clusters, assigned, rows, params=params, sentences=_said(model, leaves)
        )


def divided(prepared: Prepared, model: BisectingKMeans) -> BisectingKMeansModel:
    """Return what Spark makes of ``prepared`` rows."""
    return SparkBisectingKMeans(
        featuresCol=SCALED,
        predictionCol=CLUSTER,
        k=model.k,
        seed=model.seed,
        maxIter=model.max_iter,
        minDivisibleClusterSize=model.min_divisible,
    ).fit(prepared.rows.select(SCALED))


def _advice(model: BisectingKMeans) -> str:
    if model.min_divisible == 1:
        return ""
    lower = "a number nearer to 1" if model.min_divisible > 1 else "a smaller share"
    return f", or give {lower} as min_divisible, which is {model.min_divisible:g}"


def _params(model: BisectingKMeans, leaves: int) -> dict[str, object]:
    return {
        "k": leaves,
        "k_asked": model.k,
        "seed": model.seed,
        **preparing_params(model),
        "min_divisible": model.min_divisible,
    }


def _said(model: BisectingKMeans, leaves: int) -> list[str]:
    said = []
    if leaves < model.k:
        said.append(f"The tree ended with {leaves} of the {model.k} clusters asked for: no more could be divided.")
    return said + preparing_sentences(model)
