"""Takes the tree out of a fitted BisectingKMeans: Spark shows the leaves alone, and predicts by the inner nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.ml.clustering import BisectingKMeansModel
    from pyspark.sql import Row, SparkSession


@dataclass(frozen=True)
class Tree:
    """nodes: [m, d] centres, each before its children; children: [m] their places in ``nodes``, none for a leaf.

    Leaves stand in the order of Spark's clusters. There may be fewer of them than were asked for.
    """

    nodes: tuple[tuple[float, ...], ...]
    children: tuple[tuple[int, ...], ...]


def tree(spark: SparkSession, model: BisectingKMeansModel, directory: str) -> Tree:
    """Return the tree of ``model`` as Spark itself saves it.

    Parameters
    ----------
    directory: a path not there yet that all of Spark's processes can write; whoever gives it removes it
    """
    model.write().save(directory)
    # Written by `BisectingKMeansModel.SaveLoadV3_0` in Spark's sources, inside the directory of the ml model.
    saved = spark.read.parquet(f"{directory}/data/data").select("index", "center", "children").collect()
    rows = {row["index"]: row for row in saved}
    order = _root_first(rows)
    places = {index: place for place, index in enumerate(order)}
    return Tree(
        nodes=tuple(tuple(float(x) for x in rows[index]["center"].toArray()) for index in order),
        children=tuple(tuple(places[child] for child in rows[index]["children"]) for index in order),
    )


def _root_first(rows: dict[int, Row]) -> list[int]:
    """Return the indices of the nodes, each before its children and those from left to right, as Spark numbers leaves.

    A tree may be as deep as it has leaves, so no recursion.
    """
    (root,) = set(rows) - {child for row in rows.values() for child in row["children"]}
    order, waiting = [], [root]
    while waiting:
        order.append(waiting.pop())
        waiting += reversed(rows[order[-1]]["children"])
    return order
