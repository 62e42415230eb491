"""Values of any size and features by the thousand: each becomes a version, beside versions that are nothing like it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from contract.model_version import SCORING_FILE
from contract.stream import Stream, parse_stream
from tests.integration.train.conftest import Lab, batch
from tests.integration.train.landed import land

FEATURES = 1_000


@pytest.mark.long
def test_sizes_that_no_other_version_has_train_and_so_do_the_next(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(k="{k: 3, seed: 7, seeds: 3, max_iter: 1}")
    usual = batch(400, 1)

    def sized(factor: float) -> pa.Table:
        weights = np.array(usual["weight"].to_pylist(), dtype=float) * factor
        return usual.set_column(2, "weight", pa.array(weights, from_pandas=True))

    # Without centres to be found, one step is not enough.
    rng = np.random.default_rng(2)
    restless = usual.set_column(2, "weight", pa.array(rng.uniform(size=400)))
    restless = restless.set_column(3, "count", pa.array(rng.integers(0, 1000, 400, dtype=np.int32)))
    restless = restless.set_column(4, "distance", pa.array(rng.uniform(size=400).astype(np.float32)))
    repeated = pa.concat_tables([usual.slice(0, 4).drop_null()] * 200)
    lab.land(restless, sized(1e150), sized(1e-158), repeated, usual)
    code, said = lab.train()
    assert code == 0, said
    assert [state for _, state in lab.states()] == ["ready"] * 5
    assert "RuntimeWarning" not in said, said
    # Three seeds, and none had the time to converge.
    run = lab.runs()[0]["data"]
    assert {param["key"]: param["value"] for param in run["params"]}["seed"] in {"7", "8", "9"}
    assert {metric["key"]: metric["value"] for metric in run["metrics"]}["converged"] == 0.0
    assert "KMeans **stopped at `max_iter`** (1)" in lab.description(1)


class Wide(Lab):
    """A stream of very many features."""

    @property
    def file(self) -> Path:
        path = self.directory / f"{self.name}.yaml"
        names = [f"f{j}" for j in range(FEATURES)]
        columns = json.dumps({name: {"type": "float64"} for name in names})
        head = f"name: {self.name}\ntopic: {self.name}\ncut: {{rows: 300}}\nmodel: {{k: 3}}\n"
        path.write_text(f"{head}columns: {columns}\nfeatures: {json.dumps(names)}\n")
        return path

    @property
    def stream(self) -> Stream:
        return parse_stream(self.file.read_text(), str(self.file))


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_thousand_features_train(services: dict[str, str], tmp_path: Path) -> None:
    lab = Wide(services, tmp_path)
    rng = np.random.default_rng(1)
    values = rng.normal(size=(300, FEATURES)) + rng.integers(0, 3, (300, 1)) * 4.0
    table = pa.table({f"f{j}": pa.array(values[:, j], mask=rng.random(300) < 0.02) for j in range(FEATURES)})
    land(lab.store, lab.stream, [table])
    process = lab.start()
    said, _ = process.communicate(timeout=1700)
    assert process.returncode == 0 and lab.states() == [(1, "ready")], said
    assert len(json.loads(lab.artifact(1, SCORING_FILE))["features"]) == FEATURES
