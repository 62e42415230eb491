"""What training leaves in the registry and the object store, and what serving reads.

A registered model is a stream under one scheme; its version i is batch i. What a version is found by are its tags; its
numbers, and what it says of its batch, are files of its artifact; the rows it was trained on, with their clusters, are
its results.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from contract.artifact import MOST_CLUSTERS, MOST_FEATURES, Features, Label, Of
from contract.decoding import Count, Decoder, Name, Share
from contract.errors import ModelArtifactError
from contract.features import CellType

LAUNCHES_EXPERIMENT: Final = "swathe-launches"

State = Literal["ready", "failed", "orphan"]

# Tags of a model version. All but STATE and the last two are given in the call that creates it. OFFSETS, REJECTED and
# WINDOW are those of failed versions, which have no artifact. These, the REF_ ones, DRIFT and SILHOUETTE are also on
# versions from before `contract.version_facts`.
TAG_STATE: Final = "state"
TAG_REASON: Final = "reason"
TAG_STREAM: Final = "stream"
TAG_SCHEME: Final = "scheme"
TAG_KIND: Final = "kind"
"""Kind of the model; on versions from before there were kinds it is absent, and they are KMeans."""
TAG_BATCH: Final = "batch"
TAG_TRAIN_KEY: Final = "train_key"
TAG_ROWS: Final = "rows"
TAG_REJECTED: Final = "rejected"
TAG_OFFSETS: Final = "offsets"
"""JSON, lane → [first offset, next offset]."""
TAG_WINDOW: Final = "window"
"""ISO 8601 interval of the record timestamps, UTC."""
TAG_RESULTS: Final = "results"
"""Key of the results' manifest in the batches bucket."""
TAG_SILHOUETTE: Final = "silhouette"
TAG_REFERENCE: Final = "reference"
"""Key of the series' reference sample in the batches bucket: only versions measured on the same one compare."""
TAG_REF_SILHOUETTE: Final = "ref_silhouette"
TAG_REF_WSSSE: Final = "ref_wssse_per_row"
"""On the reference sample, in its fixed space."""
TAG_GATE: Final = "gate"
"""The alias that the checks earned: `champion`, `challenger` or `none`."""
TAG_GATE_REASON: Final = "gate_reason"
"""One sentence: which checks failed, with value and limit."""
TAG_DRIFT: Final = "drift"
"""Against the last ready version, the worst of its indices: `stable`, `moderate` or `large`; absent on the first."""
TAG_DRIFT_REASON: Final = "drift_reason"
"""One sentence: which features and clusters moved, and how far."""
TAG_ALIASED: Final = "aliased"
"""`true` once the aliases say what the gate decided; set after STATE."""
TAG_ROLLED_BACK: Final = "rolled_back"
"""ISO 8601 time at which a person took the champion alias away; such a version is not promoted by itself."""

# Tag of a registered model.
TAG_RESTORING: Final = "restoring"
"""There while the model is made again with its old versions: what it does not list yet goes on being served."""

Alias = Literal["champion", "previous", "challenger"]
ALIASES: Final[tuple[Alias, ...]] = ("champion", "previous", "challenger")
GATES: Final = ("champion", "challenger", "none")
DRIFTS: Final = ("stable", "moderate", "large")

# Files inside the model's artifact directory, beside Spark's own `sparkml/`.
SCORING_FILE: Final = "swathe/scoring.json"
STATISTICS_FILE: Final = "swathe/statistics.json"
GOLDEN_FILE: Final = "swathe/golden.json"
"""Rows and the clusters and distances that Spark gave them; whoever loads the version must agree."""

GOLDEN_PROBABILITIES_FILE: Final = "swathe/golden_probabilities.json"
"""The probabilities that Spark gave those rows, of a clustering that has one for each cluster."""

LINEAGE_FILE: Final = "swathe/lineage.json"
"""What became of the clusters of the version before: see `contract.lineage`."""
PROFILE_FILE: Final = "swathe/profile.json"
"""How each feature was distributed over the batch's rows; the next version's drift is told against it."""

RESULTS_FORMAT: Final = 1
TYPED_RESULTS_FORMAT: Final = 2
"""Of versions whose rows are typed."""
RESULTS_ROW_GROUP_ROWS: Final = 20_000
"""Rows of a row group of results at most: reading one row reads one row group, which should take milliseconds."""
RESULTS_GROUP_TEXT_BYTES: Final = 128 * 2**20
"""Bytes of the texts of a row group of results at most, as they are read: half of what serving takes."""

# Columns of results; a stream's own begin with a letter, and `distance` may well be a feature.
ROW_ID, CLUSTER, DISTANCE = "_row_id", "_cluster", "_distance"


def results_model_prefix(model: str) -> str:
    """Common prefix of the results of all versions of a model in the batches bucket."""
    return f"results/{model}/"


def results_prefix(model: str, run_id: str) -> str:
    """Common prefix of a version's results in the batches bucket."""
    return f"{results_model_prefix(model)}{run_id}/"


def results_manifest_key(model: str, run_id: str) -> str:
    """Key of the results' manifest; it is written last, so results are visible whole or not at all."""
    return f"{results_prefix(model, run_id)}manifest.json"


@dataclass(frozen=True)
class ResultsFile:
    """One Parquet file of results, sorted by its sort key; ``first`` and ``last`` are its end keys.

    The sort key is ``[_row_id]`` in ``by_id`` files and ``[_cluster, _row_id]`` in ``by_cluster`` files,
    strings compared by their UTF-8 bytes, always followed by ``_partition`` and ``_offset``, so that no two
    rows share one.
    """

    key: str
    etag: str
    bytes: int
    rows: int
    first: tuple[Any, ...]
    last: tuple[Any, ...]


@dataclass(frozen=True)
class ResultsManifest:
    """The results of one version: the same rows twice, by row id and by (cluster, row id).

    Columns: ``_row_id`` string, ``_partition`` int32, ``_offset`` int64, ``_cluster`` int32, ``_distance``
    float64 (Euclidean, in the scaled space), then the features as they landed (float64, null if missing). Of typed
    rows ``features`` are the model's inputs, of the given ``types``: float64, int64, string, bool, or timestamp (UTC,
    microseconds).
    """

    model: str
    run_id: str
    rows: int
    features: tuple[str, ...]
    by_id: tuple[ResultsFile, ...]
    by_cluster: tuple[ResultsFile, ...]
    types: tuple[CellType, ...] = ()


def results_to_json(manifest: ResultsManifest) -> bytes:
    """Return the results' manifest as the bytes of its object."""
    fields = {"format": TYPED_RESULTS_FORMAT if manifest.types else RESULTS_FORMAT, **asdict(manifest)}
    if not manifest.types:
        del fields["types"]
    return json.dumps(fields, indent=1).encode()


def results_from_json(body: bytes, key: str) -> ResultsManifest:
    """Return the results' manifest in ``body``.

    Raises
    ------
    ModelArtifactError: not a results manifest of this format.
    """
    try:
        found = RESULTS.decode(body)
        if len(found.types) != (len(found.features) if found.format == TYPED_RESULTS_FORMAT else 0):
            raise ValueError(f"it has types of {len(found.types)} of {len(found.features)} features")
    except ValueError as error:
        raise ModelArtifactError(f"{key} is not a results manifest that this version wrote: {error}") from error
    by_id = tuple(ResultsFile(**msgspec.structs.asdict(file)) for file in found.by_id)
    by_cluster = tuple(ResultsFile(**msgspec.structs.asdict(file)) for file in found.by_cluster)
    return ResultsManifest(found.model, found.run_id, found.rows, found.features, by_id, by_cluster, found.types)


_Text = Annotated[str, Meta(max_length=1000)]
_Key = Annotated[str, Meta(min_length=1, max_length=1024)]
_Size = Annotated[int, Meta(ge=1, le=2**40)]
_Partition = Annotated[int, Meta(ge=0, le=2**31 - 1)]
_Offset = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_Cluster = Annotated[int, Meta(ge=0, lt=MOST_CLUSTERS)]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: _Key
    # It goes into a header.
    etag: Annotated[str, Meta(pattern="^[!#-~]{1,200}$")]
    bytes: _Size
    rows: Count


class _FileById(_File, frozen=True, forbid_unknown_fields=True):
    first: tuple[str, _Partition, _Offset]
    last: tuple[str, _Partition, _Offset]


class _FileByCluster(_File, frozen=True, forbid_unknown_fields=True):
    first: tuple[_Cluster, str, _Partition, _Offset]
    last: tuple[_Cluster, str, _Partition, _Offset]


class _ResultsManifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: Literal[1, 2]
    model: Name
    run_id: str
    rows: Count
    features: Features
    by_id: Annotated[tuple[_FileById, ...], Meta(max_length=10_000)]
    by_cluster: Annotated[tuple[_FileByCluster, ...], Meta(max_length=10_000)]
    types: Annotated[tuple[CellType, ...], Meta(max_length=MOST_FEATURES)] = ()


RESULTS: Final[Decoder[_ResultsManifest]] = Decoder(_ResultsManifest, most_bytes=16 * 2**20, most_values=500_000)


@dataclass(frozen=True)
class FeatureStatistics:
    """Of one feature over one cluster's rows, in the data's own units, missing values left out."""

    mean: float | None
    std: float | None
    min: float | None
    max: float | None
    missing: Count


@dataclass(frozen=True)
class CategoryStatistics:
    """Of one category over one cluster's rows: shares of the rows by value, as text, and of all others.

    The shares of values, others and missing ones add up to 1.
    """

    values: Annotated[dict[_Text, Share], Meta(max_length=256)]
    other: Share
    missing: Count


@dataclass(frozen=True)
class TimeStatistics:
    """Of a cluster's times: shares of the rows by hour (24), weekday (7, Monday first) or month (12).

    ``mean`` is the mean of the cluster's centre on that circle, in slots; None where it has no direction.
    """

    of: Of
    shares: Annotated[tuple[Share, ...], Meta(min_length=7, max_length=24)]
    mean: float | None
    missing: Count


@dataclass(frozen=True)
class ClusterStatistics:
    """One cluster of a version. ``centroid`` is in the data's own units, in the order of the encoded columns.

    Of typed rows, that of a category's column is the value's share, and ``features`` has the numbers, logarithms too,
    in the units they landed in; each is under its feature's name.
    """

    cluster: Annotated[int, Meta(ge=0, lt=MOST_CLUSTERS)]
    label: Label
    size: Count
    share: Share
    centroid: Annotated[tuple[float, ...], Meta(max_length=MOST_FEATURES)]
    features: Annotated[dict[Name, FeatureStatistics], Meta(max_length=MOST_FEATURES)]
    categories: Annotated[dict[Name, CategoryStatistics], Meta(max_length=MOST_FEATURES)] = field(default_factory=dict)
    times: Annotated[dict[Name, TimeStatistics], Meta(max_length=MOST_FEATURES)] = field(default_factory=dict)


class _Statistics(msgspec.Struct, frozen=True):
    clusters: Annotated[list[ClusterStatistics], Meta(min_length=1, max_length=MOST_CLUSTERS)]


STATISTICS: Final[Decoder[_Statistics]] = Decoder(_Statistics, most_bytes=64 * 2**20, most_values=3_000_000)


def statistics_to_json(clusters: list[ClusterStatistics]) -> bytes:
    """Return the statistics file of a version; of numbers alone it is as it was before rows were typed."""
    written = [asdict(cluster) for cluster in clusters]
    typed = any(cluster.categories or cluster.times for cluster in clusters)
    for each in written if not typed else ():
        del each["categories"], each["times"]
    return json.dumps({**({"format": 2} if typed else {}), "clusters": written}, indent=1).encode()


def statistics_from_json(body: bytes, source: str) -> list[ClusterStatistics]:
    """Return the clusters in a statistics file, by cluster number.

    Raises
    ------
    ModelArtifactError: not a statistics file.
    """
    try:
        return STATISTICS.decode(body).clusters
    except ValueError as error:
        raise ModelArtifactError(f"{source} is not a statistics file: {error}") from error
