"""Real Kafka, MinIO and MLflow for a test run: started by the project's own command, once, on free ports."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from infra.run.processes import port_is_free

ROOT = Path(__file__).resolve().parent.parent
PORT_VARIABLES = (
    "SWATHE_PORT_KAFKA",
    "SWATHE_PORT_KAFKA_CONTROLLER",
    "SWATHE_PORT_MINIO",
    "SWATHE_PORT_MINIO_CONSOLE",
    "SWATHE_PORT_MLFLOW",
    "SWATHE_PORT_SERVING",
    "SWATHE_PORT_SUPERVISOR",
)
# All that a test run starts inherits it. Not SWATHE_…, because no command of the project reads it.
RUN_VARIABLE = "_SWATHE_TEST_RUN"
# Below the range from which systems take the ports of outgoing connections: none is taken behind a test's back.
_FIRST_PORT, _LAST_PORT, _BLOCK = 20000, 31990, 10
_FOREIGN = ("SWATHE_", "AWS_", "MLFLOW_", "MINIO_")
_KEPT = ("SWATHE_CACHE", "MINIO_BIN")


def clean_environment() -> dict[str, str]:
    """Return this process's environment without anything that points at services."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return kept | {name: os.environ[name] for name in _KEPT if name in os.environ}


@contextlib.contextmanager
def port_block() -> Iterator[list[int]]:
    """Give ten free ports in a row, which no other test run on this machine is given at the same time."""
    locks = Path(tempfile.gettempdir()) / f"swathe-ports-{os.getuid()}"
    locks.mkdir(exist_ok=True)
    blocks = range(_FIRST_PORT, _LAST_PORT, _BLOCK)
    # Begin elsewhere in every run, so that two of them seldom try the same block first.
    begin = os.getpid() % len(blocks)
    for first in [*blocks[begin:], *blocks[:begin]]:
        lock = FileLock(locks / f"{first}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        ports = list(range(first, first + _BLOCK))
        if all(port_is_free("127.0.0.1", port) for port in ports):
            try:
                yield ports
            finally:
                lock.release()
            return
        lock.release()
    raise RuntimeError(f"no ten free ports in a row between {_FIRST_PORT} and {_LAST_PORT}")


def settings_for(data: Path, ports: list[int]) -> dict[str, str]:
    """Return an environment in which `python -m infra` keeps to ``data`` and ``ports``."""
    chosen = {name: str(port) for name, port in zip(PORT_VARIABLES, ports, strict=False)}
    return clean_environment() | {"SWATHE_DATA": str(data)} | chosen


def infra(*arguments: str, environ: Mapping[str, str], check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run `python -m infra` and return what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "infra", *arguments],
        cwd=ROOT,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if check and done.returncode != 0:
        raise RuntimeError(f"python -m infra {shlex.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    return done


class SharedServices:
    """The services of one test run, shared by its worker processes: the first that needs them starts them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._environment = directory / "environment.json"

    def environment(self) -> dict[str, str]:
        """Return what `infra env` says of them, started now if no test needed them before."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with FileLock(self.directory / "start.lock"):
            if not self._environment.exists():
                with port_block() as ports:
                    chosen = settings_for(self.directory / "data", ports)
                    infra("up", "--without", "serving", environ=chosen)
                    self._environment.write_text(infra("env", "--json", environ=chosen).stdout)
        found: dict[str, str] = json.loads(self._environment.read_text())
        return found

    def stop(self) -> None:
        """Stop them, if they were started, and remove what they left."""
        data = self.directory / "data"
        if data.exists():
            infra("down", environ=clean_environment() | {"SWATHE_DATA": str(data)})
        end_run(self.directory)
        shutil.rmtree(self.directory, ignore_errors=True)


def end_run(directory: Path) -> None:
    """End what the tests of a run have left: an interrupted worker process does not come to its fixtures' ends."""
    left = [process for process in psutil.process_iter() if process.pid != os.getpid() and _is_of(process, directory)]
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, stubborn = psutil.wait_procs(left, timeout=15)
    for process in stubborn:
        with contextlib.suppress(psutil.Error):
            process.kill()


def _is_of(process: psutil.Process, directory: Path) -> bool:
    with contextlib.suppress(psutil.Error, OSError):
        return process.environ().get(RUN_VARIABLE) == str(directory)
    return False


def run_directory() -> Path:
    """Return a directory for this test run; end what killed test runs have left behind."""
    base = Path(tempfile.gettempdir()) / f"swathe-tests-{os.getuid()}"
    base.mkdir(exist_ok=True, mode=0o700)
    for left in base.iterdir():
        if left.name.isdigit() and not psutil.pid_exists(int(left.name)):
            SharedServices(left).stop()
    return base / str(os.getpid())


def environment_from(file: Path) -> dict[str, str]:
    """Return the environment in ``file``: what `infra env` printed, with or without --json."""
    text = file.read_text()
    if text.lstrip().startswith("{"):
        found: dict[str, str] = json.loads(text)
        return found
    exports = (shlex.split(line)[1] for line in text.splitlines() if line.startswith("export "))
    return dict(export.split("=", 1) for export in exports)
