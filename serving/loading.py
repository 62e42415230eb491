"""Brings one version's numbers here, checks them against what Spark said, and keeps checked copies."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from contract.errors import ModelArtifactError
from contract.lineage import lineage_from_json
from contract.model_version import GOLDEN_FILE, LINEAGE_FILE, SCORING_FILE, STATISTICS_FILE, statistics_from_json
from scoring.golden import Golden
from scoring.kmeans import Assigner, Scoring
from serving.cache import LocalCache
from serving.catalogue import Numbers
from serving.registry import Location, Registry

FILES: Final = (SCORING_FILE, STATISTICS_FILE, GOLDEN_FILE)
DIRECTORY: Final = "swathe"
# Versions of before there was a lineage have none.
OPTIONAL_FILES: Final = (LINEAGE_FILE,)


def fetch(registry: Registry, location: Location, cache: LocalCache) -> Numbers:
    """Return the numbers of the artifact at ``location``; its files are in ``cache`` afterwards.

    Raises
    ------
    ModelArtifactError: a file is missing, is not what it should be, or disagrees with the golden file.
    ServiceDownError: the registry does not answer.
    """
    there = registry.file_names(location, DIRECTORY)
    missing = [name for name in FILES if name not in there]
    if missing:
        raise ModelArtifactError(f"the artifact has no file {', '.join(missing)}")
    wanted = [*FILES, *(name for name in OPTIONAL_FILES if name in there)]
    bodies = {name: registry.download(location, name) for name in wanted}
    numbers = read(bodies)
    for body in bodies.values():
        cache.put(body)
    return numbers


def restore(digests: Mapping[str, str], cache: LocalCache) -> Numbers | None:
    """Return the numbers whose files ``cache`` has under ``digests``; None where it has not all of them.

    Raises
    ------
    ModelArtifactError: as :func:`fetch`.
    """
    bodies: dict[str, bytes] = {}
    for name in {*FILES, *digests}:
        body = cache.get(digests.get(name, ""))
        if body is None:
            return None
        bodies[name] = body
    return read(bodies)


def read(bodies: Mapping[str, bytes]) -> Numbers:
    """Return the numbers in an artifact's files, by name.

    Raises
    ------
    ModelArtifactError: as :func:`fetch`.
    """
    scoring = _scoring(bodies[SCORING_FILE])
    assigner = Assigner(scoring)
    _check_golden(bodies[GOLDEN_FILE], assigner)
    statistics = tuple(statistics_from_json(bodies[STATISTICS_FILE], STATISTICS_FILE))
    if len(statistics) != len(scoring.centers):
        raise ModelArtifactError(f"{STATISTICS_FILE} has {len(statistics)} clusters, {SCORING_FILE} has others")
    lineage = lineage_from_json(bodies[LINEAGE_FILE], LINEAGE_FILE) if LINEAGE_FILE in bodies else None
    digests = {name: hashlib.sha256(body).hexdigest() for name, body in bodies.items()}
    return Numbers(scoring, assigner, statistics, digests, lineage)


def _scoring(body: bytes) -> Scoring:
    try:
        return Scoring.from_json(body)
    except ValueError as error:
        raise ModelArtifactError(f"{SCORING_FILE}: {error}") from error


def _check_golden(body: bytes, assigner: Assigner) -> None:
    try:
        golden = Golden.from_json(body)
    except ValueError as error:
        raise ModelArtifactError(f"{GOLDEN_FILE}: {error}") from error
    if golden.features != assigner.scoring.features:
        raise ModelArtifactError(f"{GOLDEN_FILE} and {SCORING_FILE} name different features")
    wrong = golden.disagreements(assigner)
    if wrong:
        raise ModelArtifactError(
            f"{len(wrong)} of {len(golden.rows)} golden rows get another answer here than from Spark, "
            f"the first is row {wrong[0]}"
        )
