"""A real `python -m serving`, on a free port, stopped with SIGTERM."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[3]
T = TypeVar("T")


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def eventually(what: str, look: Callable[[], T | None], within_s: float = 10.0) -> T:
    """Return what ``look`` returns once it is neither None nor False."""
    deadline = time.monotonic() + within_s
    while True:
        found = look()
        if found is not None and found is not False:
            return found
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.02)


def _is_worker(process: psutil.Process) -> bool:
    try:
        return "spawn_main" in " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        # A worker that was killed a moment ago.
        return False


class PredictionServer:
    """The server's processes and a client for it."""

    def __init__(
        self, environment: Mapping[str, str], directory: Path, module: str = "serving", **settings: str
    ) -> None:
        self._module = module
        self.port = free_port()
        self.log = directory / f"serving-{self.port}.log"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SWATHE_")},
            **environment,
            "SWATHE_SERVING_CACHE": str(directory / "cache"),
            "SWATHE_SERVING_PORT": str(self.port),
            "SWATHE_SERVING_POLL_S": "0.3",
            **settings,
        }
        self.url = f"http://127.0.0.1:{self.port}"
        self.http = httpx.Client(base_url=self.url, timeout=20)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, ready: bool = True) -> PredictionServer:
        """Start it and wait until it is ready, or only alive."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self._module],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.wait("/health/ready" if ready else "/health/live")
        return self

    def wait(self, path: str, within_s: float = 60.0) -> None:
        """Wait until ``path`` answers 200."""

        def answers() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, self.said()
            return self.code(path) == 200

        eventually(f"200 from {path}", answers, within_s)

    def code(self, path: str) -> int | None:
        """Return the status code of a GET, or None where nobody answers."""
        try:
            return self.http.get(path).status_code
        except httpx.TransportError:
            return None

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON of a GET that succeeds."""
        answer = self.http.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def predict(self, path: str, body: bytes) -> httpx.Response:
        """POST a body to a version's predict route."""
        return self.http.post(f"{path}/predict", content=body, headers={"content-type": "application/json"})

    def versions(self, model: str) -> dict[int, dict[str, Any]]:
        """Return the versions of ``model`` as they are listed."""
        for listed in self.get("/api/models"):
            if listed["name"] == model:
                return {version["version"]: version for version in listed["versions"]}
        return {}

    def tree(self) -> list[psutil.Process]:
        """Return the main process and all below it."""
        assert self.process is not None
        main = psutil.Process(self.process.pid)
        return [main, *main.children(recursive=True)]

    def api_process(self) -> psutil.Process:
        """Return the process that answers: the child that holds connections' port."""
        for process in self.tree()[1:]:
            if any(c.status == "ESTABLISHED" for c in process.net_connections("inet")):
                return process
        raise AssertionError("no process holds a connection; keep one open")

    def workers(self) -> list[psutil.Process]:
        """Return the inference workers: the spawned children."""
        return [p for p in self.tree()[1:] if _is_worker(p)]

    def manager(self) -> psutil.Process:
        """Return the process that holds LitServe's queues: the one others reach at its socket's path."""
        for process in self.tree()[1:]:
            if any("listener-" in str(c.laddr) for c in process.net_connections("unix")):
                return process
        raise AssertionError("no process listens on a path")

    def stop(self) -> int:
        """End it with SIGTERM and return its exit code; nothing of it may be left."""
        assert self.process is not None
        below = self.tree()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=30)
        _, alive = psutil.wait_procs(below[1:], timeout=5)
        assert not alive, f"left behind: {alive}"
        self.process = None
        return code

    def said(self) -> str:
        """Return its log."""
        return self.log.read_text()

    def close(self) -> None:
        """End it, however it is."""
        self.http.close()
        if self.process is not None and self.process.poll() is None:
            for process in self.tree():
                process.kill()
            self.process.wait(timeout=10)
