"""Earlier versions of a recommender, of which it is told how they do on a batch that they have not seen."""

from __future__ import annotations

import functools
import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contract.errors import ModelArtifactError
from contract.model_version import STATISTICS_FILE
from contract.recommender import (
    ITEM_COUNTS_FILE,
    ITEM_FACTORS_FILE,
    ITEM_MEANS_FILE,
    ITEMS_FILE,
    MOST_BYTES,
    RECOMMENDER_FILE,
    USER_FACTORS_FILE,
    USERS_FILE,
    recommender_statistics_from_json,
)
from pipeline.train.mlflow_client.registry import RegisteredVersion, Registry, last_ready
from pipeline.train.mlflow_client.upload import ArtifactStore
from scoring.als import AlsScorer
from scoring.factors import Recommender
from scoring.item_ratings import ItemRatings

logger = logging.getLogger(__name__)

_FILES: Final = (
    RECOMMENDER_FILE, USERS_FILE, ITEMS_FILE, USER_FACTORS_FILE, ITEM_FACTORS_FILE, ITEM_COUNTS_FILE, ITEM_MEANS_FILE,
    STATISTICS_FILE,
)  # fmt: skip


@dataclass(frozen=True)
class Earlier:
    """A version by its number, its factors, and the mean of the ratings that it was fitted to."""

    number: int
    scorer: AlsScorer
    of_items: ItemRatings
    mean: float


class History:
    """Reads earlier versions of one model; one that cannot be read is compared with nobody."""

    def __init__(self, registry: Registry, artifacts: ArtifactStore) -> None:
        self._registry, self._artifacts = registry, artifacts
        # The version before is most often the champion.
        self._kept = functools.lru_cache(maxsize=2)(self._read)

    def before(self, number: int) -> tuple[Earlier | None, Earlier | None]:
        """Return the last ready version before ``number``, and the champion; None where there is none.

        Raises
        ------
        ServiceDownError: the tracking server does not give an artifact.
        """
        ready = last_ready(self._registry, number)
        champion = self._registry.aliases().get("champion") if ready else None
        return self._look(ready), self._look(self._registry.version(champion) if champion else None)

    def _look(self, version: RegisteredVersion | None) -> Earlier | None:
        if version is None:
            return None
        try:
            return self._kept(version.number, version.source)
        except (ModelArtifactError, ValueError) as error:
            logger.warning("not compared with version=%d reason=%s", version.number, error)
            return None

    def _read(self, number: int, source: str) -> Earlier:
        # What is mapped stays after its name has gone.
        with tempfile.TemporaryDirectory(prefix="swathe-read-") as directory:
            self._artifacts.fetch(source, {name: MOST_BYTES[name] for name in _FILES}, Path(directory))
            statistics = recommender_statistics_from_json(
                (Path(directory) / STATISTICS_FILE).read_bytes(), f"version {number}"
            )
            folder = Path(directory) / Path(RECOMMENDER_FILE).parent
            recommender = Recommender.load(folder)
            of_items = ItemRatings.load(folder, len(recommender.items))
        return Earlier(number, AlsScorer(recommender), of_items, statistics.rating.mean)
