"""What a version says of how its clusters were found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest
from pyspark.ml.clustering import KMeansModel

from contract.kinds.kmeans import KMeans
from contract.stream import parse_stream
from pipeline.train.kinds.clusters.prepared import RANK_ERROR
from pipeline.train.kinds.kmeans.describe import fit_sentences, run_params
from pipeline.train.kinds.kmeans.fit import PARALLEL, RANDOM, Clustering

DOCS = Path(__file__).resolve().parents[5] / "docs/training.md"


def model(**given: Any) -> KMeans:
    return KMeans.model_validate({"k": 3, **given})


def clustering(seed: int, start: str = PARALLEL) -> Clustering:
    return Clustering(cast(KMeansModel, None), ((0.0,), (1.0,), (2.0,)), 1.0, 20, seed, start)


def test_of_a_fit_as_usual_nothing_is_said() -> None:
    assert fit_sentences(model(), clustering(1), 0.0, None) == []
    assert fit_sentences(model(seeds=3), clustering(3), 1e-5, None) == []


def test_one_that_was_stopped_says_so() -> None:
    [said] = fit_sentences(model(max_iter=20), clustering(1), 0.0312, None)
    assert "stopped at `max_iter`** (20)" in said and "0.031" in said and "0.0001" in said


@pytest.mark.parametrize(("start", "words"), [(PARALLEL, "by k-means||"), (RANDOM, "distinct points, drawn at random")])
def test_another_start_than_was_asked_for_is_told(start: str, words: str) -> None:
    [said] = fit_sentences(model(seeds=2), clustering(4, start), 0.0, None)
    assert words in said and "seed 4" in said and "fewer than 3 centres" in said


def test_a_median_says_how_exact_it_is() -> None:
    [said] = fit_sentences(model(impute="median"), clustering(1), 0.0, None)
    assert "0.1%" in said and "0.1 %" in DOCS.read_text()
    text = "name: s\ntopic: s\ncolumns: {a: {type: float64}}\ncut: {rows: 9}\nfeatures: [a]\nmodel: "
    streams = [parse_stream(text + json.dumps({"k": 3, "impute": how}), "s") for how in ("mean", "median")]
    mean, median = (run_params(stream.section(KMeans), 3, 1) for stream in streams)
    assert (mean["impute_rank_error"], median["impute_rank_error"]) == (0, RANK_ERROR) and mean.keys() == median.keys()
