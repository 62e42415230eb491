"""Fits encode → impute → assemble → scale → weigh, the stages before any clustering of typed rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from pyspark import StorageLevel
from pyspark.ml import Pipeline
from pyspark.ml.feature import (
    ElementwiseProduct,
    Imputer,
    ImputerModel,
    SQLTransformer,
    StandardScaler,
    StandardScalerModel,
    VectorAssembler,
)
from pyspark.ml.linalg import Vectors

from contract.batch import OFFSET, PARTITION
from contract.features import CellType, Declared
from contract.model_version import ROW_ID
from pipeline.train.kinds.clusters import encode
from pipeline.train.kinds.clusters.fit_encoding import fit_encoding
from pipeline.train.kinds.clusters.prepared import ASSEMBLED, RANK_ERROR, SCALED, FitScaler, Prepared
from scoring.features import Encoding
from scoring.forms import Category, Number

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel
    from pyspark.ml.base import Estimator, Transformer
    from pyspark.sql import DataFrame

# A name that no column of a stream can have: theirs begin with a letter.
_STANDARD: Final = "_standard"


def prepare_typed(
    rows: DataFrame,
    features: Sequence[Declared],
    inputs: Mapping[str, CellType],
    impute: str,
    fit_scaler: FitScaler = StandardScaler.fit,
) -> Prepared:
    """Fit the stages before the clustering on ``rows``, which are best cached; ``impute`` is `mean` or `median`.

    Raises
    ------
    DataError: the rows cannot be encoded so.
    """
    encoding = fit_encoding(rows, features, inputs)
    strategies = _strategies(encoding, features, impute)
    before = Pipeline(stages=_stages(encoding, strategies)).fit(rows)
    assembled = before.transform(rows)
    scaler = fit_scaler(StandardScaler(inputCol=ASSEMBLED, outputCol=_STANDARD, withMean=True, withStd=True), assembled)
    std = tuple(float(x) for x in scaler.std.toArray())
    factors = _factors(encoding, features, std)
    weighing = _weighed(scaler, factors)
    prepared = assembled
    for stage in weighing:
        prepared = stage.transform(prepared)
    prepared = prepared.select(ROW_ID, PARTITION, OFFSET, *inputs, SCALED).persist(StorageLevel.MEMORY_AND_DISK)
    return Prepared(
        stages=(*before.stages, *weighing),
        rows=prepared,
        surrogates=_surrogates(before, strategies),
        mean=tuple(float(x) for x in scaler.mean.toArray()),
        std=std,
        encoding=encoding,
        factors=factors,
    )


def _encoded(place: int) -> str:
    return f"_encoded_{place}"


def _imputed(place: int) -> str:
    return f"_imputed_{place}"


def _strategies(encoding: Encoding, features: Sequence[Declared], impute: str) -> list[str | None]:
    """Return how each encoded column [d] is imputed; None where it is never missing."""
    found: list[str | None] = []
    for fitted, feature in zip(encoding.features, features, strict=True):
        strategy = "mean" if feature.missing == "flag" else feature.missing or impute
        width = len(fitted.columns)
        values = 0 if isinstance(fitted, Category) else width - fitted.flag
        found += [strategy] * values + [None] * (width - values)
    return found


def _stages(encoding: Encoding, strategies: Sequence[str | None]) -> list[Estimator[Any] | Transformer]:
    expressions = ", ".join(f"{each} AS `{_encoded(j)}`" for j, each in enumerate(encode.columns(encoding)))
    stages: list[Estimator[Any] | Transformer] = [
        SQLTransformer(statement=f"SELECT *, {expressions} FROM __THIS__")  # noqa: S608 - values are hexadecimal bytes
    ]
    for strategy in sorted({each for each in strategies if each is not None}):
        places = [j for j, each in enumerate(strategies) if each == strategy]
        stages.append(
            Imputer(
                strategy=strategy,
                inputCols=[_encoded(j) for j in places],
                outputCols=[_imputed(j) for j in places],
                relativeError=RANK_ERROR,
            )
        )
    names = [_encoded(j) if each is None else _imputed(j) for j, each in enumerate(strategies)]
    return [*stages, VectorAssembler(inputCols=names, outputCol=ASSEMBLED)]


def _surrogates(before: PipelineModel, strategies: Sequence[str | None]) -> tuple[float, ...]:
    found = [0.0] * len(strategies)
    for imputer in before.stages:
        row = imputer.surrogateDF.first() if isinstance(imputer, ImputerModel) else None
        for name, value in row.asDict().items() if row is not None else ():
            found[int(name.removeprefix(_encoded(0)[:-1]))] = float(value)
    return tuple(found)


def _factors(encoding: Encoding, features: Sequence[Declared], std: Sequence[float]) -> tuple[float, ...]:
    """Return what the scaled columns [d] are weighed by.

    A 0/1 column and a point on a circle get their own units back, in which a category's values are √2 apart, and a
    circle is one.
    """
    found: list[float] = []
    for fitted, feature in zip(encoding.features, features, strict=True):
        standard = len(fitted.columns) - fitted.flag if isinstance(fitted, Number) else 0
        at = len(found)
        found += [feature.weight] * standard
        found += [x * feature.weight for x in std[at + standard : at + len(fitted.columns)]]
    return tuple(found)


def _weighed(scaler: StandardScalerModel, factors: Sequence[float]) -> list[Transformer]:
    """Return the stages from the assembled column to the scaled one."""
    if all(factor == 1 for factor in factors):
        return [scaler.setOutputCol(SCALED)]
    return [scaler, ElementwiseProduct(scalingVec=Vectors.dense(factors), inputCol=_STANDARD, outputCol=SCALED)]
