"""Predictions as tensors of the Open Inference Protocol."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import orjson

from serving.kinds.clusters.answers import Rows
from serving.rows_in.tensors import Inference

OUTPUTS: Final = {"cluster": "INT32", "label": "BYTES", "distance": "FP64"}
PROBABILITIES: Final = "probabilities"
_DATATYPES: Final = {**OUTPUTS, PROBABILITIES: "FP64"}


def outputs(clusters: int | None) -> list[dict[str, Any]]:
    """Return the tensors of an answer; with probabilities of so many ``clusters``, where there are any."""
    told: list[dict[str, Any]] = [{"name": name, "datatype": kind, "shape": [-1]} for name, kind in OUTPUTS.items()]
    if clusters is not None:
        told.append({"name": PROBABILITIES, "datatype": _DATATYPES[PROBABILITIES], "shape": [-1, clusters]})
    return told


def encode_tensors(
    inference: Inference, rows: Rows, labels: Sequence[str], chain: Mapping[str, Any]
) -> tuple[bytes, int | None]:
    """Return the answer, and the length of its JSON part where binary tensors follow it."""
    tensors: list[dict[str, Any]] = []
    tail: list[bytes] = []
    for name, as_bytes in inference.outputs.items():
        shape = [len(rows.clusters), len(labels)] if name == PROBABILITIES else [len(rows.clusters)]
        tensor: dict[str, Any] = {"name": name, "datatype": _DATATYPES[name], "shape": shape}
        if as_bytes:
            tail.append(_binary(name, rows, labels))
            tensor["parameters"] = {"binary_data_size": len(tail[-1])}
        else:
            tensor["data"] = _listed(name, rows, labels)
        tensors.append(tensor)
    answer: dict[str, Any] = {
        "model_name": chain["model"],
        "model_version": str(chain["version"]),
        "parameters": {"run_id": chain["run_id"], "batch": chain["batch"]},
        "outputs": tensors,
    }
    if inference.id is not None:
        answer["id"] = inference.id
    header = orjson.dumps(answer)
    return header + b"".join(tail), len(header) if tail else None


def _numbers(name: str, rows: Rows) -> Any:
    """Return the numbers of a tensor, flat and in its own type."""
    if name == "distance":
        return np.asarray(rows.distances, dtype="<f8")
    if name == PROBABILITIES:
        return np.asarray(rows.probabilities, dtype="<f8").ravel()
    return np.asarray(rows.clusters, dtype="<i4")


def _listed(name: str, rows: Rows, labels: Sequence[str]) -> list[Any]:
    if name == "label":
        return [labels[cluster] for cluster in np.asarray(rows.clusters).tolist()]
    listed: list[Any] = _numbers(name, rows).tolist()
    return listed


def _binary(name: str, rows: Rows, labels: Sequence[str]) -> bytes:
    if name == "label":
        # Each string is its length in four bytes, and then itself.
        encoded = [struct.pack("<I", len(text.encode())) + text.encode() for text in labels]
        return b"".join([encoded[cluster] for cluster in np.asarray(rows.clusters).tolist()])
    body: bytes = _numbers(name, rows).tobytes()
    return body
