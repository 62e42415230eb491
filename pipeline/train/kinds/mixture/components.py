"""Takes the components out of a fitted GaussianMixture, with their covariances decomposed as Spark does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.ml.clustering import GaussianMixtureModel
    from pyspark.sql import SparkSession

Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Components:
    """weights [k]; means [k, d]; covariances [k, d, d]; eigenvalues [k, d], rising; eigenvectors [k, d, d] in rows."""

    weights: tuple[float, ...]
    means: Rows
    covariances: tuple[Rows, ...]
    eigenvalues: Rows
    eigenvectors: tuple[Rows, ...]


def components(spark: SparkSession, model: GaussianMixtureModel) -> Components:
    """Return the components of ``model``.

    The eigenvalues come from the LAPACK of Spark's own JVM. Of a covariance near to singular, as categories and
    booleans make it, the least ones are rounding alone: another library's differ, and the density with them.
    """
    found = model.gaussiansDF.collect()
    covariances = tuple(_rows(row["cov"].toArray().tolist()) for row in found)
    decomposed = [_eigen(spark, covariance) for covariance in covariances]
    return Components(
        weights=tuple(float(x) for x in model.weights),
        means=_rows(row["mean"].toArray().tolist() for row in found),
        covariances=covariances,
        eigenvalues=tuple(values for values, _ in decomposed),
        eigenvectors=tuple(vectors for _, vectors in decomposed),
    )


def _rows(values: Any) -> Rows:
    return tuple(tuple(float(x) for x in row) for row in values)


def _eigen(spark: SparkSession, covariance: Rows) -> tuple[tuple[float, ...], Rows]:
    """Call what `breeze.linalg.eigSym` calls for `MultivariateGaussian`: `dsyev`, of the lower triangle."""
    gateway, width = spark.sparkContext._gateway, len(covariance)
    assert gateway is not None  # noqa: S101 - there is a session
    jvm, double = gateway.jvm, gateway.jvm.double
    matrix, values = gateway.new_array(double, width * width), gateway.new_array(double, width)
    for place, x in enumerate(x for row in covariance for x in row):
        matrix[place] = x
    room = 3 * width - 1
    done = jvm.org.netlib.util.intW(0)
    lapack = jvm.dev.ludovic.netlib.lapack.LAPACK.getInstance()
    lapack.dsyev("V", "L", width, matrix, width, values, gateway.new_array(double, room), room, done)
    flat = list(matrix)
    return tuple(values), tuple(tuple(flat[i * width : (i + 1) * width]) for i in range(width))
