"""`python -m bench.serving.peers`: other servers of models beside ours, each in an environment of its own."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench import peers, record
from bench.serving.contenders import ROOT, Server, free_port, ours, registered, running
from bench.serving.load import Load
from bench.serving.model import body, rows, scoring
from scoring.kmeans import Assigner

HERE = Path(__file__).parent
# Rows of a request, and connections.
CASES = ((1, 1), (1, 16), (1_000, 8))


@dataclass(frozen=True)
class Peer:
    """How one is started and asked; ``arguments`` of its Python from the numbers' file, a folder of its own and a port.

    ``clusters`` finds the clusters in its answer.
    """

    name: str
    lock: str
    arguments: Callable[[str, Path, int], list[str]]
    path: str
    probe: str
    body: Callable[[int], bytes] = body
    clusters: Callable[[Any], list[int]] = lambda answer: [row["cluster"] for row in answer["predictions"]]
    prepare: Callable[[Path, str, Path], None] = lambda _python, _numbers, _folder: None


def tensor(count: int) -> bytes:
    """Return a request of ``count`` rows in the inference protocol."""
    values = rows(count)
    flat = {"name": "rows", "datatype": "FP64", "shape": list(values.shape), "data": values.ravel().tolist()}
    return json.dumps({"inputs": [flat]}).encode()


def _mlserver(_: str, folder: Path, port: int) -> list[str]:
    others = {"grpc_port": free_port(), "metrics_port": free_port()}
    (folder / "settings.json").write_text(json.dumps({"host": "127.0.0.1", "http_port": port, **others}))
    model = {"name": "flights", "implementation": "bench.serving.peers.mlserver_runtime.Runtime"}
    (folder / "model-settings.json").write_text(json.dumps(model))
    return ["-m", "mlserver.cli.main", "start", str(folder)]


def _save_mlflow_model(python: Path, numbers: str, folder: Path) -> None:
    command = [str(python), "-m", "bench.serving.peers.mlflow_model", numbers, str(folder / "model")]
    subprocess.run(command, cwd=ROOT, check=True, stderr=subprocess.DEVNULL)


PEERS = (
    Peer(
        "LitServe, one LitAPI per version",
        "litserve",
        lambda numbers, _, port: ["-m", "bench.serving.peers.litserve_apis", numbers, str(port)],
        "/v1/predict",
        "/health",
    ),
    Peer(
        "BentoML",
        "bentoml",
        lambda _, __, port: [
            *("-m", "bentoml", "serve", "bench.serving.peers.bentoml_service:Predict"),
            *("--host", "127.0.0.1", "--port", str(port)),
        ],
        "/predict",
        "/readyz",
    ),
    Peer(
        "MLServer",
        "mlserver",
        _mlserver,
        "/v2/models/flights/infer",
        "/v2/models/flights/ready",
        tensor,
        lambda answer: next(each["data"] for each in answer["outputs"] if each["name"] == "cluster"),
    ),
    Peer(
        "mlflow models serve",
        "mlflow",
        lambda _, folder, port: [
            *("-m", "mlflow", "models", "serve", "-m", str(folder / "model"), "--env-manager", "local"),
            *("--host", "127.0.0.1", "--port", str(port)),
        ],
        "/invocations",
        "/health",
        prepare=_save_mlflow_model,
    ),
)


def main() -> None:
    """Start one after the other, prove that it answers as ours does, load it."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=int, default=5, help="of each load")
    seconds: int = options.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        with registered(1) as model, ours(model, Path(folder)) as server:
            _measure("Swathe", server, body, seconds)
        for peer in PEERS:
            if python := peers.python_or_said(peer.name, HERE / f"{peer.lock}.txt"):
                with _started(peer, python) as server:
                    _check(peer, server)
                    _measure(peer.name, server, peer.body, seconds)


@contextlib.contextmanager
def _started(peer: Peer, python: Path) -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as name:
        folder, numbers, port = Path(name), str(Path(name) / "numbers.json"), free_port()
        chain = {"model": "flights", "version": 1, "run_id": "0" * 32, "batch": 1}
        Path(numbers).write_text(json.dumps({"scoring": json.loads(scoring().to_json()), "chain": chain}))
        peer.prepare(python, numbers, folder)
        # Its own scripts are found before ours; what it starts in turn finds the model's arithmetic.
        path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
        environ = {"BENCH_NUMBERS": numbers, "PATH": path, "PYTHONPATH": str(ROOT)}
        arguments = peer.arguments(numbers, folder, port)
        with running(arguments, port, peer.path, peer.probe, environ, python=python) as server:
            yield server


def _check(peer: Peer, server: Server) -> None:
    count = 1_000
    wanted = Assigner(scoring()).assign(rows(count))[0].tolist()
    headers = {"content-type": "application/json"}
    answer = httpx.post(server.url + server.path, content=peer.body(count), headers=headers, timeout=60)
    if peer.clusters(answer.raise_for_status().json()) != wanted:
        raise SystemExit(f"{peer.name} answers otherwise than ours")


def _measure(name: str, server: Server, asked: Callable[[int], bytes], seconds: int) -> None:
    record.fact(f"{name}: from its start to its first answer", seconds=server.start_s)
    for count, connections in CASES:
        found = Load(server.url + server.path, asked(count), connections, seconds, server.process).result()
        found.tell(f"{name}: {count:,} rows, {connections} connections")


if __name__ == "__main__":
    main()
