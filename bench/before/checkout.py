"""An earlier commit of the project, with an environment of its own, in the cache."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from infra.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Side:
    """A checkout of the project, whose environment is its `.venv`."""

    name: str
    root: Path

    @property
    def bin(self) -> Path:
        """Where its Python and its `mlflow` are."""
        return self.root / ".venv" / "bin"


def this() -> Side:
    """Return the checkout that measures."""
    return Side("now", ROOT)


def earlier(commit: str) -> Side:
    """Return a checkout of ``commit``; it is made the first time, and stays in the cache.

    Raises
    ------
    SystemExit: there is no such commit, or its environment cannot be made.
    """
    found = _git(ROOT, "rev-parse", "--verify", f"{commit}^{{commit}}")
    path = Settings().cache / "bench" / found
    if not (path / ".git").exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _git(ROOT, "clone", "--quiet", "--shared", "--no-checkout", str(ROOT), str(path))
    _git(path, "checkout", "--quiet", "--detach", found)
    if subprocess.run(["sh", "infra/bootstrap.sh", "base"], cwd=path, check=False).returncode:
        raise SystemExit(f"no environment for {commit}; in {path}, run: sh infra/bootstrap.sh base")
    return Side(commit, path)


def _git(where: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=where, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"git {' '.join(arguments)} failed in {where}: {done.stderr.strip()}")
    return done.stdout.strip()
