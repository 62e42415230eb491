"""A kind of model that is a clustering: all of it but the fit, which each has of its own."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, cast

import scoring
from contract.kinds.clusters import Gate, Identity
from contract.version_facts import VersionFacts
from pipeline.train.kinds.clusters import describe
from pipeline.train.kinds.clusters.assign import PROBABILITIES, Sample
from pipeline.train.kinds.clusters.champion import champion_of
from pipeline.train.kinds.clusters.comparison import Comparer, Comparison
from pipeline.train.kinds.clusters.evaluate import statistics
from pipeline.train.kinds.clusters.gate import decide
from pipeline.train.kinds.clusters.numbers import Numbers
from pipeline.train.kinds.clusters.pictures import Drawn, draw
from pipeline.train.kinds.clusters.predecessor import History
from pipeline.train.kinds.clusters.prepared import Prepared
from pipeline.train.kinds.clusters.results import write_results
from pipeline.train.kinds.clusters.trained import Trained, prepared_rows, prove, silhouette
from pipeline.train.kinds.kind import Batch, Decision, Made, Opened
from pipeline.train.mlflow_client.artifact import Code
from pipeline.train.mlflow_client.registry import RegisteredVersion
from pipeline.train.stopwatch import Stopwatch
from scoring.golden import Golden
from scoring.scorer import ClusterNumbers

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.ml.feature import StandardScaler, StandardScalerModel
    from pyspark.sql import DataFrame

TRANSITIONS_FILE: Final = "transitions.json"
SCORING: Final = Path(scoring.__file__).parent
_SHARED_MODULES: Final = (
    "arrays", "clock", "euclidean", "features", "forms", "golden", "log1p", "number_file", "pyfunc", "scale",
)  # fmt: skip
_SHARED_CODE: Final = tuple(SCORING / f"{name}.py" for name in _SHARED_MODULES)
_ANSWERS: Final = {"cluster": "integer", "label": "string", "distance": "double"}


class Clustering(ABC):
    """A kind whose models are clusterings, opened for one series.

    ``loader`` is the module by which MLflow loads it, and ``code`` that one and what it imports beside what all share.
    """

    loader: ClassVar[str]
    code: ClassVar[tuple[Path, ...]]
    link: Final = "cluster-stats"

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        series = opened.series
        history = History(opened.registry, opened.artifacts, series.commands, self.read_numbers)
        self.comparer = Comparer(opened.store, series.model, history, cast("Identity", series.stream.identity))

    @staticmethod
    @abstractmethod
    def read_numbers(body: bytes) -> ClusterNumbers:
        """Return the numbers in a scoring file.

        Raises
        ------
        ValueError: not a scoring file of this kind.
        """

    def fit_scaler(self, scaler: StandardScaler, assembled: DataFrame) -> StandardScalerModel:
        """Fit ``scaler`` to rows with the assembled features."""
        return scaler.fit(assembled)

    @abstractmethod
    def train(self, prepared: Prepared, rows: int, batch: Batch, watch: Stopwatch) -> Trained:
        """Cluster ``prepared`` rows, ``rows`` of them.

        Raises
        ------
        DataError: they cannot be clustered so.
        """

    @contextmanager
    def fitted(self, batch: Batch, watch: Stopwatch) -> Iterator[FittedClustering]:
        """Read and check the rows of ``batch`` and fit; what Spark keeps of them is let go with the block."""
        stream, bucket = self._opened.series.stream, self._opened.store.bucket
        code = Code(self.loader, (*_SHARED_CODE, *self.code))
        with prepared_rows(batch, bucket, stream, self.fit_scaler, watch) as (prepared, rows):
            yield FittedClustering(self._opened, self.comparer, code, batch, self.train(prepared, rows, batch, watch))

    def decide(
        self, metrics: Mapping[str, float], reference: str | None, champion: RegisteredVersion | None
    ) -> Decision:
        """Return what a version with ``metrics`` earns beside ``champion``."""
        beaten = champion_of(champion, self._opened.artifacts) if champion else None
        return decide(metrics, reference, cast("Gate", self._opened.series.stream.gate), beaten)

    def headline(self, metrics: Mapping[str, float]) -> str:
        """Return in a few words how good a version is."""
        score = metrics.get("silhouette")
        return f"silhouette {'not measured' if score is None else f'{score:.3f}'}"


@dataclass(frozen=True)
class FittedClustering:
    """A clustering that Spark has fitted, whose rows are still cached."""

    opened: Opened
    comparer: Comparer
    code: Code
    batch: Batch
    trained: Trained

    def made(self, beside: ThreadPoolExecutor, watch: Stopwatch) -> Made:
        """Prove that numpy assigns as Spark does, compare, measure; write results and draw ``beside``."""
        proof = prove(self.batch.spark, self.trained, watch)
        golden, sample = proof.golden, proof.sample
        # Not before: rows that numpy would assign otherwise are no results.
        results = beside.submit(self._write_results, proof.all_rows)
        with watch.measured("compare"):
            comparison = self._compare(sample)
        named = self.trained.named(comparison.lineage.labels)
        pictures = beside.submit(draw, self._drawn(named, sample, comparison))
        score = silhouette(named, sample, watch)
        metrics = describe.run_metrics(named.scoring, named.clusters, score, named.metrics, named.mean)
        if sample.probabilities is not None:
            metrics |= describe.likely_metrics(sample.probabilities, proof.apart)
        table = describe.transitions_table(comparison.lineage)
        return Made(
            model=named.model,
            model_type="clusterer",
            inputs={each.name: each.type for each in named.scoring.encoding.inputs},
            answers=_answers(named.scoring, golden),
            rows=named.rows,
            params=named.params,
            metrics={**metrics, **comparison.metrics},
            curves=named.swept.curves() if named.swept is not None else {},
            tables={TRANSITIONS_FILE: table} if table else {},
            sentences=[*named.sentences, *comparison.sentences],
            reference=comparison.reference_key,
            code=self.code,
            files=partial(_files, named, golden, comparison, metrics.get("silhouette")),
            results=results,
            pictures=pictures,
        )

    def _compare(self, sample: Sample) -> Comparison:
        """Compare on the rows of the newest batch alone, which under either scheme no earlier version has seen."""
        own = sample.of(self.batch.manifests[-1])
        # Of a batch that is a sliver of all that came before, the sample may have no row.
        rows = own if len(own.rows) else sample
        return self.comparer.compare(self.batch.number, self.trained.scoring, rows)

    def _drawn(self, trained: Trained, sample: Sample, comparison: Comparison) -> Drawn:
        return Drawn(
            title=f"{self.opened.series.model} version {self.batch.number}",
            scoring=trained.scoring,
            rows=sample.rows,
            clusters=sample.clusters,
            shares=[cluster.size / trained.rows for cluster in trained.clusters],
            comparison=comparison,
            swept=trained.swept,
            cells=sample.cells,
        )

    def _write_results(self, all_rows: pa.Table | None) -> str:
        series, trained = self.opened.series, self.trained
        return write_results(
            trained.assigned.drop(PROBABILITIES),
            all_rows,
            self.opened.store,
            model=series.model,
            run_id=self.batch.run_id,
            encoding=trained.scoring.encoding,
            rows=trained.rows,
        )


def _answers(scoring: ClusterNumbers, golden: Golden) -> dict[str, str]:
    likely = [] if golden.probabilities is None else [f"probability_{label}" for label in scoring.labels]
    return _ANSWERS | dict.fromkeys(likely, "double")


def _files(
    trained: Trained, golden: Golden, comparison: Comparison, silhouette: float | None, facts: VersionFacts
) -> dict[str, bytes]:
    told = dataclasses.replace(comparison.told_in(facts), silhouette=silhouette)
    clusters = statistics(trained.clusters, trained.scoring)
    return Numbers(trained.scoring, clusters, golden, comparison.lineage, comparison.profile, told).files()
