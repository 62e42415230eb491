"""Takes the components out of a fitted GaussianMixture, with their covariances decomposed as Spark does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from py4j.java_gateway import get_field  # type: ignore[import-untyped]

from contract.errors import DataError
from scoring.arrays import Floats

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


def components(spark: SparkSession, model: GaussianMixtureModel, features: Sequence[str]) -> Components:
    """Return the components of ``model``, whose numbers are called ``features``.

    The eigenvalues come from the LAPACK of Spark's own JVM. Of a covariance near to singular, as categories and
    booleans make it, the least ones are rounding alone: another library's differ, and the density with them.

    Raises
    ------
    DataError: a number is none, or a covariance cannot be decomposed.
    """
    found = model.gaussiansDF.collect()
    weights = tuple(float(x) for x in model.weights)
    means = _rows(row["mean"].toArray().tolist() for row in found)
    covariances = tuple(_rows(row["cov"].toArray().tolist()) for row in found)
    refuse_no_numbers(weights, means, covariances, features)
    decomposed = [_eigen(spark, covariance) for covariance in covariances]
    return Components(
        weights=weights,
        means=means,
        covariances=covariances,
        eigenvalues=tuple(values for values, _ in decomposed),
        eigenvectors=tuple(vectors for _, vectors in decomposed),
    )


def refuse_no_numbers(
    weights: Sequence[float], means: Rows, covariances: Sequence[Rows], features: Sequence[str]
) -> None:
    """Refuse a mixture with a number that is none.

    Raises
    ------
    DataError: names the first of ``features`` that it belongs to.
    """
    wrong = ~np.isfinite(np.array(means)).all(axis=0) | ~np.isfinite(np.array(covariances)).all(axis=(0, 1))
    if wrong.any() or not np.isfinite(weights).all():
        named = f" of feature {features[int(wrong.argmax())]!r}" if wrong.any() else ""
        raise DataError(
            f"the mixture ended in weights, means or covariances{named} that are no numbers; choose features whose "
            f"values lie less far apart"
        )


def _rows(values: Any) -> Rows:
    return tuple(tuple(float(x) for x in row) for row in values)


def _eigen(spark: SparkSession, covariance: Rows) -> tuple[tuple[float, ...], Rows]:
    """Call what `breeze.linalg.eigSym` calls for `MultivariateGaussian`: `dsyev`, of the lower triangle.

    Raises
    ------
    DataError: it does not come to an end, and nor would Spark.
    """
    gateway, width = spark.sparkContext._gateway, len(covariance)
    assert gateway is not None  # noqa: S101 - there is a session
    jvm, double = gateway.jvm, gateway.jvm.double
    matrix, values = gateway.new_array(double, width * width), gateway.new_array(double, width)
    # Bytes go to the JVM and back at once; each element of an array would be a question of its own.
    given = bytearray(np.array(covariance, dtype=">f8").tobytes())
    jvm.java.nio.ByteBuffer.wrap(given).asDoubleBuffer().get(matrix)
    room = 3 * width - 1
    done = jvm.org.netlib.util.intW(0)
    lapack = jvm.dev.ludovic.netlib.lapack.LAPACK.getInstance()
    lapack.dsyev("V", "L", width, matrix, width, values, gateway.new_array(double, room), room, done)
    refuse_failure(get_field(done, "val"))
    return tuple(_doubles(jvm, values).tolist()), _rows(_doubles(jvm, matrix).reshape(width, width).tolist())


def refuse_failure(found: int) -> None:
    """Refuse a covariance whose decomposition LAPACK ended with the ``found`` value of `info`.

    Raises
    ------
    DataError: it is not 0.
    """
    if found != 0:
        raise DataError(
            f"a covariance cannot be decomposed (LAPACK's dsyev ends with info {found}); choose features whose values "
            f"lie less far apart"
        )


def _doubles(jvm: Any, array: Any) -> Floats:
    """Return the doubles of an array in the JVM."""
    taken = jvm.java.nio.ByteBuffer.allocate(8 * len(array))
    taken.asDoubleBuffer().put(array)
    return np.frombuffer(taken.array(), dtype=">f8").astype(np.float64)
