"""What the stream file says of medians, and where their two halves are."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from contract.kind import Kind
from contract.sections import GateSection, ModelSection, Real


class Medians(ModelSection):
    """How the medians of a batch are found."""

    kind: Literal["medians"]
    rank_error: Real = Field(default=0.0, ge=0, le=1, description="how far a median's rank may lie from the middle")


class Gate(GateSection):
    """What a version must reach."""

    max_missing_share: Real = Field(default=0.5, ge=0, le=1, description="of any feature's values")


KIND = Kind(
    name="medians",
    model=Medians,
    gate=Gate,
    training="swathe_medians.training:MediansKind",
    serving="swathe_medians.serving:KIND",
)
