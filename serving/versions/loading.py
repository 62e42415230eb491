"""Brings one version's numbers here, checks them against what Spark said, and keeps checked copies."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Mapping
from typing import Final

import numpy as np

from contract.artifact import GOLDEN, SCORING
from contract.decoding import too_large
from contract.errors import ModelArtifactError
from contract.lineage import LINEAGE, Lineage, lineage_from_json
from contract.model_version import (
    GOLDEN_FILE,
    LINEAGE_FILE,
    SCORING_FILE,
    STATISTICS,
    STATISTICS_FILE,
    ClusterStatistics,
    statistics_from_json,
)
from contract.version_facts import FACTS, FACTS_FILE, facts_from_json
from scoring.golden import Golden
from scoring.kmeans import Assigner, Scoring
from serving.budget import Budget
from serving.versions.cache import LocalCache
from serving.versions.catalogue import Numbers
from serving.versions.registry import Location, Registry

logger = logging.getLogger(__name__)

FILES: Final = (SCORING_FILE, STATISTICS_FILE, GOLDEN_FILE)
DIRECTORY: Final = "swathe"
# Versions of before there were these have none.
OPTIONAL_FILES: Final = (LINEAGE_FILE, FACTS_FILE)
MOST_BYTES: Final[Mapping[str, int]] = {
    SCORING_FILE: SCORING.most_bytes,
    STATISTICS_FILE: STATISTICS.most_bytes,
    GOLDEN_FILE: GOLDEN.most_bytes,
    LINEAGE_FILE: LINEAGE.most_bytes,
    FACTS_FILE: FACTS.most_bytes,
}
# Memory is that of one decoded artifact, however many are on their way; side by side would not be quicker.
_READING: Final = threading.RLock()
# Of the files as they are fetched, of all artifacts together: a largest one is on its way alone.
_FETCHED: Final = Budget(192 * 2**20)


def fetch(registry: Registry, location: Location, cache: LocalCache) -> Numbers:
    """Return the numbers of the artifact at ``location``; its files are in ``cache`` afterwards.

    Raises
    ------
    ModelArtifactError: a file is missing, is not what it should be, or disagrees with the golden file.
    ServiceDownError, UnreadableAnswerError: the registry does not answer, or not with the artifact.
    """
    there = registry.file_sizes(location, DIRECTORY)
    missing = [name for name in FILES if name not in there]
    if missing:
        raise ModelArtifactError(f"the artifact has no file {', '.join(missing)}")
    wanted = [*FILES, *(name for name in OPTIONAL_FILES if name in there)]
    for name in wanted:
        size = there[name] or 0
        if size > MOST_BYTES[name]:
            raise ModelArtifactError(f"{name}: {too_large(size, MOST_BYTES[name])}")
    # A size that the server does not tell may be all that it may be.
    most = {name: MOST_BYTES[name] if there[name] is None else there[name] or 0 for name in wanted}
    with _FETCHED.holding(sum(most.values())):
        bodies = {name: registry.download(location, name, MOST_BYTES[name]) for name in wanted}
        numbers = read(bodies)
        try:
            for body in bodies.values():
                cache.put(body)
        except OSError as error:
            # A full disk costs a restart without the registry, never an answer.
            logger.warning("artifact not cached directory=%s error=%s", cache.directory, error)
    return numbers


def restore(digests: Mapping[str, str], cache: LocalCache) -> Numbers | None:
    """Return the numbers whose files ``cache`` has under ``digests``; None where it has not all of them.

    Raises
    ------
    ModelArtifactError: as :func:`fetch`.
    """
    bodies: dict[str, bytes] = {}
    with _READING:
        for name in {*FILES, *(name for name in OPTIONAL_FILES if name in digests)}:
            body = cache.get(digests.get(name, ""), MOST_BYTES[name])
            if body is None:
                return None
            bodies[name] = body
        return read(bodies)


def read(bodies: Mapping[str, bytes]) -> Numbers:
    """Return the numbers in an artifact's files, by name. Whatever is derived from them later can be derived.

    Raises
    ------
    ModelArtifactError: as :func:`fetch`.
    """
    with _READING:
        scoring = _scoring(bodies[SCORING_FILE])
        statistics = tuple(statistics_from_json(bodies[STATISTICS_FILE], STATISTICS_FILE))
        _check_statistics(statistics, scoring)
        lineage = lineage_from_json(bodies[LINEAGE_FILE], LINEAGE_FILE) if LINEAGE_FILE in bodies else None
        if lineage is not None:
            _check_lineage(lineage, scoring)
        assigner = Assigner(scoring)
        _check_golden(bodies[GOLDEN_FILE], assigner)
        digests = {name: hashlib.sha256(body).hexdigest() for name, body in bodies.items()}
        facts = facts_from_json(bodies[FACTS_FILE], FACTS_FILE) if FACTS_FILE in bodies else None
        return Numbers(scoring, assigner, statistics, digests, lineage, facts)


def _scoring(body: bytes) -> Scoring:
    try:
        file = SCORING.decode(body)
        scoring = Scoring(file.features, file.surrogates, file.mean, file.std, file.centers, file.labels)
        for what, names in (("feature", scoring.features), ("label", scoring.labels)):
            if len(set(names)) < len(names):
                raise ValueError(f"a {what} stands twice")
    except ValueError as error:
        raise ModelArtifactError(f"{SCORING_FILE}: {error}") from error
    return scoring


def _check_statistics(clusters: tuple[ClusterStatistics, ...], scoring: Scoring) -> None:
    found = [(each.cluster, each.label) for each in clusters]
    if found != list(enumerate(scoring.labels)):
        raise ModelArtifactError(f"{STATISTICS_FILE} has {len(found)} clusters, {SCORING_FILE} has others")
    for each in clusters:
        if len(each.centroid) != len(scoring.features) or not each.features.keys() >= set(scoring.features):
            raise ModelArtifactError(
                f"{STATISTICS_FILE}: cluster {each.cluster} has other features than {SCORING_FILE}"
            )


def _check_lineage(lineage: Lineage, scoring: Scoring) -> None:
    if lineage.labels != scoring.labels:
        raise ModelArtifactError(f"{LINEAGE_FILE} and {SCORING_FILE} name different labels")


def _check_golden(body: bytes, assigner: Assigner) -> None:
    try:
        golden = _golden(body)
    except ValueError as error:
        raise ModelArtifactError(f"{GOLDEN_FILE}: {error}") from error
    if golden.features != assigner.scoring.features:
        raise ModelArtifactError(f"{GOLDEN_FILE} and {SCORING_FILE} name different features")
    # A distance beyond the largest double is infinite here as in Spark, and no golden file can hold it.
    with np.errstate(all="ignore"):
        wrong = golden.disagreements(assigner)
    if wrong:
        raise ModelArtifactError(
            f"{len(wrong)} of {len(golden.rows)} golden rows get another answer here than from Spark, "
            f"the first is row {wrong[0]}"
        )


def _golden(body: bytes) -> Golden:
    file = GOLDEN.decode(body)
    width = len(file.features)
    if any(len(row) != width for row in file.rows):
        raise ValueError(f"every row needs {width} numbers, one a feature")
    # numpy reads None as NaN.
    rows = np.array(file.rows, dtype=np.float64)
    return Golden(file.features, rows, np.array(file.clusters, dtype=np.int32), np.array(file.distances))
