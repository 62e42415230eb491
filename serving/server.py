"""Runs LitServe with our routes in its app, and stops it without leaving a process behind."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import litserve
from starlette.exceptions import HTTPException

from serving.cache import LocalCache
from serving.clusterer import Clusterer
from serving.object_store import ObjectStore
from serving.pickup import Pickup
from serving.range_cache import RangeCache
from serving.registry import Registry
from serving.results import Results
from serving.routes import Routes, http_exception, unexpected
from serving.service import Service
from serving.settings import ServingSettings
from serving.sorted_file import SortedFiles

logger = logging.getLogger(__name__)

# LitServe's own route and queue; its last segment names the worker in LitServe's books.
QUEUE_PATH = "/_queue/predict"


def serve(settings: ServingSettings) -> None:
    """Serve until SIGTERM or SIGINT."""
    cache = LocalCache(settings.cache)
    cache.prepare()
    clusterer = Clusterer(api_path=QUEUE_PATH)
    server = litserve.LitServer(clusterer, accelerator="cpu", restart_workers=True)
    build(server.app, clusterer, settings, cache)
    # LitServe stops in order on SIGINT only; SIGTERM would orphan its processes, which end on it as usual.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))
    server.run(
        host=settings.host,
        port=settings.port,
        num_api_servers=1,
        generate_client_file=False,
        access_log=False,
        log_level="warning",
    )


def build(app: Any, clusterer: Clusterer, settings: ServingSettings, cache: LocalCache) -> None:
    """Add the routes to LitServe's ``app``; what they need is started with it, in the API process."""
    registry = Registry(settings.tracking_uri)
    pickup = Pickup(registry, cache, models=settings.models, poll_s=settings.poll_s, grace_s=settings.grace_s)
    ranges = RangeCache(ObjectStore(settings), Path(settings.cache) / "results", settings.results_cache_bytes)
    service = Service(pickup, Results(ranges, SortedFiles(ranges)), settings.default_model, settings.tracking_uri)
    routes = Routes(service, clusterer, settings.max_body_bytes)
    # Before LitServe's own: the first that matches answers.
    app.router.routes[:0] = routes.table()
    app.add_exception_handler(HTTPException, http_exception)
    app.add_exception_handler(Exception, unexpected)
    own_lifespan = app.router.lifespan_context

    @contextlib.asynccontextmanager
    async def lifespan(running: Any) -> AsyncIterator[None]:
        ranges.prepare()
        pickup.start()
        async with own_lifespan(running):
            logger.info("serving host=%s port=%d", settings.host, settings.port)
            yield
        pickup.stop()
        registry.close()

    app.router.lifespan_context = lifespan
