"""Rows as training prepares them for any clustering: Spark's own imputer and scaler, and what they were fitted to."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
from pyspark.ml import PipelineModel
from pyspark.ml.feature import Imputer, StandardScaler, VectorAssembler
from pyspark.sql import DataFrame, SparkSession

from pipeline.train.kinds.bisecting.scaler import fit_away_from_zero
from scoring.arrays import Floats


@dataclass(frozen=True)
class Chain:
    """d features, fitted."""

    features: tuple[str, ...]
    surrogates: tuple[float, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    stages: PipelineModel

    def scaled(self, spark: SparkSession, values: Floats) -> DataFrame:
        """Return ``values`` [n, d], NaN where missing, as vectors `scaled` beside their number `n`."""
        return self.stages.transform(frame(spark, values)).select("n", "scaled")


def frame(spark: SparkSession, values: Floats) -> DataFrame:
    """Return ``values`` [n, d] in one partition, numbered."""
    columns = {f"f{j}": pa.array(values[:, j], from_pandas=True) for j in range(values.shape[1])}
    return spark.createDataFrame(pa.table({"n": pa.array(range(len(values)), pa.int64()), **columns})).coalesce(1)


def fit_chain(spark: SparkSession, values: Floats, *, away_from_zero: bool = False) -> Chain:
    """Fit imputer and scaler to ``values`` [n, d]."""
    features = tuple(f"f{j}" for j in range(values.shape[1]))
    imputed = [f"_{name}" for name in features]
    imputer = Imputer(strategy="mean", inputCols=list(features), outputCols=imputed).fit(frame(spark, values))
    assembler = VectorAssembler(inputCols=imputed, outputCol="assembled")
    assembled = assembler.transform(imputer.transform(frame(spark, values)))
    scaler = StandardScaler(inputCol="assembled", outputCol="scaled", withMean=True, withStd=True)
    fitted = fit_away_from_zero(scaler, assembled) if away_from_zero else scaler.fit(assembled)
    surrogates = imputer.surrogateDF.first()
    assert surrogates is not None
    return Chain(
        features=features,
        surrogates=tuple(float(surrogates[name]) for name in features),
        mean=tuple(float(x) for x in fitted.mean.toArray()),
        std=tuple(float(x) for x in fitted.std.toArray()),
        stages=PipelineModel(stages=[imputer, assembler, fitted]),
    )
