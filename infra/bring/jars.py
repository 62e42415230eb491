"""Jars, and what else Maven Central has, by jgo's resolver, pinned by checksum in a lock file beside their list.

`jars.in` lists coordinates and, after a minus, what to leave out; `jars.lock` every jar with its SHA-256.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from hashlib import file_digest, sha256
from pathlib import Path
from typing import TYPE_CHECKING

from contract.errors import StopError
from infra.files import whole_directory

if TYPE_CHECKING:
    from jgo.maven import Artifact, Dependency, MavenContext

_DOWNLOADS_AT_ONCE = 8


@dataclass(frozen=True)
class Jar:
    """One jar: ``group:artifact:version``, with ``:classifier:type`` if it is none, and the SHA-256 of its bytes."""

    coordinate: str
    sha256: str

    @property
    def filename(self) -> str:
        """Name of the jar file, unique within a lock."""
        _, artifact, version, *other = self.coordinate.split(":")
        return f"{artifact}-{version}-{other[0]}.{other[1]}" if other else f"{artifact}-{version}.jar"

    def artifact(self, context: MavenContext) -> Artifact:
        """Return it as the resolver knows it."""
        group, artifact, version, *other = self.coordinate.split(":")
        found: Artifact = context.project(group, artifact).at_version(version).artifact(*other)
        return found


def read_lock(lock: Path) -> list[Jar]:
    """Return the jars of a lock file."""
    lines = (line.split() for line in lock.read_text().splitlines() if line and not line.startswith("#"))
    return [Jar(coordinate, digest) for coordinate, digest in lines]


def directory(lock: Path, cache: Path) -> Path:
    """Return where the jars of ``lock`` are, or will be, in the cache."""
    return cache / "jars" / f"{lock.parent.name}-{sha256(lock.read_bytes()).hexdigest()[:12]}"


def bring(lock: Path, cache: Path, on_jar: Callable[[], None] = lambda: None) -> Path:
    """Return the directory that holds exactly the jars of ``lock``, downloaded and checked if need be.

    ``on_jar`` is called for each that is there.

    Raises
    ------
    StopError: a jar cannot be had, or is not the one that was locked.
    """
    target = directory(lock, cache)
    if target.exists():
        return target
    context = _context(cache)
    with whole_directory(target) as temporary, ThreadPoolExecutor(_DOWNLOADS_AT_ONCE) as pool:
        for jar, source in pool.map(lambda jar: (jar, _checked(jar, context)), read_lock(lock)):
            (temporary / jar.filename).hardlink_to(source)
            on_jar()
    return target


def write_lock(listed: Path, lock: Path, cache: Path) -> None:
    """Resolve ``listed`` (a jars.in) and write every jar that it needs, with its checksum, to ``lock``."""
    wanted, left_out = _read_list(listed)
    context = _context(cache)
    with ThreadPoolExecutor(_DOWNLOADS_AT_ONCE) as pool:
        jars = sorted(pool.map(_locked, _resolve(context, wanted, left_out)), key=lambda jar: jar.coordinate)
    lines = [f"# Made by `make lock` from {listed.name}.", *(f"{jar.coordinate} {jar.sha256}" for jar in jars)]
    lock.write_text("\n".join(lines) + "\n")


def _read_list(listed: Path) -> tuple[list[str], list[str]]:
    lines = [line.strip() for line in listed.read_text().splitlines() if line.strip() and not line.startswith("#")]
    return [line for line in lines if line[0] != "-"], [line[1:] for line in lines if line[0] == "-"]


def _context(cache: Path) -> MavenContext:
    from jgo.maven import MavenContext  # noqa: PLC0415 (costs 0.3 s, needed at the first setup only)

    # requests, which jgo downloads with, looks at a variable of its own for a network's certificates.
    if os.environ.get("SSL_CERT_FILE"):
        os.environ.setdefault("REQUESTS_CA_BUNDLE", os.environ["SSL_CERT_FILE"])
    return MavenContext(repo_cache=cache / "maven", timeout=60)


def _resolve(context: MavenContext, wanted: Sequence[str], left_out: Sequence[str]) -> list[Artifact]:
    exclusions = [context.project(*name.split(":")) for name in left_out if "*" not in name]
    roots: list[Dependency] = []
    for coordinate in wanted:
        root = context.create_dependency(coordinate, exclusions)
        root.scope = "compile"
        # Raw: its own bill of materials is not imported; the AWS SDK's refers to a property of its parent.
        root.raw = True
        roots.append(root)
    _, needed = context.resolver.resolve(roots)
    found = [*roots, *(dependency for dependency in needed if dependency.scope in {"compile", "runtime"})]
    return [dependency.artifact for dependency in found if not _matches(dependency, left_out)]


def _matches(dependency: Dependency, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(f"{dependency.groupId}:{dependency.artifactId}", pattern) for pattern in patterns)


def _locked(artifact: Artifact) -> Jar:
    coordinate = f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"
    return Jar(coordinate, _digest(artifact.resolve()))


def _checked(jar: Jar, context: MavenContext) -> Path:
    artifact = jar.artifact(context)
    for _ in range(2):
        try:
            path: Path = artifact.resolve()
        except Exception as error:  # jgo raises RuntimeError, requests' errors and OSError alike
            raise StopError(
                f"{jar.coordinate} could not be downloaded from Maven Central ({error}). "
                "Check the network (and HTTPS_PROXY), then run the same command again: it goes on."
            ) from error
        if _digest(path) == jar.sha256:
            return path
        path.unlink()  # a download that was cut short
    raise StopError(f"{jar.coordinate} is not the jar that was locked (SHA-256 {jar.sha256}); it was not installed.")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
