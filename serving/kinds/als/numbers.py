"""The numbers of a version, mapped from checked copies of its files; other processes map the same by their paths."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from contract.errors import ModelArtifactError, VersionUnavailableError
from contract.recommender import Columns
from scoring.als import AlsScorer
from scoring.factors import Recommender
from scoring.item_ratings import ItemRatings
from serving.kinds.als.names import Names


class Files(NamedTuple):
    """Where the numbers are, by the names of their files, and what their columns are: all that goes to a worker."""

    paths: tuple[tuple[str, Path], ...]
    columns: Columns


class RecommenderNumbers(NamedTuple):
    """What a version answers with."""

    scorer: AlsScorer
    users: Names
    items: Names
    rated: ItemRatings

    @property
    def implicit(self) -> bool:
        """Whether a rating says how sure a preference is."""
        return self.scorer.recommender.implicit


def load(files: Files) -> RecommenderNumbers:
    """Return the numbers in ``files``.

    Raises
    ------
    ModelArtifactError: a file is not as it should be.
    OSError: it is not there.
    """
    paths = {PurePosixPath(name).name: path for name, path in files.paths}
    try:
        recommender = Recommender.of_files(paths)
        rated = ItemRatings.of_files(paths, len(recommender.items))
        users, items = Names(recommender.users, files.columns.user), Names(recommender.items, files.columns.item)
    except ValueError as error:
        raise ModelArtifactError(str(error)) from error
    # Whatever takes long is made here, not for the first request, which the event loop may answer.
    for each in (recommender.users, recommender.items, rated):
        each.prepare()
    return RecommenderNumbers(AlsScorer(recommender), users, items, rated)


@lru_cache(maxsize=8)
def _mapped(files: Files) -> RecommenderNumbers:
    return load(files)


def mapped(files: Files) -> RecommenderNumbers:
    """Return the numbers in ``files`` in a process that has not loaded the version; the last few are kept.

    Raises
    ------
    VersionUnavailableError: the server's copies are gone.
    """
    try:
        return _mapped(files)
    except (OSError, ModelArtifactError) as error:
        problem = f"the server's copy of its files cannot be read: {error}; restart the server, which fetches it again"
        raise VersionUnavailableError(problem) from error
