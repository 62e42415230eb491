"""The Python environment in `.venv/`, made by nothing but the Python of this machine.

    python3 infra/bootstrap.py base|dev [services]

Standard library only. `base` is what the line runs on, `dev` adds tests and linters; an environment that has
`dev` is never cut back. With `services`, what these need beside it is brought meanwhile, and may still be under way
when this ends. Interrupted or run twice at a time, it goes on where it was.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
ENVIRONMENT = ROOT / ".venv"
STAMP = ENVIRONMENT / ".swathe"
SETUP = REQUIREMENTS / "setup.txt"


class BootstrapError(Exception):
    """Something is missing on this machine; the message says what, and what to do."""


def main(level: str, *, services: bool = False) -> None:
    """Make `.venv/` hold what ``level`` (`base` or `dev`) needs, beside the parts of the ``services``."""
    if _installed(level):
        return
    cache = Path(os.environ.get("SWATHE_CACHE") or "~/.cache/swathe").expanduser().absolute()
    cache.mkdir(parents=True, exist_ok=True)
    with _lock(cache / "bootstrap.lock"):
        # Another `make` may have done it while this one waited; and `dev` stays once it is there.
        if _installed(level):
            return
        if level == "base" and _stamp().startswith("dev"):
            level = "dev"
        uv = _uv(cache)
        _make_environment(uv)
        with _services_brought(uv) if services else contextlib.nullcontext():
            _install(uv, level)


def _installed(level: str) -> bool:
    return (ENVIRONMENT / "bin" / "python").exists() and _stamp() in {_wanted(level), _wanted("dev")}


def _stamp() -> str:
    return STAMP.read_text() if STAMP.exists() else ""


def _wanted(level: str) -> str:
    # pyproject.toml names the plugins that MLflow finds in the environment.
    files = (REQUIREMENTS / f"{level}.txt", REQUIREMENTS.parent / "pyproject.toml")
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return f"{level} {digest.hexdigest()}"


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            _say(f"waiting for another setup on this machine ({path})")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _uv(cache: Path) -> Path:
    """Return the pinned uv, installed into the cache if it is not there."""
    pinned = re.search(r"^uv==(\S+)", (REQUIREMENTS / "uv.txt").read_text(), re.MULTILINE)
    assert pinned is not None  # noqa: S101 (a test reads the lock)
    target = cache / f"uv-{pinned[1]}"
    if not target.exists():
        _say(f"uv {pinned[1]} into {target}")
        temporary = cache / f".uv-{secrets.token_hex(8)}"
        try:
            _pip(temporary)
            with contextlib.suppress(FileExistsError):
                temporary.rename(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return target / "bin" / "uv"


def _pip(target: Path) -> None:
    """Install requirements/uv.txt into ``target`` with this Python's pip, or with one made for the purpose."""
    # A person's own pip settings may forbid what does not touch their environment.
    environment = {**os.environ, "PIP_REQUIRE_VIRTUALENV": "0", "PIP_USER": "0", "PIP_ROOT_USER_ACTION": "ignore"}
    if environment.get("SSL_CERT_FILE"):  # pip knows a network's own certificates under another name
        environment.setdefault("PIP_CERT", environment["SSL_CERT_FILE"])
    with _python_with_pip(target.with_name(f"{target.name}-pip")) as python:
        command = [python, "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps", "--only-binary=:all:"]
        done = subprocess.run(
            [*command, "--target", target, "-r", REQUIREMENTS / "uv.txt"], env=environment, check=False
        )
    if done.returncode != 0 or not (target / "bin" / "uv").exists():
        raise BootstrapError(
            "uv could not be installed from PyPI (pip's words are above). Check the network, and pip's own settings "
            "if you use a mirror, then run the same command again."
        )


@contextlib.contextmanager
def _python_with_pip(directory: Path) -> Iterator[str]:
    if _works([sys.executable, "-m", "pip", "--version"]):
        yield sys.executable
        return
    try:
        if not _works([sys.executable, "-m", "venv", str(directory)]):
            raise BootstrapError(
                f"{sys.executable} has neither pip nor a working venv. Install one of them (Debian and Ubuntu: `apt "
                "install python3-pip` or `python3-venv`), or choose another Python: `make PYTHON=/path/to/python3`."
            )
        yield str(directory / "bin" / "python")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _works(command: list[str]) -> bool:
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0


def _make_environment(uv: Path) -> None:
    python = ENVIRONMENT / "bin" / "python"
    # A Python that was removed or upgraded since leaves an environment that does not start.
    if python.exists() and _works([str(python), "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]):
        return
    _say(f"Python environment in {ENVIRONMENT}, from {sys.executable}")
    _run([str(uv), "venv", "--quiet", "--clear", "--no-python-downloads", "--python", sys.executable, str(ENVIRONMENT)])


@contextlib.contextmanager
def _services_brought(uv: Path) -> Iterator[None]:
    """Bring what the services need beside the block: MinIO's compiler works while most packages still arrive.

    Whoever starts the services waits for its end.
    """
    python = str(ENVIRONMENT / "bin" / "python")
    _say("Java, Kafka and MinIO in the meantime")
    _run([*(str(uv), "pip", "install", "--quiet", "--require-hashes", "--python", python), "-r", str(SETUP)])
    # Lines and no bars: uv draws on the same terminal. A group of its own would outlive Ctrl-C.
    environment = {**os.environ, "TERM": "dumb"}
    bringing = subprocess.Popen([python, "-m", "infra.bring"], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL)
    try:
        yield
    except BaseException:
        bringing.terminate()
        bringing.wait()
        raise


def _install(uv: Path, level: str) -> None:
    lock = REQUIREMENTS / f"{level}.txt"
    _say(f"Python packages of requirements/{level}.txt (about a minute and 1.2 GB the first time)")
    STAMP.unlink(missing_ok=True)
    # Compiled at once: MLflow's server starts in 5 s instead of 18 s.
    _run(
        [
            *(str(uv), "pip", "sync", "--require-hashes", "--compile-bytecode", "--strict"),
            *("--python", str(ENVIRONMENT / "bin" / "python"), str(lock)),
        ]
    )
    # The project itself, so that MLflow finds its plugin; built with the setuptools that was just installed.
    _run(
        [
            *(str(uv), "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--offline"),
            *("--python", str(ENVIRONMENT / "bin" / "python"), "--editable", str(ROOT)),
        ]
    )
    temporary = STAMP.with_name(f".swathe-{secrets.token_hex(8)}")
    temporary.write_text(_wanted(level))
    temporary.replace(STAMP)


def _run(command: list[str]) -> None:
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    environment.pop("VIRTUAL_ENV", None)
    done = subprocess.run(command, env=environment, cwd=ROOT, check=False)
    if done.returncode != 0:
        raise BootstrapError(
            f"`uv {' '.join(command[1:3])}` failed (exit code {done.returncode}; its words are above). Check the "
            "network and the free disk space, then run the same command again: it goes on where it was."
        )


def _say(what: str) -> None:
    sys.stderr.write(f"setup: {what}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    try:
        main(sys.argv[1], services="services" in sys.argv[2:])
    except (BootstrapError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted; run the same command again and it goes on\n")
        sys.exit(130)
