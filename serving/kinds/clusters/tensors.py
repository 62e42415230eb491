"""Predictions as tensors of the Open Inference Protocol."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from scoring.kmeans import Floats, Integers
from serving.rows_in.tensors import Inference

OUTPUTS: Final = {"cluster": "INT32", "label": "BYTES", "distance": "FP64"}


def encode_tensors(
    inference: Inference, clusters: Integers, distances: Floats, labels: Sequence[str], chain: Mapping[str, Any]
) -> tuple[bytes, int | None]:
    """Return the answer, and the length of its JSON part where binary tensors follow it."""
    tensors: list[dict[str, Any]] = []
    tail: list[bytes] = []
    for name, as_bytes in inference.outputs.items():
        tensor: dict[str, Any] = {"name": name, "datatype": OUTPUTS[name], "shape": [len(clusters)]}
        if as_bytes:
            tail.append(_binary(name, clusters, distances, labels))
            tensor["parameters"] = {"binary_data_size": len(tail[-1])}
        else:
            tensor["data"] = _listed(name, clusters, distances, labels)
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


def _listed(name: str, clusters: Integers, distances: Floats, labels: Sequence[str]) -> list[Any]:
    if name == "label":
        return [labels[cluster] for cluster in clusters.tolist()]
    listed: list[Any] = (clusters if name == "cluster" else distances).tolist()
    return listed


def _binary(name: str, clusters: Integers, distances: Floats, labels: Sequence[str]) -> bytes:
    if name == "label":
        # Each string is its length in four bytes, and then itself.
        encoded = [struct.pack("<I", len(text.encode())) + text.encode() for text in labels]
        return b"".join([encoded[cluster] for cluster in clusters])
    return clusters.astype("<i4").tobytes() if name == "cluster" else distances.astype("<f8").tobytes()
