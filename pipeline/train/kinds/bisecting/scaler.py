"""Scales for BisectingKMeans, which cannot divide rows whose mean is zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.ml.functions import array_to_vector, vector_to_array
from pyspark.sql import functions as fn

from scoring.bisecting import SHIFT

if TYPE_CHECKING:
    from pyspark.ml.feature import StandardScaler, StandardScalerModel
    from pyspark.sql import DataFrame


def fit_away_from_zero(scaler: StandardScaler, assembled: DataFrame) -> StandardScalerModel:
    """Fit ``scaler`` to ``assembled`` so that the rows it scales have the mean ``SHIFT`` instead of 0.

    Distances stay the same. `BisectingKMeans.splitCenter` of Spark moves the two first centres apart by a share of the
    norm of the mean: around zero they are the same doubles, every row goes left, and one cluster comes of any k.
    """
    column = scaler.getInputCol()
    deviations = fn.array(*(fn.lit(float(x) * SHIFT) for x in scaler.fit(assembled).std.toArray()))
    lowered = fn.zip_with(vector_to_array(fn.col(column)), deviations, lambda x, deviation: x - deviation)
    return scaler.fit(assembled.select(array_to_vector(lowered).alias(column)))
