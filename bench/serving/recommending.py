"""Recommendations beside predictions of one row, beside another library's fold-in, and over 100,000 items."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np
from mlflow.tracking import MlflowClient

from bench.serving import recommenders
from bench.serving.contenders import Server, free_port, registered, running
from bench.serving.load import Measured, Wrk, pss_mb
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

    def load(self, connections: int, seconds: int) -> Wrk:
        """Begin to ask it again and again."""
        return Wrk(self.url, self.body, connections, seconds, self.server.process)


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
def _peer(factors: Path, folder: Path) -> Iterator[Server]:
    """Run implicit's route, in an environment that is made the first time."""
    python = folder / "peer" / "bin" / "python"
    if not python.exists():
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "-q", str(folder / "peer")], check=True)
        locked = ["--require-hashes", "-r", str(PEERS / "implicit.txt")]
        subprocess.run([*uv, "pip", "install", "-q", "--python", str(python), *locked], check=True)
    port = free_port()
    arguments = [str(PEERS / "implicit_route.py"), str(factors), str(port)]
    with running(
        arguments, port, "/recommend", "/openapi.json", {"OPENBLAS_NUM_THREADS": "1"}, python=python
    ) as server:
        yield server


def measure(seconds: int, turns: int) -> None:
    """Print what is asked of recommendations, and what is measured."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        clusters = stack.enter_context(registered(1))
        models = {size: stack.enter_context(_recommenders(shape, 1, folder)) for size, shape in ITEMS.items()}
        server = stack.enter_context(_serving([clusters, *models.values()], folder / "cache"))
        peers = {size: stack.enter_context(_peer(folder / f"{model}.npy", folder)) for size, model in models.items()}
        few, many = (f"{server.url}/api/{model}/v1/recommend" for model in models.values())
        predict = f"{server.url}/api/{clusters}/v1/predict"
        _throughput(
            {
                "predict": Asked(predict, row(1), server),
                "recommend": Asked(few, recommenders.body(FEW[1]), server),
                "implicit": _asked_of(peers["few"], FEW[1]),
            },
            seconds,
            turns,
        )
        asked = Asked(many, recommenders.body(MANY[1]), server)
        _large(asked, Asked(predict, row(1), server), _asked_of(peers["many"], MANY[1]), seconds)
    with tempfile.TemporaryDirectory() as name:
        _memory(Path(name))


def _asked_of(peer: Server, items: int) -> Asked:
    return Asked(peer.url + peer.path, recommenders.body(items), peer)


def _throughput(contenders: dict[str, Asked], seconds: int, turns: int) -> None:
    found = dict.fromkeys(contenders, 0.0)
    for _ in range(turns):
        for name, each in contenders.items():
            measured = each.load(16, seconds).result()
            print(f"{name:10} {_told(measured)}", flush=True)
            found[name] = max(found[name], measured.requests_s)
    print(
        f"10 ratings over {FEW[1]:,} items, 16 connections: {found['recommend'] / found['predict']:.2f} × 1-row "
        f"predict (asked 0.5), {found['recommend'] / found['implicit']:.2f} × implicit",
        flush=True,
    )


def _large(many: Asked, predict: Asked, peer: Asked, seconds: int) -> None:
    found = {"recommend (asked 40)": many.load(4, seconds).result(), "implicit": peer.load(4, seconds).result()}
    beside = many.load(4, seconds + 2)
    found["1-row predict beside it (asked 50)"] = predict.load(1, seconds).result()
    beside.result()
    for name, each in found.items():
        print(f"{MANY[1]:,} items of {MANY[2]}, 4 connections: {name} {_told(each)}", flush=True)


def _told(found: Measured) -> str:
    return (
        f"{found.requests_s:,.0f} requests/s, p50 {found.p50_ms:.1f}, p99 {found.p99_ms:.1f} ms, "
        f"{found.cpu_us:,.0f} µs of CPU"
    )


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
    print(f"{MANY[1]:,} items of {MANY[2]}: {(found[1] - found[0]) / 3:.0f} MB of PSS a version (asked 60)", flush=True)
