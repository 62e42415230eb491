"""Writes a version's artifact: Spark's own model, the numbers for everybody else, and MLflow's description of both."""

from __future__ import annotations

import hashlib
import importlib.metadata
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import mlflow.spark
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, Schema

import scoring as scoring_package
from contract.lineage import Lineage, lineage_to_json
from contract.model_version import (
    GOLDEN_FILE,
    LINEAGE_FILE,
    PROFILE_FILE,
    SCORING_FILE,
    STATISTICS_FILE,
    ClusterStatistics,
    statistics_to_json,
)
from contract.version_facts import FACTS_FILE, VersionFacts, facts_to_json
from pipeline.train.drift import Profile
from scoring.golden import Golden
from scoring.kmeans import Scoring

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel

logger = logging.getLogger(__name__)

# What the artifact carries of `scoring`, so that it loads where this project is not installed.
_CODE: Final = ("arrays.py", "number_file.py", "scale.py", "euclidean.py", "kmeans.py", "golden.py", "pyfunc.py")
_REQUIREMENTS: Final = ("mlflow", "numpy", "pandas", "pyspark")


@dataclass(frozen=True)
class Numbers:
    """All of a version that is not Spark's own format."""

    scoring: Scoring
    statistics: list[ClusterStatistics]
    golden: Golden
    lineage: Lineage
    profile: Profile
    facts: VersionFacts


def save_artifact(path: Path, model: PipelineModel, numbers: Numbers, dfs_tmpdir: str) -> Model:
    """Write the artifact to the new directory ``path``; return what becomes the file `MLmodel` once it has its ids.

    ``dfs_tmpdir`` is where Spark may write on its way.
    """
    description = Model()
    # Given, because mlflow would start a second Spark to find them out.
    requirements = [f"{name}=={importlib.metadata.version(name)}" for name in _REQUIREMENTS]
    mlflow.spark.save_model(
        model,
        str(path),
        mlflow_model=description,
        signature=_signature(numbers.scoring.features),
        pip_requirements=requirements,
        dfs_tmpdir=dfs_tmpdir,
    )
    _drop_leftovers(path)
    files = {
        SCORING_FILE: numbers.scoring.to_json(),
        STATISTICS_FILE: statistics_to_json(numbers.statistics),
        GOLDEN_FILE: numbers.golden.to_json(),
        LINEAGE_FILE: lineage_to_json(numbers.lineage),
        PROFILE_FILE: numbers.profile.to_json(),
        FACTS_FILE: facts_to_json(numbers.facts),
    }
    for name, body in files.items():
        target = path / name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(body)
    package = _copy_code(path / "code")
    description.flavors["python_function"].update(
        loader_module=f"{package}.pyfunc", data=str(Path(SCORING_FILE).parent), code="code"
    )
    return description


def digests(path: Path) -> dict[str, str]:
    """Return the SHA-256 of each file below ``path``, by its relative name."""
    return {
        str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(path.rglob("*"))
        if file.is_file()
    }


def _signature(features: tuple[str, ...]) -> ModelSignature:
    answers = [("cluster", DataType.integer), ("label", DataType.string), ("distance", DataType.double)]
    return ModelSignature(
        inputs=Schema([ColSpec(DataType.double, name) for name in features]),
        outputs=Schema([ColSpec(kind, name) for name, kind in answers]),
    )


def _drop_leftovers(path: Path) -> None:
    """Hadoop's checksums and markers are half of all files, and Spark loads without them."""
    for file in [*path.rglob("*.crc"), *path.rglob("_SUCCESS")]:
        file.unlink()


def _copy_code(directory: Path) -> str:
    assert scoring_package.__file__ is not None  # noqa: S101 - a regular package
    home = Path(scoring_package.__file__).parent
    sources = [home / name for name in _CODE]
    digest = hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()[:12]
    package = f"swathe_scoring_{digest}"
    target = directory / package
    target.mkdir(parents=True)
    (target / "__init__.py").write_text("")
    for source in sources:
        shutil.copyfile(source, target / source.name)
    return package
