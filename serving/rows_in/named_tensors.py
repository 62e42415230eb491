"""Inputs of several types by the Open Inference Protocol: a tensor each, named as the input, [n] or [n, 1].

Strings and times are BYTES: in JSON text, as bytes each its length in four bytes, and then itself in UTF-8.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np

from contract.errors import Fault, InvalidRequestError
from contract.moment import text_us
from serving.rows_in.cells import IN_JSON, Cell, Inputs, cell, many
from serving.rows_in.faults import MOST_FAULTS
from serving.rows_in.size import check_rows
from serving.rows_in.tensor import Tensor, refuse

Columns: TypeAlias = tuple[Sequence[Cell], ...]

DATATYPES: Final[Mapping[str, str]] = {
    "double": "FP64",
    "long": "INT64",
    "boolean": "BOOL",
    "string": "BYTES",
    "datetime": "BYTES",
}
_WIDTHS: Final = {"FP64": 8, "INT64": 8, "BOOL": 1}


def described(inputs: Inputs) -> list[dict[str, Any]]:
    """Return the tensors that ``inputs`` come in."""
    return [{"name": name, "datatype": DATATYPES[kind], "shape": [-1]} for name, kind in inputs.items()]


def example(row: Sequence[Any], inputs: Inputs) -> list[dict[str, Any]]:
    """Return the tensors of one row, whose cells are as JSON has them."""
    return [
        {"name": name, "shape": [1], "datatype": DATATYPES[kind], "data": [value]}
        for (name, kind), value in zip(inputs.items(), row, strict=True)
    ]


def read(tensors: Sequence[Tensor], binary: bytes, inputs: Inputs) -> Columns:
    """Return of each input n cells, None where a value is missing; ``binary`` is what follows the JSON.

    Raises
    ------
    RequestTooLargeError: more numbers than are read.
    InvalidRequestError: names the tensor that is not as it should be, and its elements.
    """
    _check_names([tensor.name for tensor in tensors], inputs)
    n = _count(tensors)
    check_rows(n, len(inputs))
    found: dict[str, Sequence[Cell]] = {}
    for tensor, body in _bodies(tensors, binary):
        kind = inputs[tensor.name]
        if tensor.datatype != DATATYPES[kind]:
            refuse("inputs", f"datatype must be {DATATYPES[kind]}", of=tensor.name)
        found[tensor.name] = _in_json(tensor, kind, n) if body is None else _in_bytes(tensor.name, body, kind, n)
    return tuple(found[name] for name in inputs)


def _check_names(names: Sequence[str], inputs: Inputs) -> None:
    for i, name in enumerate(names):
        if name not in inputs:
            refuse("inputs", f"no such input; there are {', '.join([*inputs][:50])}", of=name)
        if name in names[:i]:
            refuse("inputs", "stands twice", of=name)
    for name in inputs:
        if name not in names:
            refuse("inputs", "is absent; send null in its data where a value is missing", of=name)


def _count(tensors: Sequence[Tensor]) -> int:
    """Return how many rows all of the tensors have."""
    first = tensors[0]
    for tensor in tensors:
        shape = [*tensor.shape]
        if not shape or shape[0] < 1 or shape[1:] not in ([], [1]):
            refuse("inputs", f"shape must be [n] or [n, 1] with n of 1 or more, not {shape}", of=tensor.name)
        if shape[0] != first.shape[0]:
            refuse("inputs", f"has {shape[0]} rows, {first.name[:100]} has {first.shape[0]}", of=tensor.name)
    return first.shape[0]


def _bodies(tensors: Sequence[Tensor], binary: bytes) -> Iterator[tuple[Tensor, bytes | None]]:
    """Yield each tensor with its bytes behind the JSON, where they are in the same order; None where it has data."""
    at = 0
    for tensor in tensors:
        size = tensor.parameters.binary_data_size
        if size is None:
            if not bytes(tensor.data):
                refuse("inputs", "needs data, or parameters.binary_data_size and its bytes", of=tensor.name)
            yield tensor, None
            continue
        if bytes(tensor.data):
            refuse("inputs", "has both data and a binary_data_size", of=tensor.name)
        if not 0 <= size <= len(binary) - at:
            refuse("inputs", f"binary_data_size is {size}, and {len(binary) - at} bytes are left", of=tensor.name)
        yield tensor, binary[at : at + size]
        at += size
    if at != len(binary):
        refuse("inputs", f"{len(binary) - at} bytes are left behind the last tensor")


def _in_json(tensor: Tensor, kind: str, n: int) -> Sequence[Cell]:
    try:
        found: list[Any] = msgspec.json.decode(tensor.data, type=many(IN_JSON[kind]))
        if len(found) == n:
            return found if kind != "datetime" else [None if text is None else text_us(text) for text in found]
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass
    return _explained(tensor.name, _flat(tensor, n), kind)


def _flat(tensor: Tensor, n: int) -> list[Any]:
    """Return the n elements in a tensor's data, which has them flat or, if it is [n, 1], by row."""
    try:
        found = json.loads(bytes(tensor.data))
    except (ValueError, RecursionError):
        refuse("inputs", "data cannot be read", of=tensor.name)
    if not isinstance(found, list) or len(found) != n:
        what = f"{len(found)} elements" if isinstance(found, list) else "no array"
        refuse("inputs", f"data has {what} for shape {[*tensor.shape]}", of=tensor.name)
    if len(tensor.shape) == 2 and all(isinstance(row, list) and len(row) == 1 for row in found):
        return [row[0] for row in found]
    return found


def _in_bytes(name: str, body: bytes, kind: str, n: int) -> Sequence[Cell]:
    datatype = DATATYPES[kind]
    if datatype == "BYTES":
        return _explained(name, _texts(name, body, n), kind)
    if len(body) != n * _WIDTHS[datatype]:
        wanted = f"[{n}] {datatype} take {n * _WIDTHS[datatype]} bytes"
        refuse("inputs", f"{wanted}; binary_data_size is {len(body)}", of=name)
    numbers = np.frombuffer(body, dtype={"FP64": "<f8", "INT64": "<i8", "BOOL": "u1"}[datatype])
    if datatype == "FP64" and not np.isfinite(numbers).all():
        refuse("inputs", "must be finite numbers; a missing value can be sent as null in JSON only", of=name)
    if datatype == "BOOL" and (numbers > 1).any():
        refuse("inputs", "must be bytes of 0 or 1", of=name)
    cells: list[Cell] = (numbers == 1 if datatype == "BOOL" else numbers).tolist()
    return cells


def _texts(name: str, body: bytes, n: int) -> list[str]:
    texts: list[str] = []
    at = 0
    while at + 4 <= len(body) and len(texts) < n:
        (size,) = struct.unpack_from("<I", body, at)
        encoded = body[at + 4 : at + 4 + size]
        if len(encoded) != size:
            break
        try:
            texts.append(encoded.decode())
        except UnicodeDecodeError:
            raise _faulty(name, [Fault(("inputs", name, "data", len(texts)), "is not UTF-8")]) from None
        at += 4 + size
    if len(texts) != n or at != len(body):
        refuse("inputs", f"must be {n} times a length in four bytes, least first, and so many bytes", of=name)
    return texts


def _explained(name: str, values: Sequence[Any], kind: str) -> Sequence[Cell]:
    cells, faults = list[Cell](), list[Fault]()
    for i, value in enumerate(values):
        try:
            cells.append(cell(value, kind))
        except ValueError as error:
            faults.append(Fault(("inputs", name, "data", i), str(error)))
            if len(faults) == MOST_FAULTS:
                break
    if faults:
        raise _faulty(name, faults)
    return cells


def _faulty(name: str, faults: Sequence[Fault]) -> InvalidRequestError:
    first = faults[0]
    return InvalidRequestError(f"inputs, {name[:100]}: element {first.loc[-1]} {first.msg}", faults)
