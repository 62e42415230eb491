"""Objects that nothing names: results of runs that gave no version, and rejects of attempts that landed no part."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from contract.batch import rejects_prefix
from contract.model_version import TAG_RESULTS, results_manifest_key, results_model_prefix, results_prefix
from pipeline.doctor.finding import Finding
from pipeline.land.chain import Chain
from pipeline.object_store import ObjectStore, StoredObject
from pipeline.train.mlflow_client.registry import RegisteredVersion

# A run that ended so gives no version any more; a FINISHED one may still be registered, results and all.
_OVER = frozenset({"FAILED", "KILLED"})


def orphaned_results(
    store: ObjectStore,
    model: str,
    versions: Sequence[RegisteredVersion],
    statuses: Mapping[str, str],
    older_than_s: float,
) -> Iterator[Finding]:
    """Yield the results that no version names, of runs that are over or that the tracking server does not know.

    Those of an unknown run are not deleted here: this may be another tracking server than the one they belong to.
    """
    named = {version.tags.get(TAG_RESULTS) for version in versions}
    for run_id in store.list_folders(results_model_prefix(model)):
        status = statuses.get(run_id)
        if results_manifest_key(model, run_id) in named or (status is not None and status not in _OVER):
            continue
        objects = list(store.list_objects(results_prefix(model, run_id)))
        if not _old(objects, older_than_s):
            continue
        name = results_prefix(model, run_id)
        size = f"{len(objects)} objects, {sum(entry.bytes for entry in objects):,} bytes"
        if status is None:
            why = "no version names them, and the tracking server does not know their run"
            yield Finding("results", name, why, f"{size}: delete them, if this is the server that they belong to")
            continue
        # The manifest sorts behind the rows, and makes them visible: it goes first.
        remove = partial(_delete, store, [entry.key for entry in reversed(objects)])
        yield Finding("results", name, f"no version names them, and their run is {status}", f"delete {size}", remove)


def orphaned_rejects(store: ObjectStore, stream: str, older_than_s: float) -> Iterator[Finding]:
    """Yield the rejects objects that no part of their lane names.

    Raises
    ------
    ChainError: a lane's chain is broken, so what it names cannot be told.
    """
    for folder in store.list_folders(rejects_prefix(stream)):
        lane = folder.removeprefix("lane=")
        if not lane.isdigit():
            continue
        # Listed before the chain is read: a part that lands in between names rejects that are in neither list.
        written = list(store.list_objects(f"{rejects_prefix(stream)}{folder}/"))
        named = {part.rejects.key for part in Chain(store, stream, int(lane)).parts_from(0) if part.rejects}
        for entry in written:
            if entry.key not in named and _old([entry], older_than_s):
                why = "no part names it: the attempt that wrote it landed none"
                yield Finding("rejects", entry.key, why, "delete it", partial(_delete, store, [entry.key]))


def _old(objects: Sequence[StoredObject], older_than_s: float) -> bool:
    """Whether all were written long enough ago for whoever wrote them to be done."""
    return all(time.time() - entry.modified_at_s > older_than_s for entry in objects)


def _delete(store: ObjectStore, keys: Sequence[str]) -> None:
    for key in keys:
        store.delete(key)
