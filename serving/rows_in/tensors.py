"""The Open Inference Protocol, version 2: tensors to rows.

Inputs that are all numbers are one tensor, `rows`, [n, d] of FP64; others are a tensor each (`named_tensors.py`).
In JSON, null is a missing value. Binary tensors follow the JSON part, whose length a header tells; they have no
way to write a missing value, and NaN is refused there as everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import msgspec
import numpy as np

from contract.errors import Fault, InvalidRequestError, MalformedRequestError
from scoring.arrays import Floats
from serving.rows_in import named_tensors
from serving.rows_in.cells import Inputs, are_numbers
from serving.rows_in.named_tensors import Columns
from serving.rows_in.size import check_size
from serving.rows_in.tensor import Parameters, Tensor, refuse

INPUT: Final = "rows"
DATATYPE: Final = "FP64"


def described(inputs: Inputs) -> list[dict[str, Any]]:
    """Return the tensors that ``inputs`` come in: name, datatype and shape, in which -1 is any number of rows."""
    if are_numbers(inputs):
        return [{"name": INPUT, "datatype": DATATYPE, "shape": [-1, len(inputs)]}]
    return named_tensors.described(inputs)


def example(row: Sequence[Any], inputs: Inputs) -> list[dict[str, Any]]:
    """Return the tensors of one row, whose cells are as JSON has them."""
    if are_numbers(inputs):
        return [{"name": INPUT, "shape": [1, len(row)], "datatype": DATATYPE, "data": [*row]}]
    return named_tensors.example(row, inputs)


class _Output(msgspec.Struct):
    name: str
    parameters: Parameters = msgspec.field(default_factory=Parameters)


class _Request(msgspec.Struct):
    inputs: list[Tensor]
    id: str | None = None
    parameters: Parameters = msgspec.field(default_factory=Parameters)
    outputs: list[_Output] | None = None


@dataclass(frozen=True)
class Inference:
    """A decoded request; per wanted output, whether it is binary.

    ``rows`` [n, d], NaN where a value is missing, if all inputs are numbers; else ``columns``: of each input n cells.
    """

    rows: Floats | None
    columns: Columns
    outputs: dict[str, bool]
    id: str | None


def decode(body: bytes, header_bytes: int | None, inputs: Inputs, outputs: Sequence[str]) -> Inference:
    """Return the request in ``body``, whose first ``header_bytes`` are JSON; all of it where that is None.

    ``outputs`` are the names of those that there are.

    Raises
    ------
    MalformedRequestError: not JSON.
    RequestTooLargeError: more numbers than are read.
    InvalidRequestError: names the field that is not as it should be.
    """
    if header_bytes is not None and not 0 < header_bytes <= len(body):
        refuse("Inference-Header-Content-Length", f"must be from 1 to {len(body)}")
    header, binary = (body, b"") if header_bytes is None else (body[:header_bytes], body[header_bytes:])
    check_size(header)
    asked = _parsed(header)
    wanted = _wanted(asked, outputs)
    if not are_numbers(inputs):
        return Inference(None, named_tensors.read(asked.inputs, binary, inputs), wanted, asked.id)
    if len(asked.inputs) != 1:
        refuse("inputs", f"must have one tensor, {INPUT}, not {len(asked.inputs)}")
    return Inference(_rows(asked.inputs[0], binary, len(inputs)), (), wanted, asked.id)


def _parsed(header: bytes) -> _Request:
    try:
        return msgspec.json.decode(header, type=_Request)
    except msgspec.ValidationError as error:
        raise InvalidRequestError(
            f"not an inference request: {_shown(error)}", [Fault(("body",), _shown(error))]
        ) from error
    except (msgspec.DecodeError, RecursionError) as error:
        _refuse_common(header)
        raise MalformedRequestError("the body is not JSON") from error


def _refuse_common(header: bytes) -> None:
    """Tell what is no JSON but common from what is no JSON at all."""
    constants: list[str] = []
    try:
        json.loads(header, parse_constant=constants.append)
    except (ValueError, RecursionError):
        return
    if constants:
        refuse("inputs", "must be finite numbers; null is a missing value")
    refuse("inputs", "has half of a surrogate pair, which is no text")


def _shown(error: BaseException) -> str:
    return str(error)[:200]


def _rows(tensor: Tensor, binary: bytes, width: int) -> Floats:
    if tensor.name != INPUT:
        refuse("inputs", f"the tensor's name must be {INPUT!r}")
    if tensor.datatype != DATATYPE:
        refuse("inputs", f"datatype must be {DATATYPE}")
    if len(tensor.shape) != 2 or tensor.shape[0] < 1 or tensor.shape[1] != width:
        refuse("inputs", f"shape must be [n, {width}] with n of 1 or more, not {[*tensor.shape]}")
    n, d = tensor.shape
    size = tensor.parameters.binary_data_size
    if size is not None:
        if bytes(tensor.data) or size != len(binary) or size != n * d * 8:
            wanted = f"[{n}, {d}] {DATATYPE} take {n * d * 8} bytes behind the header, and no data in it"
            refuse("inputs", f"{wanted}; binary_data_size is {size}, and {len(binary)} bytes are there")
        numbers = np.frombuffer(binary, dtype="<f8")
        if not np.isfinite(numbers).all():
            refuse("inputs", "must be finite numbers; a missing value can be sent as null in JSON only")
        return numbers.reshape(n, d).astype(np.float64)
    if not bytes(tensor.data) or binary:
        refuse("inputs", "needs data, or parameters.binary_data_size and the bytes behind the header")
    return np.fromiter(_flat(tensor.data, n, d), dtype=np.float64, count=n * d).reshape(n, d)


def _flat(data: msgspec.Raw, n: int, d: int) -> Iterable[float | None]:
    """Return the n · d numbers in ``data``, which has them flat, or as n rows of d: no other nesting is [n, d]."""
    try:
        flat = msgspec.json.decode(data, type=list[float | None])
    except msgspec.ValidationError:
        return chain.from_iterable(_by_row(data, n, d))
    if len(flat) != n * d:
        refuse("inputs", f"data has {len(flat)} numbers for shape [{n}, {d}]")
    return flat


def _by_row(data: msgspec.Raw, n: int, d: int) -> list[list[float | None]]:
    try:
        rows = msgspec.json.decode(data, type=list[list[float | None]])
    except (msgspec.ValidationError, RecursionError) as error:
        refuse("inputs", f"data must be finite numbers or null, flat or by row: {_shown(error)}")
    if len(rows) != n:
        refuse("inputs", f"data has {len(rows)} rows for shape [{n}, {d}]")
    ragged = next((i for i, row in enumerate(rows) if len(row) != d), None)
    if ragged is not None:
        refuse("inputs", f"row {ragged} of data has {len(rows[ragged])} numbers for shape [{n}, {d}]")
    return rows


def _wanted(asked: _Request, known: Sequence[str]) -> dict[str, bool]:
    if asked.outputs is None:
        return dict.fromkeys(known, asked.parameters.binary_data_output)
    for output in asked.outputs:
        if output.name not in known:
            refuse("outputs", f"must be of {', '.join(known)}")
    return {output.name: output.parameters.binary_data for output in asked.outputs}
