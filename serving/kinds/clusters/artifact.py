"""The files of a clustering's artifact: read, checked against each other and against what Spark said."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from contract.artifact import GOLDEN, GOLDEN_PROBABILITIES, NumberFile
from contract.errors import ModelArtifactError
from contract.lineage import LINEAGE, Lineage, lineage_from_json
from contract.model_version import (
    GOLDEN_FILE,
    GOLDEN_PROBABILITIES_FILE,
    LINEAGE_FILE,
    STATISTICS,
    STATISTICS_FILE,
    ClusterStatistics,
    statistics_from_json,
)
from scoring.features import Encoding
from scoring.forms import Category, Cyclic, Form
from scoring.golden import Golden, rows_of
from scoring.scorer import ClusterAssigner, ClusterNumbers
from serving.kinds.clusters.clustering import Clustering
from serving.kinds.kind import ArtifactFile

FILES: Final = (
    ArtifactFile(STATISTICS_FILE, STATISTICS.most_bytes),
    ArtifactFile(GOLDEN_FILE, GOLDEN.most_bytes),
    # Versions of before there was this have none.
    ArtifactFile(LINEAGE_FILE, LINEAGE.most_bytes, is_optional=True),
)
LIKELY_FILE: Final = ArtifactFile(GOLDEN_PROBABILITIES_FILE, GOLDEN_PROBABILITIES.most_bytes)
"""Of a clustering with a probability for each cluster."""


def read(
    bodies: Mapping[str, bytes],
    scoring_file: str,
    read_scoring: Callable[[bytes], ClusterNumbers],
    disagreements: Callable[[Golden, ClusterAssigner], Sequence[int]],
) -> Clustering:
    """Return the clustering in an artifact's files, by name; ``read_scoring`` reads ``scoring_file``.

    ``disagreements`` returns the golden rows that get another answer than from Spark.

    Raises
    ------
    ModelArtifactError: a file is not what it should be, or disagrees with another or with the golden file.
    """
    try:
        scoring = read_scoring(bodies[scoring_file])
        for what, names in (("feature", scoring.features), ("label", scoring.labels)):
            if len(set(names)) < len(names):
                raise ValueError(f"a {what} stands twice")
    except ValueError as error:
        raise ModelArtifactError(f"{scoring_file}: {error}") from error
    statistics = tuple(statistics_from_json(bodies[STATISTICS_FILE], STATISTICS_FILE))
    _check_statistics(statistics, scoring, scoring_file)
    lineage = lineage_from_json(bodies[LINEAGE_FILE], LINEAGE_FILE) if LINEAGE_FILE in bodies else None
    if lineage is not None:
        _check_lineage(lineage, scoring, scoring_file)
    assigner = scoring.assigner()
    golden = _golden(bodies[GOLDEN_FILE])
    if GOLDEN_PROBABILITIES_FILE in bodies:
        golden = _with_probabilities(golden, bodies[GOLDEN_PROBABILITIES_FILE], len(scoring.labels))
    if golden.inputs != scoring.encoding.inputs:
        raise ModelArtifactError(f"{GOLDEN_FILE} and {scoring_file} name different features")
    # A distance beyond the largest double is infinite here as in Spark, and no golden file can hold it.
    with np.errstate(all="ignore"):
        wrong = disagreements(golden, assigner)
    if wrong:
        raise ModelArtifactError(
            f"{len(wrong)} of {len(golden.rows)} golden rows get another answer here than from Spark, "
            f"the first is row {wrong[0]}"
        )
    return Clustering(assigner, statistics, lineage)


def typed(file: NumberFile) -> tuple[tuple[float, ...], Encoding | None]:
    """Return the factors and the encoding in a scoring file, none and None where its rows are plain.

    Raises
    ------
    ValueError: it is no encoding.
    """
    return file.factors or (), None if file.encoding is None else Encoding.from_fields(file.encoding.fields())


def _check_statistics(clusters: tuple[ClusterStatistics, ...], scoring: ClusterNumbers, scoring_file: str) -> None:
    found = [(each.cluster, each.label) for each in clusters]
    if found != list(enumerate(scoring.labels)):
        raise ModelArtifactError(f"{STATISTICS_FILE} has {len(found)} clusters, {scoring_file} has others")
    for each in clusters:
        told = all(_is_told(each, feature) for feature in scoring.encoding.features)
        if len(each.centroid) != len(scoring.features) or not told:
            raise ModelArtifactError(
                f"{STATISTICS_FILE}: cluster {each.cluster} has other features than {scoring_file}"
            )


def _is_told(cluster: ClusterStatistics, feature: Form) -> bool:
    """Return whether ``cluster`` has statistics of ``feature``, in its form."""
    if isinstance(feature, Category):
        return feature.name in cluster.categories
    if not isinstance(feature, Cyclic):
        return feature.name in cluster.features
    found, slots = cluster.times.get(feature.name), len(feature.table)
    return (
        found is not None
        and found.of == feature.of
        and len(found.shares) == slots
        and (found.mean is None or 0 <= found.mean <= slots)
    )


def _check_lineage(lineage: Lineage, scoring: ClusterNumbers, scoring_file: str) -> None:
    if lineage.labels != scoring.labels:
        raise ModelArtifactError(f"{LINEAGE_FILE} and {scoring_file} name different labels")


def _golden(body: bytes) -> Golden:
    try:
        file = GOLDEN.decode(body)
        width = len(file.features)
        if any(len(row) != width for row in file.rows):
            raise ValueError(f"every row needs {width} numbers, one a feature")
        rows = rows_of(file.rows, file.types or ())
        clusters, distances = np.array(file.clusters, dtype=np.int32), np.array(file.distances)
        return Golden(file.features, rows, clusters, distances, file.types or ())
    except ValueError as error:
        raise ModelArtifactError(f"{GOLDEN_FILE}: {error}") from error


def _with_probabilities(golden: Golden, body: bytes, clusters: int) -> Golden:
    try:
        rows = GOLDEN_PROBABILITIES.decode(body).probabilities
        if any(len(row) != clusters for row in rows):
            raise ValueError(f"every row needs {clusters} probabilities, one a cluster")
        return dataclasses.replace(golden, probabilities=np.array(rows))
    except ValueError as error:
        raise ModelArtifactError(f"{GOLDEN_PROBABILITIES_FILE}: {error}") from error
