"""Registers recommenders at the real services, with the lists that training stores."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq

from contract.model_version import ResultsFile, results_manifest_key, results_prefix
from contract.recommender import ITEMS, RATED_ITEMS, RATINGS, SCORES, USER, ListsManifest, lists_to_json
from tests.integration.serving.registered import Maker
from tests.tracking import Tracking
from tests.unit.serving.kinds.als.artifacts import Made


def register(maker: Maker, model: str, each: Made) -> int:
    """Make the next version of ``model``, with its stored lists."""
    tracking = Tracking(maker.client.tracking_uri)
    number = tracking.version(model, each.files, {"kind": "als", "batch": "1"})
    run_id = str(maker.client.get_model_version(model, str(number)).run_id)
    key = results_manifest_key(model, run_id)
    maker.store.put_object(Bucket=maker.bucket, Key=key, Body=_lists(maker, model, run_id, each))
    tracking.tag(model, number, "results", key)
    tracking.close()
    return number


def _lists(maker: Maker, model: str, run_id: str, each: Made) -> bytes:
    rows = []
    for place, given in enumerate(each.given):
        best = each.scorer.recommend(each.scorer.recommender.user_factors[place], 100, given)
        rated = sorted(given)
        rows.append(
            {
                USER: each.users[place],
                ITEMS: [each.items[item] for item, _ in best],
                SCORES: [score for _, score in best],
                RATED_ITEMS: [each.items[item] for item in rated],
                RATINGS: [given[item] for item in rated],
            }
        )
    schema = pa.schema(
        [(USER, pa.string())]
        + [(name, pa.list_(pa.string())) for name in (ITEMS, RATED_ITEMS)]
        + [(name, pa.list_(pa.float32())) for name in (SCORES, RATINGS)]
    )
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema), buffer, row_group_size=2)
    key = f"{results_prefix(model, run_id)}lists/part-00000.parquet"
    etag = maker.store.put_object(Bucket=maker.bucket, Key=key, Body=buffer.getvalue())["ETag"].strip('"')
    file = ResultsFile(key, etag, len(buffer.getvalue()), len(rows), (each.users[0],), (each.users[-1],))
    return lists_to_json(ListsManifest(model, run_id, len(rows), (file,)))
