"""Whatever one client does, the event loop goes on: others are answered meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from bench.serving.misbehaving import MISBEHAVIOURS
from bench.serving.probe import waits
from tests.integration.serving.prediction_server import PredictionServer
from tests.integration.serving.registered import FEATURES, Made, Maker, predict_body

# 50 ms is the aim on a machine of its own (`python -m bench.serving`); here clients, services and other tests take
# their share. What holds the loop up does so for one second and more.
LONGEST_S = 0.6
TURNS = 3
SHORT = (
    "endless_header", "endless_headers", "silent_connections", "slow_bodies", "faulty_rows", "last_row_wrong",
    "tensor_of_30_mb", "exports_never_read", "documents",
)  # fmt: skip
LISTED = [name if name in SHORT else pytest.param(name, marks=pytest.mark.long) for name in MISBEHAVIOURS]


@pytest.fixture(scope="module")
def made(maker: Maker, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A version with stored rows."""
    model = maker.model(f"misbehaving-{os.urandom(4).hex()}")
    return maker.version(model, tmp_path_factory.mktemp("made"), n=20_000, row_groups=10_000)


@pytest.fixture(scope="module")
def server(
    services: dict[str, str], made: Made, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PredictionServer]:
    """One server for all of them, one after the other: none leaves it worse."""
    server = PredictionServer(services, tmp_path_factory.mktemp("serving"), SWATHE_SERVING_MODELS=made.model).start()
    try:
        yield server
        assert "unexpected error" not in server.said() and "Traceback" not in server.said()
        assert server.stop() == 0
    finally:
        server.close()


@pytest.mark.parametrize("name", LISTED)
def test_nobody_else_waits(server: PredictionServer, made: Made, name: str) -> None:
    row = predict_body(made, range(1))
    longest = []
    for _ in range(TURNS):
        # A stall that is ours is there every time; one of the machine is not.
        found = waits(name, server.port, made.path, row=row, features=len(FEATURES), seconds=0.5)
        longest.append(found.longest)
        if found.longest < LONGEST_S:
            return
    pytest.fail(f"{name}: others waited for {longest} s")
