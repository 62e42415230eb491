"""A real schema registry for one test: Apicurio, on a free port, ended by its process."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from infra import settings
from infra.bring import java
from infra.progress import Progress
from infra.schema_registry import apicurio

_HOST = "127.0.0.1"
_STARTS_WITHIN_S = 180.0
_JVMS = Path("/usr/lib/jvm")


@dataclass
class RunningRegistry:
    """A registry at ``port`` and the one behind it, which can be stopped for a while."""

    port: int
    directory: Path
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it speaks Confluent's protocol."""
        return f"http://{_HOST}:{self.port}{apicurio.API}"

    def register(self, subject: str, schema: Any, kind: str = "AVRO", references: Any = None) -> int:
        """Register ``schema`` as the next version of ``subject``; return its id."""
        body = {"schema": json.dumps(schema), "schemaType": kind, **({"references": references} if references else {})}
        answer = httpx.post(f"{self.url}/subjects/{subject}/versions", json=body, timeout=30)
        answer.raise_for_status()
        return int(answer.json()["id"])

    def pause(self) -> None:
        """Let it keep its connections and answer nobody."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it answer again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        cache = settings.load().cache
        command = apicurio.command(apicurio.bring(cache), _java(cache))
        with (self.directory / "apicurio.log").open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=self.directory, env=os.environ | apicurio.environment(_HOST, self.port, self.port + 1),
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        deadline = time.monotonic() + _STARTS_WITHIN_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"no registry:\n{(self.directory / 'apicurio.log').read_text()[-2_000:]}")
            time.sleep(0.3)

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(15)

    def _answers(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/subjects", timeout=5).status_code == 200
        return False


@contextlib.contextmanager
def running_registry(port: int, directory: Path) -> Iterator[RunningRegistry]:
    """Give a registry that runs at ``port`` and the one behind it, with its log in ``directory``."""
    registry = RunningRegistry(port, directory)
    try:
        registry.start()
        yield registry
    finally:
        registry.stop()


def _java(cache: Path) -> Path:
    """Return the home of a Java that the registry takes: what Kafka runs on may be older."""
    for home in sorted(_JVMS.glob("*/")):
        if (found := java.find(cache, {"JAVA_HOME": str(home), "PATH": ""}, oldest=apicurio.OLDEST_JAVA)) is not None:
            return found
    return java.home(cache, Progress(), oldest=apicurio.OLDEST_JAVA)
