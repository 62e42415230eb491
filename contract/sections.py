"""What sections of a stream file are made of: strict scalars, and the two sections that a kind of model fills."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import AllowInfNan, BaseModel, BeforeValidator, ConfigDict, Field, Strict, WithJsonSchema

from contract.units import seconds, size_bytes

Scheme = Literal["disjoint", "cumulative"]

# YAML has types of its own: `yes`, "5" and 5.0 are told, not bent.
Int = Annotated[int, Strict()]
Bool = Annotated[bool, Strict()]
Real = Annotated[float, Strict(), AllowInfNan(False)]
Duration = Annotated[float, BeforeValidator(seconds), WithJsonSchema({"type": "string", "format": "duration"})]
Size = Annotated[int, BeforeValidator(size_bytes), WithJsonSchema({"type": "string", "format": "size"})]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, hide_input_in_errors=True)


class ModelSection(Section):
    """What every kind of model has: how its batches add up, and what its result depends on."""

    later: ClassVar[frozenset[str]] = frozenset()
    """Keys that came after versions were trained."""
    forms: ClassVar[frozenset[str]] = frozenset({"number"})
    """Forms of features that the kind can read: `contract.features` has all."""
    most_width: ClassVar[int | None] = None
    """Numbers of a row at most: a feature is one or more of them."""

    kind: str = Field(description="what each batch becomes")
    scheme: Scheme = Field(default="disjoint", description="each batch alone, or batches 1 to i together")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the model reads beside the features."""
        return ()

    def column_faults(self, types: Mapping[str, str]) -> Iterator[tuple[str, str]]:  # noqa: ARG002 - nothing to look at
        """Yield the key and the fault of each key that names a column, by the ``types`` that there are."""
        yield from ()

    def training_parameters(self) -> dict[str, object]:
        """Return what a training result depends on; the scheme is a property of the registered model.

        A key that came later is left out at its default, so that the train keys of earlier versions stay.
        """
        left_out = {name for name in self.later if getattr(self, name) == type(self).model_fields[name].default}
        return self.model_dump(mode="json", by_alias=True, exclude={"scheme", *left_out})


class GateSection(Section):
    """What a version must reach to be a challenger, and what it must not lose against the champion."""
