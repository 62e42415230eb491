"""ALS as a kind of model."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, cast

import scoring
from contract.kinds.als import Als, AlsGate
from contract.model_version import GOLDEN_FILE, STATISTICS_FILE
from contract.recommender import RecommenderStatistics, recommender_statistics_to_json
from contract.version_facts import FACTS_FILE, VersionFacts, facts_to_json
from pipeline.train.kinds.als import describe
from pipeline.train.kinds.als.collected import Collected, collect
from pipeline.train.kinds.als.comparison import HELD_OUT, Comparison, compare
from pipeline.train.kinds.als.earlier import History
from pipeline.train.kinds.als.fit import Fitted, Vocabulary, fit, vocabulary
from pipeline.train.kinds.als.gate import NDCG, decide
from pipeline.train.kinds.als.lists import best_items, write_lists
from pipeline.train.kinds.als.pictures import Drawn, draw
from pipeline.train.kinds.als.prove import prove
from pipeline.train.kinds.als.ratings import Ratings, read_ratings
from pipeline.train.kinds.kind import Batch, Decision, Made, Opened
from pipeline.train.kinds.scratch import scratch_directory
from pipeline.train.mlflow_client.artifact import Code
from pipeline.train.mlflow_client.registry import RegisteredVersion
from pipeline.train.stopwatch import Stopwatch
from scoring.als import AlsScorer
from scoring.golden_ratings import GoldenRatings

_SCORING: Final = Path(scoring.__file__).parent
_CODE: Final = tuple(
    _SCORING / f"{name}.py" for name in ("als", "arrays", "factors", "golden_ratings", "ids", "load_als", "mapped")
)
# MLflow's name of what a column holds.
_TYPES: Final = {"string": "string", "int32": "integer", "int64": "long"}


class AlsKind:
    """ALS, opened for one series."""

    link: Final = "model-stats"

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._history = History(opened.registry, opened.artifacts)

    @contextmanager
    def fitted(self, batch: Batch, watch: Stopwatch) -> Iterator[FittedAls]:
        """Read and check the ratings of ``batch`` and fit; what Spark keeps of them is let go with the block."""
        stream, bucket = self._opened.series.stream, self._opened.store.bucket
        with ExitStack() as kept:
            with watch.measured("read"):
                ratings = kept.enter_context(read_ratings(batch, bucket, stream))
            with watch.measured("prepare"):
                known = vocabulary(ratings)
            with watch.measured("fit"):
                fitted = fit(ratings, known, batch.spark, kept.enter_context(scratch_directory(batch)))
            yield FittedAls(self._opened, self._history, batch, ratings, fitted, kept)

    def decide(
        self,
        metrics: Mapping[str, float],
        reference: str | None,  # noqa: ARG002 - there is no sample beside the batches
        champion: RegisteredVersion | None,
    ) -> Decision:
        """Return what a version with ``metrics`` earns beside ``champion``."""
        stream = self._opened.series.stream
        beaten = champion.number if champion else None
        return decide(metrics, cast("AlsGate", stream.gate), beaten, implicit=stream.section(Als).implicit)

    def headline(self, metrics: Mapping[str, float]) -> str:
        """Return in a few words how good a version is."""
        for name, word in ((f"{HELD_OUT}/rmse", "RMSE"), (f"{HELD_OUT}/{NDCG}", "NDCG@10")):
            if name in metrics:
                return f"{word} {metrics[name]:.3f}"
        return "nothing held out to measure"


@dataclass(frozen=True)
class FittedAls:
    """A recommender that Spark has fitted, whose ratings are still cached."""

    opened: Opened
    history: History
    batch: Batch
    ratings: Ratings
    fitted: Fitted
    kept: ExitStack
    """Ends what is cached, with the ratings."""

    def made(self, beside: ThreadPoolExecutor, watch: Stopwatch) -> Made:
        """Prove that numpy answers as Spark does, compare, measure; write lists and draw ``beside``."""
        series, known = self.opened.series, self.fitted.vocabulary
        scorer = AlsScorer(self.fitted.recommender)
        with watch.measured("parity"):
            collected = collect(self.ratings)
            best = self.kept.enter_context(best_items(self.fitted, self.ratings))
            golden = prove(self.batch.spark, self.fitted, scorer, collected, best)
        # Not before: lists that numpy would make otherwise are no results.
        results = beside.submit(write_lists, best, self.opened.store, series.model, self.batch.run_id)
        with watch.measured("compare"):
            comparison = compare(scorer, known, collected, *self.history.before(self.batch.number))
        pictures = beside.submit(draw, self._drawn(known, collected, comparison))
        said = describe.statistics(series.stream, known, comparison, self.ratings)
        model = self.ratings.model
        return Made(
            model=self.fitted.pipeline,
            model_type="recommender",
            inputs={name: _TYPES[series.stream.columns[name].type] for name in (model.user, model.item)},
            answers={"rating": "double"},
            rows=self.ratings.records,
            params=describe.params(model),
            metrics=describe.metrics(said, comparison, self.ratings.records),
            curves={},
            tables={},
            sentences=describe.sentences(said),
            reference=None,
            code=Code("load_als", _CODE),
            files=partial(_files, self.fitted, golden, said),
            results=results,
            pictures=pictures,
        )

    def _drawn(self, known: Vocabulary, collected: Collected, comparison: Comparison) -> Drawn:
        return Drawn(
            title=f"{self.opened.series.model} version {self.batch.number}",
            of_items=known.of_items,
            trained=collected.ratings[collected.trained],
            held_out=collected.ratings[~collected.trained],
            lists=comparison.lists,
        )


def _files(fitted: Fitted, golden: GoldenRatings, said: RecommenderStatistics, facts: VersionFacts) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory(prefix="swathe-artifact-") as directory:
        path = Path(directory)
        fitted.recommender.save(path)
        fitted.vocabulary.of_items.save(path)
        written = {f"{Path(FACTS_FILE).parent}/{file.name}": file.read_bytes() for file in path.iterdir()}
    return {
        **written,
        STATISTICS_FILE: recommender_statistics_to_json(said),
        GOLDEN_FILE: golden.to_json(),
        FACTS_FILE: facts_to_json(facts),
    }
