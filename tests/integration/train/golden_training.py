"""Writes each `golden_training.json` anew: `python -m tests.integration.train.golden_training`, services running."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from pipeline.settings import store_settings
from pipeline.train.read.spark_session import SparkOnDemand
from pipeline.train.settings import spark_settings
from pipeline.train.train_key import TRAINING_REVISION
from tests.integration.train.kinds.bisecting import test_parity as bisecting
from tests.integration.train.test_parity import GOLDEN, deterministic, fitted, stream

if __name__ == "__main__":
    spark = SparkOnDemand(spark_settings(), store_settings())
    numbers, _, sample = fitted(spark, deterministic(900), stream(3, 3))
    found = {name: getattr(numbers, name) for name in ("surrogates", "mean", "std", "centers")}
    sizes = np.bincount(sample.clusters).tolist()
    GOLDEN.write_text(json.dumps({"revision": TRAINING_REVISION, **found, "sizes": sizes}, indent=1) + "\n")
    with TemporaryDirectory() as directory:
        tree = {"revision": TRAINING_REVISION, **bisecting.trained(spark.session(), Path(directory))}
    bisecting.GOLDEN.write_text(json.dumps(tree, indent=1) + "\n")
    spark.close()
