"""The version to be beaten, as it said of itself: in a file of its artifact or, before there was one, in its tags."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping

from contract.errors import ModelArtifactError
from contract.model_version import TAG_REF_SILHOUETTE, TAG_REF_WSSSE, TAG_REFERENCE
from contract.version_facts import FACTS_FILE, facts_from_json
from pipeline.train.kinds.clusters.gate import Champion
from pipeline.train.mlflow_client.registry import RegisteredVersion
from pipeline.train.mlflow_client.upload import ArtifactStore

logger = logging.getLogger(__name__)


def champion_of(version: RegisteredVersion, artifacts: ArtifactStore) -> Champion:
    """Return ``version`` as the one to be beaten; one whose artifact cannot be read holds nobody back.

    Raises
    ------
    ServiceDownError: the tracking server does not give its artifact.
    """
    if TAG_REFERENCE in version.tags:
        tags = version.tags
        return Champion(
            version.number, tags[TAG_REFERENCE], _real(tags, TAG_REF_SILHOUETTE), _real(tags, TAG_REF_WSSSE)
        )
    try:
        body = artifacts.read(version.source, (FACTS_FILE,))[FACTS_FILE]
        facts = facts_from_json(body, f"version {version.number}")
    except ModelArtifactError as error:
        logger.warning("champion not compared with version=%d reason=%s", version.number, error)
        return Champion(version.number, None, None, None)
    return Champion(version.number, facts.reference, facts.ref_silhouette, facts.ref_wssse_per_row)


def _real(tags: Mapping[str, str], name: str) -> float | None:
    with contextlib.suppress(KeyError, ValueError):
        return float(tags[name])
    return None
