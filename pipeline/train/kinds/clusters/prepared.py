"""Fits cast → impute → assemble → scale, the stages before any clustering."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from scoring.features import Encoding
from scoring.forms import Number

if TYPE_CHECKING:
    from pyspark.ml.base import Transformer
    from pyspark.sql import DataFrame

FitScaler = Callable[[StandardScaler, "DataFrame"], StandardScalerModel]
"""Fits to rows that have the column ``ASSEMBLED``."""

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
    encoding: Encoding
    factors: tuple[float, ...] = ()
    """What the scaled columns [d] are weighed by; none where rows are plain."""
    offset: float = 0.0
    """Where the scaler puts the mean of a feature that varies, in deviations."""

    @property
    def features(self) -> tuple[str, ...]:
        """Names [d] of the encoded columns."""
        return self.encoding.names

    @property
    def typed(self) -> Encoding | None:
        """The encoding, unless features are names alone."""
        return self.encoding if self.factors else None

    @property
    def origin(self) -> tuple[float, ...]:
        """Mean [d] of the rows in the scaled space."""
        origin = tuple(self.offset if std else 0.0 for std in self.std)
        return tuple(x * factor for x, factor in zip(origin, self.factors, strict=True)) if self.factors else origin

    @property
    def scales(self) -> dict[str, tuple[str, tuple[float, float, float]]]:
        """Of each feature that is a number: its column, and the surrogate, mean and deviation."""
        scales = list(zip(self.surrogates, self.mean, self.std, strict=True))
        places = {name: place for place, name in enumerate(self.encoding.names)}
        numbers = [feature for feature in self.encoding.features if isinstance(feature, Number)]
        return {feature.name: (feature.column, scales[places[feature.columns[0]]]) for feature in numbers}


def _cast(name: str) -> str:
    return f"_double_{name}"


def _imputed(name: str) -> str:
    return f"_imputed_{name}"


def prepare(
    rows: DataFrame, features: Sequence[str], impute: str, fit_scaler: FitScaler = StandardScaler.fit
) -> Prepared:
    """Fit the stages before the clustering on ``rows``, which are best cached; ``impute`` is `mean` or `median`.

    All ``features`` are numbers, as they are.
    """
    casts = ", ".join(f"CAST(`{name}` AS DOUBLE) AS `{_cast(name)}`" for name in features)
    before = Pipeline(
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
        ]
    ).fit(rows)
    assembled = before.transform(rows)
    scaler = fit_scaler(StandardScaler(inputCol=ASSEMBLED, outputCol=SCALED, withMean=True, withStd=True), assembled)
    scaled = scaler.transform(assembled).select(ROW_ID, PARTITION, OFFSET, *features, SCALED)
    scaled.persist(StorageLevel.MEMORY_AND_DISK)
    imputer = before.stages[1]
    assert isinstance(imputer, ImputerModel)  # noqa: S101 - the order of the stages above
    surrogates = imputer.surrogateDF.first()
    assert surrogates is not None  # noqa: S101 - always one row
    return Prepared(
        stages=(*before.stages, scaler),
        rows=scaled,
        surrogates=tuple(float(surrogates[_cast(name)]) for name in features),
        mean=tuple(float(x) for x in scaler.mean.toArray()),
        std=tuple(float(x) for x in scaler.std.toArray()),
        encoding=Encoding.plain(features),
    )
