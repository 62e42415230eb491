"""One tensor of a request by the Open Inference Protocol, as it is sent."""

from __future__ import annotations

from typing import Annotated, Never

import msgspec
from msgspec import Meta

from contract.errors import Fault, InvalidRequestError


class Parameters(msgspec.Struct, gc=False):
    """What is said beside it."""

    binary_data_size: int | None = None
    binary_data: bool = False
    binary_data_output: bool = False


class Tensor(msgspec.Struct):
    """Its head and, unless that follows the JSON as bytes, its data."""

    name: str
    shape: Annotated[tuple[int, ...], Meta(max_length=8)]
    datatype: str
    parameters: Parameters = msgspec.field(default_factory=Parameters)
    data: msgspec.Raw = msgspec.Raw()


def refuse(field: str, problem: str, *, of: str | None = None) -> Never:
    """Refuse a request for a ``field`` of it, or for one tensor ``of`` it.

    Raises
    ------
    InvalidRequestError: always.
    """
    where = field if of is None else f"{field}, {of[:100]}"
    raise InvalidRequestError(f"{where}: {problem}", [Fault((field,) if of is None else (field, of[:100]), problem)])
