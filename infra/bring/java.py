"""Java 17 or newer: the one of this machine, or a pinned Temurin in the project's own cache."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import httpx

from console.progress import Step
from contract.errors import ConfigurationError, StopError
from infra.files import whole_directory
from infra.progress import Progress

OLDEST = 17
_PINNED = Path(__file__).parent / "temurin.json"
_INSTALL_YOURSELF = (
    f"Install a JDK {OLDEST} or newer yourself and set JAVA_HOME to it, then run the same command again."
)


def home(cache: Path, progress: Progress, environ: Mapping[str, str] = os.environ, *, oldest: int = OLDEST) -> Path:
    """Return the home of a Java that runs here, ``oldest`` or newer, brought into ``cache`` if this machine has none.

    Raises
    ------
    StopError: none was found and none could be brought.
    """
    found = find(cache, environ, oldest=oldest)
    if found is not None:
        return found
    pinned = _pinned()
    if pinned is None:
        raise ConfigurationError(
            f"no Java {oldest} or newer was found in JAVA_HOME or on PATH, and none is pinned for "
            f"{platform.system()} {platform.machine()}. {_INSTALL_YOURSELF}"
        )
    target = _target(cache)
    with progress.step(
        f"Java {json.loads(_PINNED.read_text())['version']} (Temurin), because none was found",
        unit="bytes",
        name="Java",
    ) as step:
        with whole_directory(target) as temporary:
            _download(pinned["url"], pinned["sha256"], temporary / "jdk.tar.gz", step)
            with tarfile.open(temporary / "jdk.tar.gz") as archive:
                # An attribute, not an argument: Python 3.11 takes that one from 3.11.4 on only.
                archive.extraction_filter = getattr(tarfile, "tar_filter", None)
                archive.extractall(temporary)  # noqa: S202 (its checksum is the pinned one)
            (temporary / "jdk.tar.gz").unlink()
        brought = find(cache, {}, oldest=oldest)
    if brought is None:
        raise StopError(f"the Java in {target} does not run here; remove that directory. {_INSTALL_YOURSELF}")
    return brought


def find(cache: Path, environ: Mapping[str, str] = os.environ, *, oldest: int = OLDEST) -> Path | None:
    """Return the home of the first Java that runs and is new enough: JAVA_HOME, PATH, the cache."""
    candidates = [Path(environ["JAVA_HOME"]) / "bin" / "java"] if environ.get("JAVA_HOME") else []
    on_path = shutil.which("java", path=environ.get("PATH", ""))
    if on_path:
        candidates.append(Path(on_path))
    candidates += sorted(_target(cache).glob("*/bin/java")) + sorted(_target(cache).glob("*/Contents/Home/bin/java"))
    return next((java_home for java in candidates if (java_home := _home_of(java, oldest)) is not None), None)


def _home_of(java: Path, oldest: int) -> Path | None:
    """Ask ``java`` itself: macOS has a stub that only says where to get one."""
    try:
        answer = subprocess.run(
            [java, "-XshowSettings:properties", "-version"], capture_output=True, text=True, timeout=30, check=True
        ).stderr
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r"^\s*java\.specification\.version = (?:1\.)?(\d+)", answer, re.MULTILINE)
    java_home = re.search(r"^\s*java\.home = (.+)$", answer, re.MULTILINE)
    if version is None or java_home is None or int(version[1]) < oldest:
        return None
    return Path(java_home[1].strip())


def _pinned() -> dict[str, str] | None:
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    pinned: dict[str, str] | None = json.loads(_PINNED.read_text()).get(f"{platform.system().lower()}-{machine}")
    return pinned


def _target(cache: Path) -> Path:
    return cache / f"java-{json.loads(_PINNED.read_text())['version']}"


def _download(url: str, digest: str, target: Path, step: Step) -> None:
    hashed = sha256()
    try:
        with httpx.stream("GET", url, follow_redirects=True, timeout=60) as answer, target.open("wb") as file:
            answer.raise_for_status()
            step.total = int(answer.headers.get("content-length", 0)) or None
            for chunk in answer.iter_bytes(1 << 20):
                file.write(chunk)
                hashed.update(chunk)
                step.advance(len(chunk))
    except (httpx.HTTPError, OSError) as error:
        raise StopError(f"Java could not be downloaded from {url} ({error}). {_INSTALL_YOURSELF}") from error
    if hashed.hexdigest() != digest:
        raise StopError(f"{url} is not what was pinned (SHA-256 {digest}); nothing was installed. {_INSTALL_YOURSELF}")
