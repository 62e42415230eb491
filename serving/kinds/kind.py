"""What serving needs of a kind of model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from serving.kinds.prediction import Predictor


@dataclass(frozen=True)
class ArtifactFile:
    """A file of an artifact that serving reads, by its path in it. Versions may lack one that ``is_optional``."""

    name: str
    most_bytes: int
    is_optional: bool = False


class Served(Protocol):
    """A loaded version of a kind: what all others may ask of it. Immutable, so any number of threads may share it."""

    @property
    def features(self) -> tuple[str, ...]:
        """The names of what a row of a request has."""

    @property
    def example(self) -> Mapping[str, Any]:
        """A plausible row."""

    @property
    def predictor(self) -> Predictor:
        """What answers requests."""

    def takes_the_rows_of(self, other: object) -> bool:
        """Return whether what is asked of ``other``, another loaded version, can be asked of this one."""


class Kind(Protocol):
    """One kind of model."""

    @property
    def name(self) -> str:
        """What a version's tag `kind` says."""

    @property
    def files(self) -> tuple[ArtifactFile, ...]:
        """The files of an artifact that are its own."""

    def load(self, bodies: Mapping[str, bytes]) -> Served:
        """Return the version in the files of its artifact, by name: checked, above all against what Spark said.

        Raises
        ------
        ModelArtifactError: a file is not what it should be.
        """
