"""Recommendations beside predictions of one row, beside another library's fold-in, and over 100,000 items."""

from __future__ import annotations

import contextlib
import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np
from mlflow.tracking import MlflowClient

from bench import peers, record
from bench.serving import recommenders
from bench.serving.contenders import Server, free_port, registered, running
from bench.serving.load import Load, pss_mb
from bench.serving.model import body as row
from contract.model_version import TAG_BATCH, TAG_KIND, TAG_STATE

PEERS = Path(__file__).parent / "peers"
FEW, MANY = (943, 1_682, 10), (100_000, 100_000, 64)
ITEMS = {"few": FEW, "many": MANY}


class Asked(NamedTuple):
    """A body that a server is asked."""

    url: str
    body: bytes
    server: Server

    def load(self, connections: int, seconds: int) -> Load:
        """Begin to ask it again and again."""
        return Load(self.url, self.body, connections, seconds, self.server.process)


@contextlib.contextmanager
def _recommenders(size: tuple[int, int, int], count: int, folder: Path) -> Iterator[str]:
    """Give the name of a model of ``count`` recommenders of so many users, items and factors."""
    client = MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    model = f"bench-{uuid.uuid4().hex[:8]}"
    client.create_registered_model(model)
    experiment = client.create_experiment(model)
    for number in range(1, count + 1):
        with tempfile.TemporaryDirectory(dir=folder) as artifact:
            known = recommenders.write(Path(artifact), *size, seed=number)
            np.save(folder / f"{model}.npy", known.item_factors)
            run = client.create_run(experiment).info.run_id
            logged = client.create_logged_model(experiment, f"{model}-{number}", run).model_id
            client.log_model_artifacts(logged, artifact)
        tags = {TAG_BATCH: str(number), TAG_KIND: "als", TAG_STATE: "ready"}
        client.create_model_version(model, f"models:/{logged}", run, tags=tags, model_id=logged)
    try:
        yield model
    finally:
        client.delete_registered_model(model)


@contextlib.contextmanager
def _serving(models: list[str], cache: Path) -> Iterator[Server]:
    port = free_port()
    settings = {
        "SWATHE_SERVING_PORT": str(port), "SWATHE_SERVING_CACHE": str(cache), "SWATHE_SERVING_HOST": "127.0.0.1",
        "SWATHE_SERVING_MODELS": ",".join(models), "OPENBLAS_NUM_THREADS": "1",
    }  # fmt: skip
    with running(["-m", "serving"], port, "", "/health/ready", settings) as server:
        yield server


@contextlib.contextmanager
def _peer(python: Path, factors: Path) -> Iterator[Server]:
    """Run implicit's route."""
    port = free_port()
    arguments = [str(PEERS / "implicit_route.py"), str(factors), str(port)]
    with running(
        arguments, port, "/recommend", "/openapi.json", {"OPENBLAS_NUM_THREADS": "1"}, python=python
    ) as server:
        yield server


def measure(seconds: int, turns: int) -> None:
    """Tell the figures of recommendations."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        clusters = stack.enter_context(registered(1))
        models = {size: stack.enter_context(_recommenders(shape, 1, folder)) for size, shape in ITEMS.items()}
        server = stack.enter_context(_serving([clusters, *models.values()], folder / "cache"))
        python = peers.python_or_said("implicit", PEERS / "implicit.txt")
        beside = {
            size: _asked_of(stack.enter_context(_peer(python, folder / f"{model}.npy")), ITEMS[size][1])
            for size, model in models.items()
            if python is not None
        }
        few, many = (f"{server.url}/api/{model}/v1/recommend" for model in models.values())
        predict = f"{server.url}/api/{clusters}/v1/predict"
        _throughput(
            {
                "predict": Asked(predict, row(1), server),
                "recommend": Asked(few, recommenders.body(FEW[1]), server),
                **({"implicit": beside["few"]} if beside else {}),
            },
            seconds,
            turns,
        )
        asked = Asked(many, recommenders.body(MANY[1]), server)
        _large(asked, Asked(predict, row(1), server), beside.get("many"), seconds)
    with tempfile.TemporaryDirectory() as name:
        _memory(Path(name))


def _asked_of(peer: Server, items: int) -> Asked:
    return Asked(peer.url + peer.path, recommenders.body(items), peer)


def _throughput(contenders: dict[str, Asked], seconds: int, turns: int) -> None:
    found = dict.fromkeys(contenders, 0.0)
    for _ in range(turns):
        for name, each in contenders.items():
            measured = each.load(16, seconds).result()
            measured.tell(f"10 ratings over {FEW[1]:,} items, 16 connections: {name}")
            found[name] = max(found[name], measured.requests_s)
    record.figure("serving.recommending.rate", found["recommend"] / found["predict"])


def _large(many: Asked, predict: Asked, peer: Asked | None, seconds: int) -> None:
    what = f"{MANY[1]:,} items of {MANY[2]}"
    alone = many.load(4, seconds).result()
    alone.tell(f"{what}, 4 connections: recommend")
    record.figure("serving.recommending.p99_ms", alone.p99_ms)
    if peer is not None:
        peer.load(4, seconds).result().tell(f"{what}, 4 connections: implicit")
    beside = many.load(4, seconds + 2)
    row_beside = predict.load(1, seconds).result()
    beside.result()
    row_beside.tell(f"1-row predict beside {what}")
    record.figure("serving.recommending.beside_ms", row_beside.p99_ms)


def _memory(folder: Path) -> None:
    found = []
    for count in (1, 4):
        (folder / str(count)).mkdir()
        with (
            _recommenders(MANY, count, folder) as model,
            _serving([model], folder / str(count)) as server,
        ):
            for number in range(1, count + 1):
                url = f"{server.url}/api/{model}/v{number}/recommend"
                httpx.post(url, content=recommenders.body(MANY[1]), headers={"content-type": "application/json"})
            found.append(pss_mb(server.process))
    record.figure("serving.recommending.mb", (found[1] - found[0]) / 3)
