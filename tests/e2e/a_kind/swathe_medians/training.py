"""The training half: medians by Spark's Imputer, proved against numpy before anybody else knows of them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.feature import Imputer
from pyspark.sql import functions as fn

from contract.errors import DataError, ModelArtifactError
from contract.model_version import GOLDEN_FILE, SCORING_FILE
from pipeline.train.kinds.kind import Batch, Check, Decision, Made, Opened, Pixels
from pipeline.train.mlflow_client.artifact import Code
from pipeline.train.mlflow_client.registry import RegisteredVersion
from pipeline.train.read.rows import check_rows, measure, read_rows
from pipeline.train.stopwatch import Stopwatch

from .kind import Gate, Medians
from .numbers import Floats, Numbers

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

HERE = Path(__file__).parent
CODE = Code("load", (HERE / "numbers.py", HERE / "load.py"))
_PROVED_ROWS = 1_000


class MediansKind:
    """Medians, opened for one series."""

    link = "medians"

    def __init__(self, opened: Opened) -> None:
        self._stream, self._bucket = opened.series.stream, opened.store.bucket

    @contextmanager
    def fitted(self, batch: Batch, watch: Stopwatch) -> Iterator[FittedMedians]:
        """Read and check the rows of ``batch`` and fit; what Spark keeps of them is let go with the block."""
        features, section = tuple(self._stream.inputs), self._stream.section(Medians)
        rows = read_rows(batch.spark, self._bucket, self._stream, batch.manifests, batch.landed).cache()
        try:
            with watch.measured("read"):
                found, ranges = measure(rows, self._stream)
            check_rows(found, batch.manifests)
            for name, feature in ranges.items():
                if not feature.present:
                    raise DataError(f"feature {name!r} has no value in any of the {found} rows")
            with watch.measured("fit"):
                imputer = Imputer(
                    strategy="median",
                    inputCols=list(features),
                    outputCols=[f"_filled_{name}" for name in features],
                    relativeError=section.rank_error,
                )
                model = Pipeline(stages=[imputer]).fit(rows)
            missing = {name: 1 - feature.present / found for name, feature in ranges.items()}
            yield FittedMedians(rows, found, features, model, section, missing)
        finally:
            rows.unpersist()

    def decide(
        self, metrics: Mapping[str, float], reference: str | None, champion: RegisteredVersion | None
    ) -> Decision:
        """Return what a version with ``metrics`` earns: it is champion unless too much was missing."""
        limit = cast("Gate", self._stream.gate).max_missing_share
        worst = metrics["missing_share_max"]
        check = Check("missing_share_max", worst, limit, worst <= limit)
        return Decision.of((check,), (), champion.number if champion else None)

    def headline(self, metrics: Mapping[str, float]) -> str:
        """Return in a few words how good a version is."""
        return f"{metrics['missing_share_max']:.1%} missing at most"


@dataclass(frozen=True)
class FittedMedians:
    """Medians that Spark has found, whose rows are still cached."""

    rows: DataFrame
    count: int
    features: tuple[str, ...]
    model: PipelineModel
    section: Medians
    missing: Mapping[str, float]

    def made(self, beside: ThreadPoolExecutor, watch: Stopwatch) -> Made:
        """Prove that numpy fills rows as Spark does, and measure."""
        numbers = self._numbers()
        with watch.measured("parity"):
            golden = self._proved(numbers)
        nothing: Future[dict[str, Pixels]] = beside.submit(dict)
        medians = zip(numbers.features, numbers.medians, strict=True)
        return Made(
            model=self.model,
            model_type="imputer",
            inputs=dict.fromkeys(numbers.features, "double"),
            answers=dict.fromkeys(numbers.features, "double"),
            rows=self.count,
            params={"rank_error": self.section.rank_error},
            metrics={
                **{f"median/{name}": median for name, median in medians},
                "missing_share_max": max(self.missing.values()),
            },
            curves={},
            tables={
                f"{what}.json": {"feature": list(numbers.features), what: list(values)}
                for what, values in (("medians", numbers.medians), ("deviations", numbers.deviations))
            },
            sentences=[f"Medians of {len(numbers.features)} features."],
            reference=None,
            code=CODE,
            files=lambda _facts: {SCORING_FILE: numbers.to_json(), GOLDEN_FILE: golden},
            results=None,
            pictures=nothing,
        )

    def _numbers(self) -> Numbers:
        surrogates = self.model.stages[0].surrogateDF.first()  # type: ignore[attr-defined] # of an ImputerModel
        medians = tuple(float(surrogates[name]) for name in self.features)
        away = [fn.abs(fn.col(name) - median).alias(name) for name, median in zip(self.features, medians, strict=True)]
        found = self.rows.select(*away).approxQuantile(list(self.features), [0.5], self.section.rank_error)
        return Numbers(self.features, medians, tuple(float(deviation) for (deviation,) in found))

    def _proved(self, numbers: Numbers) -> bytes:
        """Return the golden file.

        Raises
        ------
        ModelArtifactError: numpy fills a row otherwise.
        """
        some = self.model.transform(self.rows.limit(_PROVED_ROWS)).collect()
        rows: Floats = np.array([[row[name] for name in self.features] for row in some], dtype=np.float64)
        said: Floats = np.array([[row[f"_filled_{name}"] for name in self.features] for row in some])
        if not np.array_equal(numbers.filled(rows), said):
            raise ModelArtifactError("numpy fills a row otherwise than Spark")
        written = [[None if math.isnan(x) else x for x in row] for row in rows.tolist()]
        return json.dumps({"rows": written, "filled": said.tolist()}).encode()
