"""A standalone Spark cluster: a master and two workers of the PySpark distribution, on loopback."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pyspark

from tests.services import port_block

WORKERS = 2
UP_S = 120.0
STRANGER = "nobody"


class Cluster:
    """``master`` is its URL; ``log`` holds what its processes said."""

    def __init__(self, directory: Path, ports: list[int]) -> None:
        self._directory, self._ports = directory, ports
        self._processes: list[subprocess.Popen[bytes]] = []
        self.master = f"spark://127.0.0.1:{ports[0]}"

    def start(self) -> None:
        """Start all, and wait until the master knows its workers."""
        self._run("Master", "--host", "127.0.0.1", "--port", str(self._ports[0]), "--webui-port", str(self._ports[1]))
        for number in range(WORKERS):
            ports = ("--port", str(self._ports[2 + 2 * number]), "--webui-port", str(self._ports[3 + 2 * number]))
            size = ("--cores", "1", "--memory", "1g", "--work-dir", str(self._directory / f"work-{number}"))
            self._run("Worker", "--host", "127.0.0.1", *ports, *size, self.master)
        deadline = time.monotonic() + UP_S
        while self.state().get("aliveworkers", 0) < WORKERS:
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.5)

    def state(self) -> dict[str, int]:
        """Return what the master says of itself; nothing while it does not answer."""
        with contextlib.suppress(httpx.HTTPError):
            found: dict[str, int] = httpx.get(f"http://127.0.0.1:{self._ports[1]}/json/").json()
            return found
        return {}

    def log(self) -> str:
        """Return what the processes said."""
        return "\n".join(path.read_text() for path in sorted(self._directory.glob("*.log")))

    def stop(self) -> None:
        """End all, workers first: they end their executors."""
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _run(self, kind: str, *arguments: str) -> None:
        home = Path(pyspark.__file__).parent
        name = f"org.apache.spark.deploy.{kind.lower()}.{kind}"
        log = self._directory / f"{len(self._processes)}-{kind}.log"
        with log.open("wb") as said:
            self._processes.append(
                subprocess.Popen(
                    [str(home / "bin" / "spark-class"), name, *arguments],
                    cwd=self._directory,
                    env={**os.environ, "SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1"},
                    stdout=said,
                    stderr=subprocess.STDOUT,
                    user=STRANGER if _can_be_another_user(home) else None,
                )
            )


def _can_be_another_user(home: Path) -> bool:
    """Whether workers can run as a stranger, whom reaching for the driver's files would fail, as on another machine."""
    return os.geteuid() == 0 and all(parent.stat().st_mode & 0o001 for parent in home.parents)


@contextlib.contextmanager
def spark_cluster() -> Iterator[Cluster]:
    """Give a running cluster, which ends with the block."""
    with tempfile.TemporaryDirectory(prefix="spark-cluster-") as directory, port_block() as ports:
        Path(directory).chmod(0o777)
        cluster = Cluster(Path(directory), ports)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()
