"""Fits cast → impute → assemble → scale, the stages before any clustering."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyspark import StorageLevel
from pyspark.ml import Pipeline
from pyspark.ml.feature import (
    Imputer,
    ImputerModel,
    SQLTransformer,
    StandardScaler,
    StandardScalerModel,
    VectorAssembler,
)

from contract.batch import OFFSET, PARTITION
from contract.model_version import ROW_ID

if TYPE_CHECKING:
    from pyspark.ml.base import Transformer
    from pyspark.sql import DataFrame

# Names that no column of a stream can have: theirs begin with a letter.
ASSEMBLED: Final = "_assembled"
SCALED: Final = "_scaled"

RANK_ERROR: Final = 0.001
"""Of the median that Imputer approximates: its rank among n values is within this share of n of the middle."""


@dataclass(frozen=True)
class Prepared:
    """A batch with every stage but the last fitted: ``rows`` carry the scaled vector and are cached."""

    stages: tuple[Transformer, ...]
    rows: DataFrame
    surrogates: tuple[float, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def scales(self) -> list[tuple[float, float, float]]:
        """Surrogate, mean and deviation of each feature."""
        return list(zip(self.surrogates, self.mean, self.std, strict=True))


def _cast(name: str) -> str:
    return f"_double_{name}"


def _imputed(name: str) -> str:
    return f"_imputed_{name}"


def prepare(rows: DataFrame, features: Sequence[str], impute: str) -> Prepared:
    """Fit the stages before the clustering on ``rows``, which are best cached; ``impute`` is `mean` or `median`."""
    casts = ", ".join(f"CAST(`{name}` AS DOUBLE) AS `{_cast(name)}`" for name in features)
    pipeline = Pipeline(
        stages=[
            # Imputer truncates its surrogate on integer columns.
            SQLTransformer(statement=f"SELECT *, {casts} FROM __THIS__"),  # noqa: S608 - names match the contract
            Imputer(
                strategy=impute,
                inputCols=[_cast(name) for name in features],
                outputCols=[_imputed(name) for name in features],
                relativeError=RANK_ERROR,
            ),
            VectorAssembler(inputCols=[_imputed(name) for name in features], outputCol=ASSEMBLED),
            StandardScaler(inputCol=ASSEMBLED, outputCol=SCALED, withMean=True, withStd=True),
        ]
    )
    fitted = pipeline.fit(rows)
    scaled = fitted.transform(rows).select(ROW_ID, PARTITION, OFFSET, *features, SCALED)
    scaled.persist(StorageLevel.MEMORY_AND_DISK)
    imputer, scaler = fitted.stages[1], fitted.stages[3]
    assert isinstance(imputer, ImputerModel)  # noqa: S101 - the order of the stages above
    assert isinstance(scaler, StandardScalerModel)  # noqa: S101
    surrogates = imputer.surrogateDF.first()
    assert surrogates is not None  # noqa: S101 - always one row
    return Prepared(
        stages=tuple(fitted.stages),
        rows=scaled,
        surrogates=tuple(float(surrogates[_cast(name)]) for name in features),
        mean=tuple(float(x) for x in scaler.mean.toArray()),
        std=tuple(float(x) for x in scaler.std.toArray()),
    )
