"""What is written beside a version's numbers: tags, parameters, metrics, description."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from contract.batch import Manifest, manifest_key
from contract.lineage import Lineage
from contract.model_version import (
    TAG_BATCH,
    TAG_OFFSETS,
    TAG_REJECTED,
    TAG_ROWS,
    TAG_SCHEME,
    TAG_STREAM,
    TAG_TRAIN_KEY,
    TAG_WINDOW,
)
from contract.stream import KRange, Model, Scheme, Stream
from contract.version_facts import FACTS_FILE, VersionFacts
from pipeline.train.evaluate import ClusterRows, balance, calinski_harabasz, davies_bouldin
from pipeline.train.fit import RANDOM, RANK_ERROR, Clustering
from pipeline.train.mlflow_limits import REGISTRY_CHARS
from pipeline.train.sweep import Sweep
from scoring.kmeans import Scoring

_EMPTY_AT_ZERO: Final = ("missing_share/", "identity/")
# Of more partitions a description names no offsets.
_LANES_SAID: Final = 12


def batch_tags(stream: Stream, scheme: Scheme, manifests: Sequence[Manifest], key: str) -> dict[str, str]:
    """Return the tags that say which batch a version is of: what the registry is searched by."""
    return {
        TAG_STREAM: stream.name,
        TAG_SCHEME: scheme,
        TAG_BATCH: str(manifests[-1].batch),
        TAG_TRAIN_KEY: key,
        TAG_ROWS: str(sum(manifest.rows for manifest in manifests)),
    }


def batch_facts(manifests: Sequence[Manifest], event_ms: tuple[int, int] | None = None) -> VersionFacts:
    """Return what a version says of its batches; ``event_ms`` are their rows' earliest and latest event time."""
    earliest = [m.min_timestamp_ms for m in manifests if m.min_timestamp_ms is not None]
    latest = [m.max_timestamp_ms for m in manifests if m.max_timestamp_ms is not None]
    return VersionFacts(
        offsets=offsets(manifests),
        rejected=sum(manifest.rejected for manifest in manifests),
        window=_interval(min(earliest), max(latest)) if earliest and latest else None,
        event_window=_interval(*event_ms) if event_ms else None,
    )


def tags_of_facts(facts: VersionFacts) -> dict[str, str]:
    """Return the facts as tags, for a version without an artifact; offsets that are too many for one are left out."""
    tags = {TAG_REJECTED: str(facts.rejected)}
    if len(told := json.dumps(facts.offsets)) <= REGISTRY_CHARS:
        tags[TAG_OFFSETS] = told
    if facts.window is not None:
        tags[TAG_WINDOW] = facts.window
    return tags


def offsets(manifests: Sequence[Manifest]) -> dict[int, tuple[int, int]]:
    """Return, per lane, the first offset and the offset after the last over all ``manifests``."""
    spans: dict[int, tuple[int, int]] = {}
    for manifest in manifests:
        for lane, (first, after) in manifest.offsets.items():
            low, high = spans.get(lane, (first, after))
            spans[lane] = (min(low, first), max(high, after))
    return spans


def _interval(first_ms: int, last_ms: int) -> str:
    return f"{_iso(first_ms)}/{_iso(last_ms)}"


def _iso(milliseconds: int) -> str:
    try:
        at = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        # Beyond the year 9999, which both Kafka and Parquet can say.
        return f"{milliseconds} ms"
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def run_params(stream: Stream, k: int, seed: int, *, batch: int, rows: int) -> dict[str, object]:
    """Return the parameters of a run: what may differ between runs, under the same keys in every one.

    Short ones, because MLflow writes them above each picture. The features are in the model's signature. MLflow's
    page of compared runs draws nothing until a parameter differs: the batch always does.
    """
    model = stream.model
    return {
        "batch": batch,
        "rows": rows,
        "k": k,
        "k_search": f"{model.k.start}..{model.k.to}" if isinstance(model.k, KRange) else "fixed",
        "seed": seed,
        "impute": model.impute,
        "impute_rank_error": RANK_ERROR if model.impute == "median" else 0,
        "max_iter": model.max_iter,
        "tol": model.tol,
    }


def run_metrics(
    scoring: Scoring, clusters: Sequence[ClusterRows], silhouette: float, iterations: int, *, converged: bool
) -> dict[str, float]:
    """Return the quality of one clustering on its own rows, in its own scaled space."""
    sizes = [cluster.size for cluster in clusters]
    rows = sum(sizes)
    wssse = math.fsum(cluster.sum_of_squares for cluster in clusters)
    metrics = {
        "silhouette": silhouette,
        "wssse": wssse,
        "wssse_per_row": wssse / rows,
        "davies_bouldin": davies_bouldin(scoring.centers, [cluster.mean_distance for cluster in clusters]),
        "calinski_harabasz": calinski_harabasz(scoring.centers, sizes, wssse),
        "cluster_balance": balance(sizes),
        "min_cluster_share": min(sizes) / rows,
        "max_cluster_share": max(sizes) / rows,
        "iterations": iterations,
        "converged": converged,
        "rows": rows,
    }
    for name in scoring.features:
        missing = sum(cluster.features[name].missing for cluster in clusters)
        metrics[f"missing_share/{name}"] = missing / rows
    return {name: value for name, value in metrics.items() if math.isfinite(value)}


def fit_sentences(model: Model, clustering: Clustering, next_step: float, swept: Sweep | None) -> list[str]:
    """Return what has to be said of how the clusters were found: where k is from, and what came out otherwise."""
    said = [f"{swept.reason}."] if swept is not None else []
    if clustering.seed not in model.tried_seeds:
        how = "from distinct points, drawn at random" if clustering.start == RANDOM else "by k-means||"
        said.append(
            f"From the seeds asked for, Spark's k-means|| finds fewer than {len(clustering.centers)} centres; "
            f"these began {how}, with seed {clustering.seed}."
        )
    if next_step > model.tol:
        said.append(
            f"KMeans **stopped at `max_iter`** ({model.max_iter}): one more would still move a centre by "
            f"{next_step:.2g}, and {model.tol:g} (`tol`) is where it ends."
        )
    if model.impute == "median":
        said.append(
            f"Missing values are replaced by a median whose rank is exact to {RANK_ERROR:.1%} of the values (Spark "
            f"approximates it)."
        )
    return said


def charted(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return the metrics that a run shows: no share of missing values and no count of fates that is 0.

    MLflow draws an empty chart for each of them, with 300 features hundreds.
    """
    return {name: value for name, value in metrics.items() if value or not name.startswith(_EMPTY_AT_ZERO)}


def version_description(
    manifests: Sequence[Manifest], bucket: str, run_url: str, route_url: str, sentences: Sequence[str]
) -> str:
    """Return the Markdown text of a version, which links batch, run and route."""
    last = manifests[-1]
    rows = sum(manifest.rows for manifest in manifests)
    which = f"Batch {last.batch}" if len(manifests) == 1 else f"Batches 1–{last.batch}"
    spans = _spans(offsets(manifests))
    manifest = f"s3://{bucket}/{manifest_key(last.stream, last.batch)}"
    lines = [f"{which} of stream `{last.stream}` (`{manifest}`): {rows} rows, offsets by partition {spans or 'none'}."]
    if again := sum(manifest.rows_again for manifest in manifests):
        lines.append(f"{again} of the rows were rejected at first and landed again later.")
    lines.append(f"Trained by [this run]({run_url}). Served at [{route_url}]({route_url}).")
    return "\n\n".join([*lines, *sentences])


def _spans(found: Mapping[int, tuple[int, int]]) -> str:
    lanes = sorted(found.items())
    said = ", ".join(f"{lane}: {first}–{after - 1}" for lane, (first, after) in lanes[:_LANES_SAID])
    more = len(lanes) - _LANES_SAID
    return f"{said} and those of {more} more, in `{FACTS_FILE}`" if more > 0 else said


def route_url(serving_url: str, model: str, version: int) -> str:
    """Return where version ``version`` is served."""
    return f"{serving_url.rstrip('/')}/api/{model}/v{version}/cluster-stats"


def transitions_table(lineage: Lineage) -> dict[str, list[object]]:
    """Return, by column, what became of each cluster of the version before; nothing for a first version."""
    if not lineage.transitions:
        return {}
    return {
        "transition": [each.kind for each in lineage.transitions],
        "before": [" ".join(each.before) for each in lineage.transitions],
        "after": [" ".join(each.after) for each in lineage.transitions],
        "share": [each.share for each in lineage.transitions],
    }


def labels_by_size(sizes: Sequence[int]) -> tuple[str, ...]:
    """Return `C1` for the largest cluster, `C2` for the next, and so on."""
    order = sorted(range(len(sizes)), key=lambda i: (-sizes[i], i))
    names: Mapping[int, str] = {cluster: f"C{rank}" for rank, cluster in enumerate(order, start=1)}
    return tuple(names[i] for i in range(len(sizes)))
