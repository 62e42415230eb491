"""What is written beside a version's numbers: tags, parameters, metrics, description."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from contract.batch import Manifest, manifest_key
from contract.model_version import (
    TAG_BATCH,
    TAG_KIND,
    TAG_OFFSETS,
    TAG_REJECTED,
    TAG_ROWS,
    TAG_SCHEME,
    TAG_STREAM,
    TAG_TRAIN_KEY,
    TAG_WINDOW,
)
from contract.sections import Scheme
from contract.stream import Stream
from contract.version_facts import FACTS_FILE, VersionFacts
from pipeline.train.mlflow_client.limits import REGISTRY_CHARS

_EMPTY_AT_ZERO: Final = ("missing_share/", "identity/")
# Of more partitions a description names no offsets.
_LANES_SAID: Final = 12


def batch_tags(stream: Stream, scheme: Scheme, manifests: Sequence[Manifest], key: str) -> dict[str, str]:
    """Return the tags that say which batch a version is of: what the registry is searched by."""
    return {
        TAG_STREAM: stream.name,
        TAG_SCHEME: scheme,
        TAG_KIND: stream.model.kind,
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


def route_url(serving_url: str, model: str, version: int, end: str) -> str:
    """Return where version ``version`` is served, by the route of its kind that ends in ``end``."""
    return f"{serving_url.rstrip('/')}/api/{model}/v{version}/{end}"
