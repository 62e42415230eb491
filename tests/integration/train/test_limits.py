"""What is long is kept whole: many partitions, clusters and features, on SQLite and on PostgreSQL."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pytest

from contract.model_version import STATISTICS_FILE, statistics_from_json
from tests.integration.infra.postgresql import PASSWORD, postgresql
from tests.integration.train.conftest import Lab
from tests.services import infra, port_block, settings_for

pytestmark = pytest.mark.long

LANES, CLUSTERS, FEATURES = 1_000, 400, 300


class Wide(Lab):
    """A stream of many features."""

    @property
    def file(self) -> Path:
        columns = "".join(f"  feature_{j:03d}: {{type: float64}}\n" for j in range(FEATURES))
        names = ", ".join(f"feature_{j:03d}" for j in range(FEATURES))
        path = self.directory / f"{self.name}.yaml"
        path.write_text(
            f"name: {self.name}\ntopic: {self.name}\ncolumns:\n{columns}cut: {{rows: 2000}}\n"
            f"features: [{names}]\nmodel: {{k: {CLUSTERS}, max_iter: 2}}\n"
        )
        return path


def wide(rows: int, seed: int) -> pa.Table:
    values = np.random.default_rng(seed).normal(size=(rows, FEATURES))
    return pa.table({f"feature_{j:03d}": values[:, j] for j in range(FEATURES)})


@contextlib.contextmanager
def on_postgresql(directory: Path) -> Iterator[dict[str, str]]:
    with port_block() as ports, postgresql(ports[-1]) as where:
        uri = f"postgresql+psycopg://swathe:{quote(PASSWORD, safe='')}@{where}"
        chosen = settings_for(directory / "data", ports) | {"SWATHE_MLFLOW_BACKEND_URI": uri}
        try:
            infra("up", "--without", "serving", environ=chosen)
            yield json.loads(infra("env", "--json", environ=chosen).stdout)
        finally:
            infra("down", environ=chosen, check=False)


@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_a_thousand_partitions_of_wide_rows_in_many_clusters_are_trained(
    backend: str, services: dict[str, str], tmp_path: Path
) -> None:
    with contextlib.ExitStack() as stack:
        if backend == "postgresql":
            services = stack.enter_context(on_postgresql(tmp_path))
        lab = Wide(services, tmp_path)
        lab.land(wide(2_000, 1), wide(2_000, 2), parts=1, lanes=LANES)
        process = lab.start()
        said, _ = process.communicate(timeout=1_100)
        assert process.returncode == 0, said
        assert lab.states() == [(1, "ready"), (2, "ready")]
        assert lab.facts(2).offsets == dict.fromkeys(range(LANES), (2, 4))
        assert len(statistics_from_json(lab.artifact(2, STATISTICS_FILE), "")) == CLUSTERS
        assert "transitions.json" in lab.description(2)
        assert len({metric["key"] for metric in lab.runs()[-1]["data"]["metrics"]}) > FEATURES
