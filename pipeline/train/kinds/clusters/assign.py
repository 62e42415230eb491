"""Each row's cluster, as the fitted Spark model gives it, and its distance, computed in the JVM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.ml.functions import vector_to_array
from pyspark.sql import functions as fn

from contract.batch import OFFSET, PARTITION, Manifest
from contract.model_version import CLUSTER, DISTANCE, ROW_ID
from pipeline.train.kinds.clusters.cells import Cells, encoded_by
from pipeline.train.kinds.clusters.prepared import SCALED
from scoring.arrays import Floats, Integers
from scoring.features import Encoding
from scoring.scorer import ClusterNumbers

if TYPE_CHECKING:
    from pyspark.ml.base import Transformer
    from pyspark.sql import Column, DataFrame

PROBABILITIES: Final = "_probabilities"
"""The column that a clustering with a probability for each cluster gives; a stream's own begin with a letter."""

# An expression for each feature takes two thirds of the time of arrays, but of many more Spark's recursions overflow.
_BY_COLUMN: Final = 100


def assign(rows: DataFrame, model: Transformer, scoring: ClusterNumbers) -> DataFrame:
    """Return ``rows`` with the cluster that ``model`` gives and the Euclidean distance in the scaled space.

    Where it gives a vector ``PROBABILITIES`` as well, they are an array there.
    """
    inputs = [each.name for each in scoring.encoding.inputs]
    found = model.transform(rows)
    likely = [vector_to_array(fn.col(PROBABILITIES)).alias(PROBABILITIES)] if PROBABILITIES in found.columns else []
    return found.select(ROW_ID, PARTITION, OFFSET, CLUSTER, _distance(scoring).alias(DISTANCE), *inputs, *likely)


def _distance(scoring: ClusterNumbers) -> Column:
    """The formula of `scoring.kmeans`, operation for operation, so that the doubles are the same."""
    # Weighed columns are only known as the scaled vector.
    by_column = len(scoring.features) <= _BY_COLUMN and not scoring.factors
    return fn.sqrt(_by_column(scoring) if by_column else _over_arrays(scoring))


def _by_column(scoring: ClusterNumbers) -> Column:
    squares: list[Column] = []
    for j, name in enumerate(scoring.features):
        std = scoring.std[j]
        factor = 0.0 if std == 0.0 else 1.0 / std
        filled = fn.coalesce(fn.col(name), fn.lit(scoring.surrogates[j]))
        scaled = (filled - fn.lit(scoring.mean[j])) * fn.lit(factor)
        center = fn.array(*(fn.lit(center[j]) for center in scoring.centers))[fn.col(CLUSTER)]
        squares.append((scaled - center) * (scaled - center))
    return reduce(lambda left, right: left + right, squares)


def _over_arrays(scoring: ClusterNumbers) -> Column:
    width = len(scoring.features)
    numbers = fn.lit(" ".join(repr(x) for center in scoring.centers for x in center))
    centers = fn.split(numbers, " ").cast("array<double>")
    center = fn.slice(centers, fn.col(CLUSTER) * width + 1, fn.lit(width))
    squares = fn.zip_with(vector_to_array(fn.col(SCALED)), center, lambda x, c: (x - c) * (x - c))
    return fn.aggregate(squares, fn.lit(0.0), lambda total, square: total + square)


@dataclass(frozen=True)
class Sample:
    """Rows in the driver, in the order of their coordinates: partitions [n] and offsets [n].

    Features [n, d] with NaN where missing; Spark's clusters [n]; distances [n]; the probabilities [n, k], of a
    clustering that has them. Of typed rows the features are the columns of the encoding in ``cells``, which has the
    rows as they landed.
    """

    rows: Floats
    clusters: Integers
    distances: Floats
    partitions: Integers
    offsets: npt.NDArray[np.int64]
    probabilities: Floats | None = None
    cells: Cells | None = None

    def of(self, manifest: Manifest) -> Sample:
        """Return the rows that belong to the batch of ``manifest``."""
        inside = np.zeros(len(self.rows), dtype=np.bool_)
        for lane, (first, after) in manifest.offsets.items():
            inside |= (self.partitions == lane) & (self.offsets >= first) & (self.offsets < after)
        if inside.all():
            return self
        values: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        own: dict[str, Any] = {name: None if value is None else value[inside] for name, value in values.items()}
        return Sample(**own)

    def encoded(self, encoding: Encoding) -> Floats:
        """Return the rows in the columns of another version's ``encoding``."""
        return encoded_by(encoding, self.rows, self.cells)


def thin(rows: DataFrame, total: int, limit: int) -> DataFrame:
    """Return about ``limit`` of the ``total`` rows, chosen by their coordinates: the same ones every time."""
    if total <= limit:
        return rows
    every = -(-total // limit)
    return rows.where(fn.pmod(fn.xxhash64(PARTITION, OFFSET), fn.lit(every)) == 0)


def collect(assigned: DataFrame, encoding: Encoding) -> Sample:
    """Bring assigned rows to the driver, in the order of their coordinates."""
    return sample_of(assigned.drop(ROW_ID).toArrow(), encoding)


def sample_of(table: pa.Table, encoding: Encoding) -> Sample:
    """Return rows that were brought to the driver, in the order of their coordinates."""
    inputs = [each.name for each in encoding.inputs]
    also = PROBABILITIES in table.schema.names
    partitions, offsets = table.column(PARTITION).to_numpy(), table.column(OFFSET).to_numpy()
    order = np.lexsort((offsets, partitions))
    cells = None if encoding.is_plain else Cells.of_table(encoding, table)[order]
    values = _numbers(table, inputs, order) if cells is None else cells.encoded(encoding)
    clusters: Integers = table.column(CLUSTER).to_numpy()[order].astype(np.int32)
    distances: Floats = table.column(DISTANCE).to_numpy()[order]
    coordinates = partitions[order].astype(np.int32), offsets[order].astype(np.int64)
    return Sample(values, clusters, distances, *coordinates, _likely(table)[order] if also else None, cells)


def _numbers(table: pa.Table, names: Sequence[str], order: npt.NDArray[np.intp]) -> Floats:
    values: Floats = np.empty((table.num_rows, len(names)), dtype=np.float64, order="F")
    for j, name in enumerate(names):
        # An Arrow null becomes NaN here.
        values[:, j] = table.column(name).to_numpy()[order]
    return values


def _likely(table: pa.Table) -> Floats:
    lists = table.column(PROBABILITIES).combine_chunks()
    flat: Floats = lists.flatten().to_numpy().reshape(len(lists), -1)
    return flat
