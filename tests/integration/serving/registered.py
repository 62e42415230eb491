"""Makes model versions with the real registry and object store, without Spark: the seam is data."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import mlflow
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from mlflow.tracking import MlflowClient

from contract.lineage import Lineage, lineage_to_json
from contract.model_version import (
    CLUSTER,
    DISTANCE,
    GOLDEN_FILE,
    LINEAGE_FILE,
    ROW_ID,
    SCORING_FILE,
    STATISTICS_FILE,
    TAG_BATCH,
    TAG_REASON,
    TAG_RESULTS,
    TAG_ROWS,
    TAG_STATE,
    Alias,
    ClusterStatistics,
    FeatureStatistics,
    ResultsFile,
    ResultsManifest,
    results_manifest_key,
    results_prefix,
    results_to_json,
    statistics_to_json,
)
from contract.version_facts import FACTS_FILE, VersionFacts, facts_to_json
from scoring.golden import Golden
from scoring.kmeans import Assigner, Floats, Scoring
from scoring.scorer import ClusterNumbers
from tests.integration.serving import typed

FEATURES = ("dep_delay", "air time", "distance")


@dataclass(frozen=True)
class Made:
    """A version that was made, and what it has to answer; ``columns`` are the cells of typed rows."""

    model: str
    number: int
    run_id: str
    scoring: Scoring
    rows: Floats
    row_ids: tuple[str, ...]
    clusters: tuple[int, ...]
    distances: tuple[float, ...]
    columns: typed.Columns = ()

    @property
    def path(self) -> str:
        """Where it is served."""
        return f"/api/{self.model}/v{self.number}"


def scoring_of(seed: int, k: int = 4, features: tuple[str, ...] = FEATURES) -> Scoring:
    """Return the numbers of a made-up version; another seed gives another one."""
    rng = np.random.default_rng(seed)
    d = len(features)
    centers = tuple(tuple(float(x) for x in row) for row in rng.normal(size=(k, d)))
    return Scoring(
        features=features,
        surrogates=tuple(float(x) for x in rng.normal(10, 3, d)),
        mean=tuple(float(x) for x in rng.normal(10, 3, d)),
        std=tuple(float(x) for x in rng.uniform(1, 5, d)),
        centers=centers,
        labels=tuple(f"C{i + 1}" for i in range(k)),
    )


def rows_of(scoring: Scoring, n: int, seed: int) -> Floats:
    """Return ``n`` rows near the centres; a tenth of the values is missing."""
    rng = np.random.default_rng(seed)
    d = len(scoring.features)
    rows: Floats = rng.normal(size=(n, d)) * np.array(scoring.std) + np.array(scoring.mean)
    rows[rng.random((n, d)) < 0.1] = np.nan
    return rows


class Maker:
    """Registers versions at the services of ``environment``."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        mlflow.set_tracking_uri(environment["MLFLOW_TRACKING_URI"])
        self.client = MlflowClient(environment["MLFLOW_TRACKING_URI"])
        self.bucket = environment["SWATHE_BUCKET"]
        self.store = boto3.client(
            "s3",
            endpoint_url=environment["AWS_ENDPOINT_URL_S3"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region_name=environment["AWS_DEFAULT_REGION"],
        )

    def model(self, name: str) -> str:
        """Register a model and its experiment."""
        self.client.create_registered_model(name)
        self.client.create_experiment(name)
        return name

    def version(
        self,
        model: str,
        tmp: Path,
        *,
        seed: int = 1,
        n: int = 500,
        row_groups: int = 100,
        files: int = 2,
        spoil: str = "",
        ready: bool = True,
        results: bool = True,
        lineage: Lineage | None = None,
        facts: VersionFacts | None = None,
        is_typed: bool = False,
        **tags: str,
    ) -> Made:
        """Make the next version; ``spoil`` names what is wrong with it: golden, scoring."""
        scoring = typed.scoring_of(seed) if is_typed else scoring_of(seed)
        columns = typed.columns_of(n, seed) if is_typed else ()
        rows = scoring.encoding.rows(columns) if is_typed else rows_of(scoring, n, seed)
        clusters, distances = Assigner(scoring).assign(rows)
        experiment = self.client.get_experiment_by_name(model)
        assert experiment is not None
        run = self.client.create_run(experiment.experiment_id)
        logged = self.client.create_logged_model(experiment.experiment_id, f"{model}-{seed}", run.info.run_id)
        bodies = artifact_files(scoring, rows, spoil, lineage, facts)
        if is_typed:
            bodies |= typed.artifact_files(scoring, columns, spoil)
        self._upload(logged.model_id, tmp / f"{model}-{seed}-{run.info.run_id}", bodies)
        row_ids = tuple(f"row-{(i * 7919) % n:06d}" for i in range(n))
        tags |= {TAG_BATCH: "1", TAG_ROWS: str(n)}
        if results:
            table = self._columns(row_ids, clusters, distances)
            stored = typed.table_of(columns) if is_typed else _stored(scoring, rows)
            for name in stored.column_names:
                table = table.append_column(name, stored.column(name))
            sorted_files = self._results(results_prefix(model, run.info.run_id), table, row_groups, files)
            key = results_manifest_key(model, run.info.run_id)
            types: Any = tuple(each.type for each in scoring.encoding.inputs) if is_typed else ()
            manifest = ResultsManifest(model, run.info.run_id, n, tuple(stored.column_names), *sorted_files, types)
            self.store.put_object(Bucket=self.bucket, Key=key, Body=results_to_json(manifest))
            tags[TAG_RESULTS] = key
        self.client.finalize_logged_model(logged.model_id, "READY")
        self.client.set_terminated(run.info.run_id)
        number = self._create(model, f"models:/{logged.model_id}", run.info.run_id, logged.model_id, tags)
        if ready:
            self.set_state(model, number, "ready")
        return Made(
            model,
            number,
            run.info.run_id,
            scoring,
            rows,
            row_ids,
            tuple(clusters.tolist()),
            tuple(distances.tolist()),
            columns,
        )

    def failed(self, model: str, reason: str) -> int:
        """Make a version whose batch could not be trained."""
        experiment = self.client.get_experiment_by_name(model)
        assert experiment is not None
        run = self.client.create_run(experiment.experiment_id)
        self.client.set_terminated(run.info.run_id)
        number = self._create(model, f"runs:/{run.info.run_id}", run.info.run_id, None, {TAG_REASON: reason})
        self.set_state(model, number, "failed")
        return number

    def set_state(self, model: str, number: int, state: str) -> None:
        """Tag a version with its state."""
        self.client.set_model_version_tag(model, str(number), TAG_STATE, state)

    def alias(self, model: str, alias: Alias, number: int) -> None:
        """Point an alias to a version."""
        self.client.set_registered_model_alias(model, alias, str(number))

    def _create(self, model: str, source: str, run_id: str, model_id: str | None, tags: dict[str, str]) -> int:
        version = self.client.create_model_version(model, source, run_id, tags=tags, model_id=model_id)
        number = int(version.version)
        self.client.set_model_version_tag(model, str(number), TAG_BATCH, str(number))
        return number

    def _upload(self, model_id: str, directory: Path, bodies: Mapping[str, bytes]) -> None:
        for name, body in bodies.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_bytes(body)
        self.client.log_model_artifacts(model_id, str(directory))

    @staticmethod
    def _columns(row_ids: tuple[str, ...], clusters: Any, distances: Any) -> pa.Table:
        n = len(row_ids)
        columns = {
            ROW_ID: pa.array(row_ids),
            "_partition": pa.array(np.arange(n) % 3, pa.int32()),
            "_offset": pa.array(np.arange(n) // 3, pa.int64()),
            CLUSTER: pa.array(clusters, pa.int32()),
            DISTANCE: pa.array(distances),
        }
        return pa.table(columns)

    def _results(
        self, prefix: str, table: pa.Table, row_groups: int, files: int
    ) -> tuple[tuple[ResultsFile, ...], tuple[ResultsFile, ...]]:
        by_id = [ROW_ID, "_partition", "_offset"]
        return (
            self._sorted(prefix + "by-id", table, by_id, row_groups, files),
            self._sorted(prefix + "by-cluster", table, [CLUSTER, *by_id], row_groups, files),
        )

    def _sorted(
        self, prefix: str, table: pa.Table, keys: list[str], row_groups: int, files: int
    ) -> tuple[ResultsFile, ...]:
        ordered = table.sort_by([(key, "ascending") for key in keys])
        each = -(-table.num_rows // files)
        written = []
        for number in range(files):
            part = ordered.slice(number * each, each)
            buffer = io.BytesIO()
            pq.write_table(part, buffer, row_group_size=row_groups)
            key = f"{prefix}/part-{number:05d}.parquet"
            etag = self.store.put_object(Bucket=self.bucket, Key=key, Body=buffer.getvalue())["ETag"].strip('"')
            first, last = (tuple(part.column(name)[i].as_py() for name in keys) for i in (0, part.num_rows - 1))
            written.append(ResultsFile(key, etag, len(buffer.getvalue()), part.num_rows, first, last))
        return tuple(written)


def _stored(scoring: Scoring, rows: Floats) -> pa.Table:
    return pa.table({name: pa.array(rows[:, j], from_pandas=True) for j, name in enumerate(scoring.features)})


def artifact_files(
    scoring: Scoring, rows: Floats, spoil: str = "", lineage: Lineage | None = None, facts: VersionFacts | None = None
) -> dict[str, bytes]:
    """Return the files of a version's artifact by name."""
    clusters, distances = Assigner(scoring).assign(rows[:50])
    if spoil == "golden":
        distances[7] = np.nextafter(distances[7], np.inf)
    statistics = statistics_of(scoring, rows, Assigner(scoring).assign(rows)[0])
    bodies = {
        SCORING_FILE: scoring.to_json() if spoil != "scoring" else b"{}",
        STATISTICS_FILE: statistics_to_json(statistics),
        GOLDEN_FILE: Golden(scoring.features, rows[:50], clusters, distances).to_json(),
    }
    if lineage is not None:
        bodies[LINEAGE_FILE] = lineage_to_json(lineage)
    if facts is not None:
        bodies[FACTS_FILE] = facts_to_json(facts)
    return bodies


def statistics_of(scoring: ClusterNumbers, rows: Floats, clusters: Any) -> list[ClusterStatistics]:
    """Return the statistics of ``rows`` [n, d] that were given ``clusters`` [n]."""
    found = []
    for cluster, label in enumerate(scoring.labels):
        own = rows[clusters == cluster]
        features = {}
        for j, name in enumerate(scoring.features):
            values = own[~np.isnan(own[:, j]), j]
            numbers = [float(x) for x in (values.mean(), values.min(), values.max())] if len(values) else [None] * 3
            std = float(values.std(ddof=1)) if len(values) > 1 else None
            mean, least, most = numbers
            features[name] = FeatureStatistics(mean, std, least, most, len(own) - len(values))
        centroid = tuple(z * s + m for z, s, m in zip(scoring.centers[cluster], scoring.std, scoring.mean, strict=True))
        found.append(ClusterStatistics(cluster, label, len(own), len(own) / len(rows), centroid, features))
    return found


def record(made: Made, i: int) -> dict[str, float | None]:
    """Return row ``i`` of a version as a request has it."""
    return {
        name: None if np.isnan(x) else float(x) for name, x in zip(made.scoring.features, made.rows[i], strict=True)
    }


def predict_body(made: Made, rows: range) -> bytes:
    """Return the request for some rows of a version."""
    return json.dumps({"dataframe_records": [record(made, i) for i in rows]}).encode()
