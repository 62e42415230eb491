"""Pictures are named as MLflow's own client names them, and once encoded for all steps."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest

from pipeline.train.mlflow_client.images import IMAGES_FOLDER, image_files

PIXELS = np.arange(40 * 60 * 3, dtype=np.uint8).reshape(40, 60, 3)


def shapes(names: list[str]) -> list[str]:
    """Return ``names`` without what differs each time, sorted."""
    return sorted(re.sub(r"\+\d{13}\+[0-9a-f-]{36}", "+<time>+<id>", name) for name in names)


def test_the_installed_mlflow_would_give_the_same_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs: dict[str, bytes] = {}

    def keep(_: object, __: str, file: str, folder: str) -> None:
        theirs[f"{folder}/{Path(file).name}"] = Path(file).read_bytes()

    monkeypatch.setattr(mlflow.MlflowClient, "log_artifact", keep)
    monkeypatch.setattr(mlflow.MlflowClient, "set_tag", lambda *_: None)
    client: Any = mlflow.MlflowClient("http://127.0.0.1:9")
    for step in (0, 3):
        client.log_image("r", PIXELS, key="clusters/sizes", step=step, synchronous=True)
    ours = image_files(tmp_path, {"clusters/sizes": PIXELS}, (0, 3), 1_700_000_000_000)
    assert shapes([f"{IMAGES_FOLDER}/{file.name}" for file in ours]) == shapes([*theirs])
    assert sorted(file.read_bytes() for file in ours) == sorted(theirs.values())
