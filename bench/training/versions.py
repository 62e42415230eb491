"""When the versions of a model become ready, seen from outside."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from contract.model_version import TAG_STATE
from pipeline.train.mlflow_client.registry import Registry
from pipeline.train.settings import tracking_settings

READY_S = 300.0
LOOK_S = 0.2


@contextmanager
def when_ready(model: str, count: int) -> Iterator[list[float]]:
    """Give a list that holds, behind the block, the `perf_counter` at which each of ``count`` versions was ready.

    Behind the block it waits for those that are not ready yet.

    Raises
    ------
    SystemExit: some never were.
    """
    found: list[float] = []
    looking = threading.Thread(target=_look, args=(Registry(tracking_settings(), model), count, found), daemon=True)
    looking.start()
    yield found
    looking.join(READY_S)
    if len(found) < count:
        raise SystemExit(f"of {count} versions of {model} {len(found)} became ready within {READY_S:g} s")


def _look(registry: Registry, count: int, found: list[float]) -> None:
    """Ask for one version after the other, as they become ready: the same for the hundredth as for the first."""
    while len(found) < count:
        fields = {"name": registry.model, "version": str(len(found) + 1)}
        answer = registry.call("GET", "model-versions/get", fields, absent_ok=True)
        tags = answer.get("model_version", {}).get("tags", [])
        if any(tag["key"] == TAG_STATE for tag in tags):
            found.append(time.perf_counter())
        else:
            time.sleep(LOOK_S)
