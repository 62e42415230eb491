"""What an artifact carries to load by is all that it imports, and nothing of another kind."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.train.kinds.bisecting.kind import BisectingKind
from pipeline.train.kinds.clusters.clustering import _SHARED_CODE, SCORING, Clustering
from pipeline.train.kinds.kmeans.kind import KMeansKind
from pipeline.train.kinds.mixture.kind import MixtureKind
from pipeline.train.mlflow_client import artifact


def imported(module: str, found: set[str]) -> set[str]:
    """Return ``module`` and all that it imports relatively, and so on."""
    if module not in found:
        found.add(module)
        for node in ast.walk(ast.parse((SCORING / f"{module}.py").read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 1 or not (node.module or "").startswith("scoring"), module
                names = [node.module] if node.module else [alias.name for alias in node.names]
                for name in names if node.level == 1 else []:
                    imported(name, found)
    return found


@pytest.mark.parametrize("kind", [KMeansKind, BisectingKind, MixtureKind])
def test_it_is_complete(kind: type[Clustering]) -> None:
    files: tuple[Path, ...] = (*_SHARED_CODE, *kind.code)
    carried = {file.stem for file in files}
    assert imported(kind.loader, set()) <= carried and len(carried) == len(files)
    assert not {"kmeans", "bisecting", "mixture"} - {kind.code[0].stem} & carried


def test_the_archive_loads_without_us_and_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    files = (*_SHARED_CODE, *KMeansKind.code)
    package = artifact._package(files)
    packed = [artifact._pack_code(tmp_path / name, package, files) for name in ("a", "b")]
    assert packed[0].read_bytes() == packed[1].read_bytes()
    load = (
        f"import sys; sys.path = [{str(packed[0])!r}, *sys.path]; import {package}.load_kmeans as m; print(m.__file__)"
    )
    # Elsewhere, where no `scoring` is to be found.
    told = subprocess.run([sys.executable, "-P", "-c", load], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert told.stdout.startswith(str(packed[0])), told.stdout
