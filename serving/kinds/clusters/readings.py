"""What can be read of a clustering: statistics per cluster, and the rows it was trained on with their clusters."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

from serving.kinds.clusters.clustering import Clustering
from serving.kinds.clusters.results import MOST_ROWS, Results
from serving.kinds.clusters.statistics import cluster_statistics
from serving.kinds.kind import Asked, Reading
from serving.kinds.openapi_words import path_parameter, query_parameter
from serving.kinds.query import refuse_unknown, whole_number
from serving.stored_rows.range_cache import RangeCache

_PAGE_ROWS: Final = 100
_STATISTICS: Final = ("404", "409", "429", "504")
_STORED: Final = ("404", "409", "422", "429", "502", "503", "504")


@lru_cache(maxsize=4)
def _results(stored: RangeCache) -> Results:
    """Return the reader of results; the clusterings share what it keeps in memory."""
    return Results(stored)


def _statistics(asked: Asked) -> dict[str, Any]:
    return {"clusters": cluster_statistics(asked.served)}


def _page(asked: Asked) -> dict[str, Any]:
    refuse_unknown(asked.query, "limit", "cursor", "cluster")
    limit = whole_number(asked.query, "limit", 1, MOST_ROWS)
    cluster = whole_number(asked.query, "cluster", 0, len(asked.served.assigner.scoring.labels) - 1)
    page = _results(asked.stored).page(
        asked.version,
        asked.served.assigner.scoring.labels,
        limit=_PAGE_ROWS if limit is None else limit,
        cursor=asked.query.get("cursor"),
        cluster=cluster,
    )
    return {"results": page.rows, "next_cursor": page.next_cursor}


def _lines(asked: Asked) -> Iterator[bytes]:
    refuse_unknown(asked.query, "cluster")
    cluster = whole_number(asked.query, "cluster", 0, len(asked.served.assigner.scoring.labels) - 1)
    return _results(asked.stored).export(asked.version, asked.served.assigner.scoring.labels, cluster=cluster)


def _rows_of(asked: Asked) -> dict[str, Any]:
    """Return the stored rows of an id, by page where they are very many."""
    refuse_unknown(asked.query, "limit", "cursor")
    limit = whole_number(asked.query, "limit", 1, MOST_ROWS)
    page = _results(asked.stored).rows_of(
        asked.version,
        asked.served.assigner.scoring.labels,
        asked.path["row_id"],
        limit=MOST_ROWS if limit is None else limit,
        cursor=asked.query.get("cursor"),
    )
    return {"results": page.rows, "next_cursor": page.next_cursor}


def _limit(default: int, description: str) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": default}
    return query_parameter("limit", schema, description)


def _page_query(served: Clustering | None) -> list[dict[str, Any]]:
    most = {} if served is None else {"maximum": len(served.assigner.scoring.labels) - 1}
    return [
        _limit(_PAGE_ROWS, "Rows on the page"),
        query_parameter("cursor", {"type": "string", "minLength": 1}, "`next_cursor` of the page before"),
        query_parameter("cluster", {"type": "integer", "minimum": 0, **most}, "Only this cluster's rows"),
    ]


def _row_query(_served: Clustering | None) -> list[dict[str, Any]]:
    told = "`next_cursor` of the answer before, where an id has more rows"
    return [
        path_parameter("row_id"),
        _limit(MOST_ROWS, "Rows in the answer"),
        query_parameter("cursor", {"type": "string", "minLength": 1}, told),
    ]


READINGS: Final = (
    Reading(
        "/cluster-stats",
        _statistics,
        name="statistics",
        summary="Statistics per cluster of {who}",
        schema="ClusterStatistics",
        problems=_STATISTICS,
        signpost="cluster statistics",
    ),
    Reading(
        "/clustering-results",
        _page,
        name="results",
        summary="All stored rows of {who}, by page",
        schema="ResultsPage",
        problems=_STORED,
        parameters=_page_query,
        lines=_lines,
        has_query=True,
        signpost="clustering results",
    ),
    Reading(
        "/clustering-results/{row_id:path}",
        _rows_of,
        name="row",
        summary="The stored rows of one id in {who}",
        schema="StoredRows",
        problems=_STORED,
        parameters=_row_query,
        has_query=True,
    ),
)
