"""Writes a version's artifact: Spark's own model, the numbers for everybody else, and MLflow's description of both."""

from __future__ import annotations

import hashlib
import importlib.metadata
import logging
import zipfile
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
    package = _package(code.files)
    description.flavors["python_function"].update(
        loader_module=f"{package}.{code.loader}",
        data=str(Path(SCORING_FILE).parent),
        code=str(_pack_code(path, package, code.files).relative_to(path)),
    )
    return description


def _schema(columns: Mapping[str, str]) -> Schema:
    return Schema([ColSpec(DataType[kind], name) for name, kind in columns.items()])


def _drop_leftovers(path: Path) -> None:
    """Hadoop's checksums and markers are half of all files, and Spark loads without them."""
    for file in [*path.rglob("*.crc"), *path.rglob("_SUCCESS")]:
        file.unlink()


def _package(files: Sequence[Path]) -> str:
    """Return a name for the package of ``files`` that no other version of them has in the same process."""
    digest = hashlib.sha256(b"\0".join(file.read_bytes() for file in _by_name(files)))
    return f"swathe_scoring_{digest.hexdigest()[:12]}"


def _pack_code(path: Path, package: str, files: Sequence[Path]) -> Path:
    """Write ``files`` as a package in an archive, which Python imports from as from a directory.

    One file: each costs a request up, and one back.
    """
    target = path / "code" / f"{package}.zip"
    target.parent.mkdir(parents=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        # Without times, so that the same modules are the same bytes.
        archive.writestr(zipfile.ZipInfo(f"{package}/__init__.py"), "")
        for file in _by_name(files):
            archive.writestr(zipfile.ZipInfo(f"{package}/{file.name}"), file.read_bytes(), zipfile.ZIP_DEFLATED)
    return target


def _by_name(files: Sequence[Path]) -> list[Path]:
    return sorted(files, key=lambda file: file.name)
