"""The Open Inference Protocol, version 2: tensors to rows and back. One input, `rows`, [n, d] of FP64.

In JSON, null is a missing value. Binary tensors follow the JSON part, whose length a header tells; they have no
way to write a missing value, and NaN is refused there as everywhere.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, Never

import msgspec
import numpy as np
import orjson

from contract.errors import Fault, InvalidRequestError, MalformedRequestError
from scoring.kmeans import Floats, Integers
from serving.catalogue import Catalogue, ServedModel, Version
from serving.size import check_size

INPUT: Final = "rows"
DATATYPE: Final = "FP64"
OUTPUTS: Final = {"cluster": "INT32", "label": "BYTES", "distance": "FP64"}


class _Parameters(msgspec.Struct, gc=False):
    binary_data_size: int | None = None
    binary_data: bool = False
    binary_data_output: bool = False


class _Input(msgspec.Struct):
    name: str
    shape: tuple[int, int]
    datatype: str
    parameters: _Parameters = msgspec.field(default_factory=_Parameters)
    data: msgspec.Raw = msgspec.Raw()


class _Output(msgspec.Struct):
    name: str
    parameters: _Parameters = msgspec.field(default_factory=_Parameters)


class _Request(msgspec.Struct):
    inputs: list[_Input]
    id: str | None = None
    parameters: _Parameters = msgspec.field(default_factory=_Parameters)
    outputs: list[_Output] | None = None


@dataclass(frozen=True)
class Inference:
    """A decoded request: rows [n, d], NaN where a value is missing; per wanted output, whether it is binary."""

    rows: Floats
    outputs: dict[str, bool]
    id: str | None


def decode(body: bytes, header_bytes: int | None, features: tuple[str, ...]) -> Inference:
    """Return the request in ``body``, whose first ``header_bytes`` are JSON; all of it where that is None.

    Raises
    ------
    MalformedRequestError: not JSON.
    RequestTooLargeError: more numbers than are read.
    InvalidRequestError: names the field that is not as it should be.
    """
    if header_bytes is not None and not 0 < header_bytes <= len(body):
        _refuse("Inference-Header-Content-Length", f"must be from 1 to {len(body)}")
    header, binary = (body, b"") if header_bytes is None else (body[:header_bytes], body[header_bytes:])
    check_size(header)
    asked = _parsed(header)
    if len(asked.inputs) != 1:
        _refuse("inputs", f"must have one tensor, {INPUT}, not {len(asked.inputs)}")
    rows = _rows(asked.inputs[0], binary, len(features))
    return Inference(rows, _wanted(asked), asked.id)


def _parsed(header: bytes) -> _Request:
    try:
        return msgspec.json.decode(header, type=_Request)
    except msgspec.ValidationError as error:
        raise InvalidRequestError(
            f"not an inference request: {_shown(error)}", [Fault(("body",), _shown(error))]
        ) from error
    except (msgspec.DecodeError, RecursionError) as error:
        _refuse_nan(header)
        raise MalformedRequestError("the body is not JSON") from error


def _refuse_nan(header: bytes) -> None:
    """Tell NaN and Infinity, which are not JSON but common, from what is no JSON at all."""
    try:
        json.loads(header)
    except (ValueError, RecursionError):
        return
    _refuse("inputs", "must be finite numbers; null is a missing value")


def _shown(error: BaseException) -> str:
    return str(error)[:200]


def _rows(tensor: _Input, binary: bytes, width: int) -> Floats:
    if tensor.name != INPUT:
        _refuse("inputs", f"the tensor's name must be {INPUT!r}")
    if tensor.datatype != DATATYPE:
        _refuse("inputs", f"datatype must be {DATATYPE}")
    n, d = tensor.shape
    if n < 1 or d != width:
        _refuse("inputs", f"shape must be [n, {width}] with n of 1 or more, not [{n}, {d}]")
    size = tensor.parameters.binary_data_size
    if size is not None:
        if bytes(tensor.data) or size != len(binary) or size != n * d * 8:
            wanted = f"[{n}, {d}] {DATATYPE} take {n * d * 8} bytes behind the header, and no data in it"
            _refuse("inputs", f"{wanted}; binary_data_size is {size}, and {len(binary)} bytes are there")
        numbers = np.frombuffer(binary, dtype="<f8")
        if not np.isfinite(numbers).all():
            _refuse("inputs", "must be finite numbers; a missing value can be sent as null in JSON only")
        return numbers.reshape(n, d).astype(np.float64)
    if not bytes(tensor.data) or binary:
        _refuse("inputs", "needs data, or parameters.binary_data_size and the bytes behind the header")
    return np.fromiter(_flat(tensor.data, n, d), dtype=np.float64, count=n * d).reshape(n, d)


def _flat(data: msgspec.Raw, n: int, d: int) -> Iterable[float | None]:
    """Return the n · d numbers in ``data``, which has them flat, or as n rows of d: no other nesting is [n, d]."""
    try:
        flat = msgspec.json.decode(data, type=list[float | None])
    except msgspec.ValidationError:
        return chain.from_iterable(_by_row(data, n, d))
    if len(flat) != n * d:
        _refuse("inputs", f"data has {len(flat)} numbers for shape [{n}, {d}]")
    return flat


def _by_row(data: msgspec.Raw, n: int, d: int) -> list[list[float | None]]:
    try:
        rows = msgspec.json.decode(data, type=list[list[float | None]])
    except (msgspec.ValidationError, RecursionError) as error:
        _refuse("inputs", f"data must be finite numbers or null, flat or by row: {_shown(error)}")
    if len(rows) != n:
        _refuse("inputs", f"data has {len(rows)} rows for shape [{n}, {d}]")
    ragged = next((i for i, row in enumerate(rows) if len(row) != d), None)
    if ragged is not None:
        _refuse("inputs", f"row {ragged} of data has {len(rows[ragged])} numbers for shape [{n}, {d}]")
    return rows


def _wanted(asked: _Request) -> dict[str, bool]:
    if asked.outputs is None:
        return dict.fromkeys(OUTPUTS, asked.parameters.binary_data_output)
    for output in asked.outputs:
        if output.name not in OUTPUTS:
            _refuse("outputs", f"must be of {', '.join(OUTPUTS)}")
    return {output.name: output.parameters.binary_data for output in asked.outputs}


def _refuse(field: str, problem: str) -> Never:
    raise InvalidRequestError(f"{field}: {problem}", [Fault((field,), problem)])


def encode(
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


def server_metadata() -> dict[str, Any]:
    """Return who answers."""
    return {"name": "swathe", "version": "1", "extensions": ["model_repository(index)", "binary_tensor_data"]}


def model_metadata(model: ServedModel, version: Version) -> dict[str, Any]:
    """Return the tensors of a version."""
    features = version.required_numbers().scoring.features
    ready = [str(number) for number, known in model.versions.items() if known.state == "ready"]
    return {
        "name": model.name,
        "versions": ready,
        "platform": "swathe_spark_kmeans",
        "inputs": [{"name": INPUT, "datatype": DATATYPE, "shape": [-1, len(features)]}],
        "outputs": [{"name": name, "datatype": kind, "shape": [-1]} for name, kind in OUTPUTS.items()],
        "parameters": {"features": list(features), **version.chain},
    }


def repository_index(catalogue: Catalogue, *, only_ready: bool) -> list[dict[str, str]]:
    """Return every version with its state."""
    return [
        {
            "name": model.name,
            "version": str(version.number),
            "state": "READY" if version.state == "ready" else "UNAVAILABLE",
            "reason": version.reason or "",
        }
        for model in catalogue.models.values()
        for version in model.versions.values()
        if version.state == "ready" or not only_ready
    ]
