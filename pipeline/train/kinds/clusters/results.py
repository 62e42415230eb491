"""Writes every row of a version with its cluster, sorted two ways; the manifest, written last, makes them visible."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, cast

from contract.batch import OFFSET, PARTITION
from contract.model_version import (
    CLUSTER,
    RESULTS_ROW_GROUP_ROWS,
    ROW_ID,
    ResultsFile,
    ResultsManifest,
    results_manifest_key,
    results_prefix,
    results_to_json,
)
from pipeline.object_store import ObjectStore
from pipeline.train.kinds.sorted_files import write_sorted, write_sorted_here
from pipeline.train.read.layout import partitions_for
from scoring.features import Encoding

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

    from contract.features import CellType

logger = logging.getLogger(__name__)

BY_ID: Final = "by-id"
BY_CLUSTER: Final = "by-cluster"
_SORT_KEYS: Final = {
    BY_ID: (ROW_ID, PARTITION, OFFSET),
    BY_CLUSTER: (CLUSTER, ROW_ID, PARTITION, OFFSET),
}


def write_results(
    assigned: DataFrame,
    here: pa.Table | None,
    store: ObjectStore,
    *,
    model: str,
    run_id: str,
    encoding: Encoding,
    rows: int,
) -> str:
    """Write the results of one version and return the key of their manifest.

    ``assigned`` has the columns that :class:`ResultsManifest` lists, and ``rows`` rows; ``here`` are the same in this
    process, if they are few enough for that: then they are sorted and written without a job of Spark's.

    Raises
    ------
    ChainError: what is read back is not what was written.
    """
    prefix = results_prefix(model, run_id)
    features = tuple(each.name for each in encoding.inputs)
    count = partitions_for(rows, len(features))

    def write(name: str) -> tuple[ResultsFile, ...]:
        folder, keys, most = f"{prefix}{name}", _SORT_KEYS[name], RESULTS_ROW_GROUP_ROWS
        if here is not None:
            return write_sorted_here(here, store, folder, keys, row_group_rows=most)
        return write_sorted(assigned, store, folder, keys, count=rows, files=count, row_group_rows=most)

    with ThreadPoolExecutor(len(_SORT_KEYS)) as pool:
        sets = dict(zip(_SORT_KEYS, pool.map(write, _SORT_KEYS), strict=True))
    # Doubles alone need no types, and are what every reader of before reads.
    types = tuple(cast("CellType", each.type) for each in encoding.inputs)
    typed = types if set(types) != {"double"} else ()
    manifest = ResultsManifest(model, run_id, rows, features, sets[BY_ID], sets[BY_CLUSTER], typed)
    key = results_manifest_key(model, run_id)
    store.put(key, results_to_json(manifest))
    return key
