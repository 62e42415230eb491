"""The stream file changes while the line lives: each version keeps what it was trained with, and is served with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from contract.stream import Stream
from tests.integration.serving.prediction_server import PredictionServer
from tests.integration.train.conftest import Lab
from tests.integration.train.landed import land

BEFORE = "{code: string, weight: float64, count: int32, went: string}"
AFTER = "{code: string, weight: float64, count: float64, came: {type: float64, required: true}}"
NARROWED = "{code: string, weight: float64, count: int32, came: float64}"
FILE = """
name: {name}
topic: {name}
columns:
{columns}
id: [code]
cut: {{rows: 9}}
features: {features}
model: {{k: 3, seed: 7}}
"""


class ChangingLab(Lab):
    """A stream whose file says other columns from time to time."""

    columns, features = BEFORE, "[weight, count]"

    @property
    def file(self) -> Path:
        """The stream file as it is now."""
        path = self.directory / f"{self.name}.yaml"
        columns = "\n".join(f"  {part}" for part in _parts(self.columns))
        path.write_text(FILE.format(name=self.name, columns=columns, features=self.features))
        return path

    def change(self, columns: str, features: str) -> Stream:
        """Write the stream file anew."""
        self.columns, self.features = columns, features
        return self.stream


def _parts(columns: str) -> list[str]:
    """Return a line for each column of a mapping that is written in one."""
    found, depth = [""], 0
    for letter in columns[1:-1]:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if letter == "," and not depth:
            found.append("")
        else:
            found[-1] += letter
    return [part.strip() for part in found]


def _rows(count: int, seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    centers = np.array([[0.0, 10, 5], [8.0, 90, -5], [-9.0, 50, 40]])[rng.integers(0, 3, count)]
    values = centers + rng.normal(size=(count, 3))
    return pa.table(
        {
            "code": [f"s{seed}-{n:04d}" for n in range(count)],
            "weight": values[:, 0],
            "count": np.rint(values[:, 1]),
            "came": values[:, 2],
            "went": ["x"] * count,
        }
    )


def _land(lab: ChangingLab, seed: int, behind: Any = None) -> Any:
    stream = lab.stream
    rows = _rows(400, seed).select([*stream.columns])
    return land(lab.store, stream, [rows], parts=2, lanes=2, behind=behind)[-1]


@pytest.mark.long
def test_a_column_comes_one_goes_one_is_wider_and_none_narrower(services: dict[str, str], tmp_path: Path) -> None:
    lab = ChangingLab(services, tmp_path)
    first = _land(lab, 1)
    code, said = lab.train()
    assert code == 0 and lab.states() == [(1, "ready")], said
    keys = {1: lab.versions()[1].tags["train_key"]}

    lab.change(AFTER, "[weight, count, came]")
    _land(lab, 2, first)
    left = "version 1: trained with other columns (count was int32, came was not there), and left alone"
    code, said = lab.train()
    assert code == 0 and left in said and lab.states() == [(1, "ready"), (2, "ready")], said
    code, said = lab.train("--batch", "1")
    assert code == 0 and left in said, said
    versions = lab.versions()
    assert versions[1].tags["train_key"] == keys[1] != versions[2].tags["train_key"]
    assert "Not compared with version 1, whose features are others (now with `came`)" in versions[2].description
    assert "champion version 1 was measured otherwise, and holds nobody back" in versions[2].tags["gate_reason"]

    # Anew, over parts of both files: the first batch lacks a feature, the second reads what it has of the first.
    code, said = lab.train("--scheme", "cumulative")
    assert code == 0, said
    together = f"{lab.name}-cumulative"
    assert lab.states(together) == [(1, "failed"), (2, "ready")], said
    assert lab.versions(together)[1].tags["reason"] == (
        "feature 'came' has no value in any of the 400 rows: they were landed before it was a column of the stream file"
    )
    _, rows, _ = lab.results(2, together)
    expected = {row["code"]: row for seed in (1, 2) for row in _rows(400, seed).to_pylist()}
    assert rows.num_rows == 800
    for row in rows.to_pylist():
        meant = expected[row["_row_id"]]
        assert (row["weight"], row["count"]) == (meant["weight"], meant["count"])
        assert row["came"] == (meant["came"] if row["_row_id"].startswith("s2") else None)

    _refused(lab)
    lab.change(AFTER, "[weight, count, came]")
    _served(lab, services, tmp_path)


def _refused(lab: ChangingLab) -> None:
    """What cannot read a part as it was landed is told with its line, before anything is created."""
    lab.change(NARROWED, "[weight, count, came]")
    narrowed = f"{lab.file}:7: columns.count.type: int32, but {lab.name}/lane="
    code, said = lab.train("--model", f"{lab.name}-anew")
    assert code == 1 and narrowed in said and not lab.versions(f"{lab.name}-anew"), said


def _served(lab: ChangingLab, services: dict[str, str], directory: Path) -> None:
    """Each version asks for the columns that it was trained with."""
    server = PredictionServer(services, directory, SWATHE_SERVING_MODELS=lab.name).start()
    try:
        for number, names in ((1, ["weight", "count"]), (2, ["weight", "count", "came"])):
            base = f"/api/{lab.name}/v{number}"
            found = server.get(f"{base}/clustering-results/s{number}-0007")
            (row,) = found["results"]
            assert list(row["features"]) == names
            body = {"dataframe_records": [row["features"]]}
            answer = server.http.post(f"{base}/predict", json=body).raise_for_status().json()
            assert answer["predictions"][0]["cluster"] == row["cluster"]
            lacking = {"dataframe_records": [dict.fromkeys(names[:-1], 1.0)]}
            refused = server.http.post(f"{base}/predict", json=lacking)
            assert refused.status_code == 422 and names[-1] in refused.text, refused.text
        page = server.http.get(f"/ui?model={lab.name}", headers={"accept": "text/html"}).text
        assert 'data-schema="0"' in page and 'data-schema="1"' in page and 'name="came"' in page
        assert server.stop() == 0
        assert "unexpected error" not in server.said()
    finally:
        server.close()
