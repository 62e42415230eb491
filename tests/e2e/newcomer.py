"""What somebody types who has a file, or a topic, and nothing else: describe, replay, land, train, ask."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from contract.model_version import LAUNCHES_EXPERIMENT
from contract.stream import Stream, parse_stream
from tests.integration.serving.prediction_server import PredictionServer, eventually
from tests.services import ROOT

COMMAND_S = 900.0


@dataclass
class Newcomer:
    """Commands in a shell that has sourced `infra env`, and the stream file that one of them wrote."""

    services: Mapping[str, str]
    directory: Path
    stream_file: Path
    said: str = ""
    """What `describe` said beside the stream file."""

    @classmethod
    def describing(cls, services: Mapping[str, str], directory: Path, *arguments: str) -> Newcomer:
        """Write a stream file by `describe`, which is not touched any more."""
        stream_file = directory / "mine.yaml"
        command = [sys.executable, "-m", "pipeline", "describe", *arguments]
        with stream_file.open("wb") as file:
            done = subprocess.run(
                command, cwd=ROOT, env={**os.environ, **services}, stdin=subprocess.DEVNULL, stdout=file,
                stderr=subprocess.PIPE, timeout=COMMAND_S, check=False,
            )  # fmt: skip
        said = done.stderr.decode()
        assert done.returncode == 0 and "Traceback" not in said, f"{arguments}: {done.returncode}: {said}"
        return cls(services, directory, stream_file, said)

    @property
    def stream(self) -> Stream:
        """The stream that `describe` wrote."""
        return parse_stream(self.stream_file.read_text(), str(self.stream_file))

    @property
    def model(self) -> str:
        """The registered model."""
        return self.stream.registered_model()

    def pipeline(self, command: str, *arguments: str) -> str:
        """Run `python -m pipeline …` on the stream file; return what it said."""
        return self._run(sys.executable, "-m", "pipeline", command, "--stream", str(self.stream_file), *arguments)

    def mlflow_run(self) -> str:
        """Train by `mlflow run .`; return what it said."""
        return self._run("mlflow", "run", ".", "--env-manager", "local", "-P", f"stream={self.stream_file}")

    def _run(self, *command: str) -> str:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environ = {**os.environ, **self.services, "PATH": path, "MLFLOW_EXPERIMENT_NAME": LAUNCHES_EXPERIMENT}
        done = subprocess.run(
            command, cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=COMMAND_S, check=False,
        )  # fmt: skip
        said = done.stdout
        assert done.returncode == 0 and "Traceback" not in said, (
            f"{command[2:]} ended with {done.returncode}: {said[-4000:]}\n{self.stream_file.read_text()[:6000]}"
        )
        return said

    def landed(self, rows: int) -> str:
        """Land ``rows`` in three batches, none rejected, each offset in one place; return what was said."""
        said = self.pipeline("land", "--exit-when-idle", "2s")
        assert f"landed {rows:,} rows in 3 batches, rejected 0" in said, said
        # A column without any value is one for `describe` too, and it says so.
        warned = [line for line in said.splitlines() if line.startswith("warning") and "no value of" not in line]
        assert warned == [], said
        assert "every offset is in exactly one place" in self.pipeline("verify", "--against-topic")
        return said

    def asked(self, server: PredictionServer, first: Mapping[str, Any]) -> None:
        """Ask each version's routes for a row, of which ``first`` is the stream's first."""
        ready = eventually("three versions", lambda: self._ready(server), 60)
        assert ready == [1, 2, 3]
        recommends = self.stream.model.kind == "als"
        held = []
        for which in ("v1", "v2", "v3", "champion"):
            base = f"/api/{self.model}/{which}"
            if recommends:
                self._asked_for_recommendations(server, base, first)
            else:
                stored = self._stored(server, base, first)
                held += [which] if stored else []
                self._asked_for_clusters(server, base, stored or server.get(f"{base}/clustering-results")["results"][0])
        # It is in one batch, of whichever partition was quickest.
        assert recommends or len(set(held) - {"champion"}) == 1

    def _ready(self, server: PredictionServer) -> list[int] | None:
        versions = server.versions(self.model)
        states = [version["state"] for version in versions.values()]
        assert "failed" not in states and "unavailable" not in states, versions
        return sorted(versions) if states.count("ready") == 3 else None

    def _asked_for_clusters(self, server: PredictionServer, base: str, stored: Mapping[str, Any]) -> None:
        answer = server.http.post(f"{base}/predict", json={"dataframe_records": [stored["features"]]})
        assert answer.status_code == 200, answer.text
        (predicted,) = answer.json()["predictions"]
        assert (predicted["cluster"], predicted["distance"]) == (stored["cluster"], stored["distance"])

    def _stored(self, server: PredictionServer, base: str, first: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the stored row of the first record, whose id others may share, if the version has it."""
        name = "-".join(str(first[column]) for column in self.stream.id) or "0-0"
        answer = server.http.get(f"{base}/clustering-results/{quote(name, safe='')}")
        rows = answer.json()["results"] if answer.status_code == 200 else []
        found: dict[str, Any] | None = next((row for row in rows if (row["partition"], row["offset"]) == (0, 0)), None)
        for name, kind in self.stream.inputs.items() if found else ():
            meant = first[name]
            if kind == "double" and meant is not None:
                meant = pytest.approx(float(meant), rel=1e-6)
            # A time in a file has any form.
            assert found and (kind == "datetime" or found["features"][name] == meant), name
        return found

    def _asked_for_recommendations(self, server: PredictionServer, base: str, first: Mapping[str, Any]) -> None:
        _, item, rating = self.stream.model.columns
        body = {"ratings": [{"item": first[item], "rating": first[rating]}], "n": 5}
        answer = server.http.post(f"{base}/recommend", json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["unknown_items"] == [] and len(answer.json()["recommendations"]) == 5


@contextmanager
def prediction_server(
    services: Mapping[str, str], directory: Path, models: Iterable[str]
) -> Iterator[PredictionServer]:
    """Give a server of ``models``, which need not be there yet."""
    server = PredictionServer(services, directory, SWATHE_SERVING_MODELS=",".join(models)).start()
    try:
        yield server
        assert "unexpected error" not in server.said()
    finally:
        server.close()


def own_name(before: str) -> str:
    """Return a name that no other test's stream has."""
    return f"{before}-{uuid.uuid4().hex[:12]}"


def first_of(rows: Iterator[Any]) -> Any:
    """Return the first of ``rows``."""
    (first,) = itertools.islice(rows, 1)
    return first
