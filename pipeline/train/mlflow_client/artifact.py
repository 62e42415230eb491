"""Writes a version's artifact: Spark's own model, the numbers for everybody else, and MLflow's description of both."""

from __future__ import annotations

import hashlib
import importlib.metadata
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import mlflow.spark
from mlflow.models import Model as MlflowModel
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema

from contract.model_version import SCORING_FILE

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel

logger = logging.getLogger(__name__)

_REQUIREMENTS: Final = ("mlflow", "numpy", "pandas", "pyspark")


@dataclass(frozen=True)
class Code:
    """Modules, of whatever package, with which a version loads where that is not installed; they import relatively.

    MLflow calls `_load_pyfunc` of the module ``loader``, which is one of them.
    """

    loader: str
    files: tuple[Path, ...]


def save_artifact(
    path: Path,
    model: PipelineModel,
    files: Mapping[str, bytes],
    *,
    inputs: Mapping[str, str],
    answers: Mapping[str, str],
    code: Code,
    dfs_tmpdir: str,
) -> MlflowModel:
    """Write the artifact to the new directory ``path``; return what becomes the file `MLmodel` once it has its ids.

    ``files`` are those beside Spark's own, by name; ``inputs`` and ``answers`` are columns, each with the name of
    MLflow's type; ``code`` is what the artifact carries to load by; ``dfs_tmpdir`` is where Spark may write on its way.
    """
    description = MlflowModel()
    # Given, because mlflow would start a second Spark to find them out.
    requirements = [f"{name}=={importlib.metadata.version(name)}" for name in _REQUIREMENTS]
    mlflow.spark.save_model(
        model,
        str(path),
        mlflow_model=description,
        signature=ModelSignature(_schema(inputs), _schema(answers)),
        pip_requirements=requirements,
        dfs_tmpdir=dfs_tmpdir,
    )
    _drop_leftovers(path)
    for name, body in files.items():
        target = path / name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(body)
    package = _copy_code(path / "code", code.files)
    description.flavors["python_function"].update(
        loader_module=f"{package}.{code.loader}", data=str(Path(SCORING_FILE).parent), code="code"
    )
    return description


def _schema(columns: Mapping[str, str]) -> Schema:
    return Schema([ColSpec(DataType[kind], name) for name, kind in columns.items()])


def _drop_leftovers(path: Path) -> None:
    """Hadoop's checksums and markers are half of all files, and Spark loads without them."""
    for file in [*path.rglob("*.crc"), *path.rglob("_SUCCESS")]:
        file.unlink()


def _copy_code(directory: Path, files: Sequence[Path]) -> str:
    sources = sorted(files, key=lambda file: file.name)
    digest = hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()[:12]
    package = f"swathe_scoring_{digest}"
    target = directory / package
    target.mkdir(parents=True)
    (target / "__init__.py").write_text("")
    for source in sources:
        shutil.copyfile(source, target / source.name)
    return package
