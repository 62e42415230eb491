"""Fits a Gaussian mixture on prepared rows, and takes the fitted numbers out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyspark.ml.clustering import GaussianMixture, GaussianMixtureModel

from contract.errors import DataError
from contract.kinds.mixture import GaussianMixture as MixtureSection
from contract.model_version import CLUSTER
from pipeline.train.kinds.clusters.assign import PROBABILITIES
from pipeline.train.kinds.clusters.distinct import distinct_points, too_few
from pipeline.train.kinds.clusters.prepared import SCALED, Prepared
from pipeline.train.kinds.mixture.components import Components, components

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# So many rows nearly always hold enough points, and to look at all of them takes long.
_FIRST_ROWS: Final = 10_000


@dataclass(frozen=True)
class Fit:
    """A fitted mixture; ``log_likelihood`` is that of all rows, as Spark saw it before its last step."""

    model: GaussianMixtureModel
    components: Components
    iterations: int
    log_likelihood: float


def fit_mixture(spark: SparkSession, prepared: Prepared, model: MixtureSection, features: Sequence[str]) -> Fit:
    """Fit a mixture on ``prepared`` rows, whose numbers are called ``features``.

    A covariance may be singular: Spark leaves out the directions in which a component has no width.

    Raises
    ------
    DataError: the rows hold fewer distinct points than components, or the fit ended in no numbers.
    """
    scaled = prepared.rows.select(SCALED)
    _refuse_few_points(scaled, model.k)
    mixture = GaussianMixture(
        featuresCol=SCALED,
        predictionCol=CLUSTER,
        probabilityCol=PROBABILITIES,
        k=model.k,
        seed=model.seed,
        maxIter=model.max_iter,
        tol=model.tol,
    )
    fitted = mixture.fit(scaled)
    summary = fitted.summary
    return Fit(fitted, components(spark, fitted, features), int(summary.numIter), float(summary.logLikelihood))


def _refuse_few_points(scaled: DataFrame, k: int) -> None:
    if distinct_points(scaled.limit(_FIRST_ROWS)).count() < k:
        distinct = distinct_points(scaled).count()
        if distinct < k:
            raise DataError(too_few(distinct, k))
