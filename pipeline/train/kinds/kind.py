"""What training needs of a kind of model; how kinds are found is in `contract.kind`, why the cut is here in ADR 28."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from contract.batch import Manifest
from contract.kind import half, kinds
from contract.version_facts import VersionFacts
from pipeline.landed_types import LandedColumns
from pipeline.object_store import ObjectStore
from pipeline.train.mlflow_client.artifact import Code
from pipeline.train.mlflow_client.registry import RegisteredVersion, Registry
from pipeline.train.mlflow_client.upload import ArtifactStore
from pipeline.train.series import Series
from pipeline.train.stopwatch import Stopwatch

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel
    from pyspark.sql import SparkSession

Pixels = npt.NDArray[np.uint8]
Earned = Literal["champion", "challenger", "none"]


@dataclass(frozen=True)
class Opened:
    """What the kind of a series may look at: the stream file, earlier versions, the object store."""

    series: Series
    store: ObjectStore
    registry: Registry
    artifacts: ArtifactStore


@dataclass(frozen=True)
class Batch:
    """What one version is made of: the rows of ``manifests``, of which the last is the newest."""

    spark: SparkSession
    run_id: str
    manifests: Sequence[Manifest]
    scratch: Callable[[str], str] = str
    """Where every process of Spark's can write, for a local path."""
    landed: Mapping[str, LandedColumns] = field(default_factory=dict)
    """The columns of each part, which may be others than the stream file's by now."""

    @property
    def number(self) -> int:
        """Number of the batch, and of the version that it becomes."""
        return self.manifests[-1].batch


@dataclass(frozen=True)
class Made:
    """A version, proved and measured, before anybody else knows of it.

    model_type: what MLflow calls such a model; inputs: the columns that it reads; answers: those that it gives, each
    with the name of MLflow's type; params: of the run, beside batch and rows; curves: values by step; tables: columns
    of a table, by the file's name; sentences: of the description; reference: key of the sample on which metrics under
    `ref/` were measured, if any; code: what the artifact carries to load by.
    """

    model: PipelineModel
    model_type: str
    inputs: Mapping[str, str]
    answers: Mapping[str, str]
    rows: int
    params: Mapping[str, object]
    metrics: Mapping[str, float]
    curves: Mapping[str, Mapping[int, float]]
    tables: Mapping[str, Mapping[str, list[object]]]
    sentences: Sequence[str]
    reference: str | None
    code: Code
    files: Callable[[VersionFacts], Mapping[str, bytes]]
    """The artifact's files beside Spark's own, by name, each below `swathe/`; the facts are those of the batch.

    They are in the artifact whatever the kind returns; one that has more to tell in them returns their file as well.
    """
    results: Future[str] | None
    """Key of the manifest of what is stored beside the artifact, once it is written; None where nothing is."""
    pictures: Future[dict[str, Pixels]]
    """Each [height, width, 3]."""


class Fitted(Protocol):
    """A model that Spark has fitted, whose rows are still at hand."""

    def made(self, beside: ThreadPoolExecutor, watch: Stopwatch) -> Made:
        """Prove that numpy answers as Spark does, compare, measure; write results and draw in the threads ``beside``.

        Raises
        ------
        ModelArtifactError: numpy and Spark disagree, or an earlier version cannot be read.
        ChainError: what is compared with cannot be read.
        """


@dataclass(frozen=True)
class Check:
    """One measured value, None where it could not be measured, against its limit."""

    name: str
    value: float | None
    limit: float
    passed: bool


@dataclass(frozen=True)
class Decision:
    """What a version earned, and why; ``champion`` is the version it was compared with."""

    earned: Earned
    reason: str
    absolute: tuple[Check, ...]
    relative: tuple[Check, ...]
    champion: int | None

    @classmethod
    def of(cls, absolute: tuple[Check, ...], relative: tuple[Check, ...], champion: int | None) -> Decision:
        """Return what is earned: nothing without the ``absolute`` checks, the challenger's alias by them alone.

        Without ``relative`` checks a champion cannot be compared with, and holds nobody back.
        """
        failed = [check for check in (*absolute, *relative) if not check.passed]
        earned: Earned = "challenger" if failed else "champion"
        if not all(check.passed for check in absolute):
            earned = "none"
        return cls(earned, _reason(failed, relative, champion), absolute, relative, champion)

    def to_json(self) -> str:
        """Return the decision as text."""
        return json.dumps(asdict(self), indent=1)


def _reason(failed: Sequence[Check], relative: Sequence[Check], champion: int | None) -> str:
    if failed:
        return "; ".join(f"{check.name} is {_say(check.value)}, limit {check.limit:.4g}" for check in failed)
    if relative:
        return f"passed every check, beside champion version {champion}"
    if champion is not None:
        return f"passed the absolute checks; champion version {champion} was measured otherwise, and holds nobody back"
    return "passed the absolute checks; there is no champion to be compared with"


def _say(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.4g}"


class Kind(Protocol):
    """A kind of model, opened for one series."""

    @property
    def link(self) -> str:
        """What is linked from a version's description: the end of one of its routes."""

    def fitted(self, batch: Batch, watch: Stopwatch) -> AbstractContextManager[Fitted]:
        """Read and check the rows of ``batch`` and fit; what Spark keeps of them is let go with the block.

        Entered in a thread of its own, maybe while the batch before is in `Fitted.made`, and left in that of `made`.

        Raises
        ------
        DataError: the rows cannot be trained.
        ChainError: the parts hold other rows than the manifests say.
        """

    def decide(
        self, metrics: Mapping[str, float], reference: str | None, champion: RegisteredVersion | None
    ) -> Decision:
        """Return what a version with ``metrics`` earns beside ``champion``."""

    def headline(self, metrics: Mapping[str, float]) -> str:
        """Return in a few words how good a version is."""


def open_kind(opened: Opened) -> Kind:
    """Return the kind that the series' stream file names, opened for the series.

    Raises
    ------
    ConfigurationError: its package has no training half.
    """
    name = opened.series.stream.model.kind
    opening: Any = half(name, kinds()[name].training)
    found: Kind = opening(opened)
    return found
