"""Puts the parts together inside LitServe, and runs it."""

from __future__ import annotations

import contextlib
import gc
import logging
import sys
from collections.abc import AsyncIterator
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect
from starlette.routing import Router

from contract.uri import without_credentials
from serving.http.access_key import AddressedHere, RequiredKey
from serving.http.admission import Admission
from serving.http.answering import Answering
from serving.http.base_path import BasePath
from serving.http.bodies_within_limits import BodyBudget, BodyReader
from serving.http.canary import Canary
from serving.http.connections import BACKLOG, Connections, connections_allowed
from serving.http.inference_routes import InferenceRoutes
from serving.http.observed import Observed
from serving.http.problems import forbidden, http_exception, hung_up, unauthorized, unexpected
from serving.http.routes import Parts, Routes
from serving.http.worker_queue import WorkerQueue
from serving.kinds.installed import kinds, left_out
from serving.kinds.litserve_api import Predictions
from serving.metrics import Metrics
from serving.pages.kept import Pages
from serving.pages.ui.page import UserInterface
from serving.processes.claims import check_port, claimed_cache
from serving.processes.liveness import forget
from serving.processes.supervised import SupervisedServer, stopping_in_order
from serving.service import Service
from serving.settings import ServingSettings
from serving.stored_rows.object_store import ObjectStore
from serving.stored_rows.range_cache import RangeCache
from serving.versions.artifacts import StoredArtifacts
from serving.versions.cache import LocalCache
from serving.versions.pickup import Pickup
from serving.versions.registry import Registry

logger = logging.getLogger(__name__)

_SWITCH_S: Final = 0.0005
# Whole results that are sent at once; each keeps a row group in memory.
_EXPORTS: Final = 8


def serve(settings: ServingSettings) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises
    ------
    ConfigurationError: the port or the cache directory cannot be had.
    """
    cache = LocalCache(settings.cache)
    cache.prepare()
    check_port(settings.host, settings.port)
    with claimed_cache(settings.cache), stopping_in_order():
        forget(settings.cache)
        predictions = Predictions(settings.cache)
        server = SupervisedServer(
            predictions,
            accelerator="cpu",
            workers_per_device=settings.workers,
            timeout=settings.deadline_s,
            restart_workers=True,
        )
        server.uvicorn_graceful_timeout = 20
        build(server, predictions, settings, cache)
        server.run(
            host=settings.host,
            port=settings.port,
            num_api_servers=1,
            generate_client_file=False,
            access_log=False,
            server_header=False,
            log_level="warning",
            http=Connections(most=connections_allowed(), body_s=settings.deadline_s).protocol,
            # There is nothing to talk to over a WebSocket.
            ws="none",
            backlog=BACKLOG,
        )


def build(server: Any, predictions: Predictions, settings: ServingSettings, cache: LocalCache) -> None:
    """Put our routes in place of LitServe's own; what they need is started with the app, in the API process."""
    app, installed = server.app, kinds()
    registry = Registry(settings.tracking)
    pickup = Pickup(
        registry,
        cache,
        installed,
        models=settings.models,
        poll_s=settings.poll_s,
        grace_s=settings.grace_s,
        left_out=left_out(),
        stored=_stored(settings),
    )
    ranges = RangeCache(ObjectStore(settings), settings.cache / "results", settings.results_cache_bytes)
    ranges.prepare()
    mlflow_url = without_credentials(settings.mlflow_url or settings.tracking.uri).rstrip("/")
    service = Service(pickup, installed, settings.default, mlflow_url)
    metrics = Metrics(lambda: service.catalogue, installed)
    workers = WorkerQueue(
        predictions,
        server,
        settings.cache,
        workers=settings.workers,
        deadline_s=settings.deadline_s,
        most_bytes=settings.all_bodies_bytes,
    )
    slow, exports = Admission(settings.queue, settings.deadline_s), Admission(_EXPORTS, settings.deadline_s)
    bodies = BodyReader(settings.max_body_bytes, settings.deadline_s, BodyBudget(settings.all_bodies_bytes))
    canary = Canary(settings.canary_share, settings.canary_mode, metrics)
    pages = Pages(service, metrics, installed, with_key=settings.api_key is not None)
    answering = Answering(predictions, workers, slow)
    shown = UserInterface(service, installed)
    parts = Parts(service, installed, ranges, answering, metrics, pages, shown, slow, exports, bodies, canary)
    app.add_exception_handler(HTTPException, http_exception)
    app.add_exception_handler(ClientDisconnect, hung_up)
    app.add_exception_handler(Exception, unexpected)
    _add_middleware(app, settings, metrics)
    own_lifespan = app.router.lifespan_context

    @contextlib.asynccontextmanager
    async def lifespan(running: Any) -> AsyncIterator[None]:
        # So long does the loop wait for each thread at work; the default is 5 ms.
        sys.setswitchinterval(_SWITCH_S)
        # Again: an earlier API process may have filled the directory since.
        ranges.prepare()
        pickup.start()
        # What was imported or restored stays: a full collection looked through all of it, and took 60 ms and more.
        gc.freeze()
        async with own_lifespan(running), workers.watched():
            logger.info("serving host=%s port=%d", settings.host, settings.port)
            yield
        pickup.stop()
        registry.close()

    # Starlette's router: FastAPI's takes 10 µs a request for what these routes do not use.
    app.router = Router([*Routes(parts).table(), *InferenceRoutes(parts).table()], lifespan=lifespan)


def _stored(settings: ServingSettings) -> StoredArtifacts | None:
    if settings.artifact_store is None:
        return None
    bucket, prefix = settings.artifact_store
    return StoredArtifacts(ObjectStore(settings, bucket), prefix)


def _add_middleware(app: Any, settings: ServingSettings, metrics: Metrics) -> None:
    # LitServe compresses everything, at level 9, and makes even what it leaves alone go through its hands;
    # the routes whose answers are worth it have a layer of their own.
    app.user_middleware[:] = [middleware for middleware in app.user_middleware if middleware.cls is not GZipMiddleware]
    # The last one added is outermost.
    if settings.api_key is not None:
        app.add_middleware(RequiredKey, api_key=settings.api_key.get_secret_value(), refuse=unauthorized)
    app.add_middleware(AddressedHere, hosts=settings.own_hosts, origins=settings.cors_origins, refuse=forbidden)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=["X-Request-Id", "ETag", "Retry-After"],
        )
    app.add_middleware(BasePath, fixed=settings.base_path)
    app.add_middleware(Observed, metrics=metrics, log_all=settings.access_log == "all")
