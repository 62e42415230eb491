"""The serving half: rows filled, rows told apart, medians to read, and a table on the page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from contract.errors import ModelArtifactError
from contract.model_version import GOLDEN_FILE, SCORING_FILE
from serving.kinds.kind import ArtifactFile, Asked, PagePart, Posting, Reading
from serving.kinds.openapi_words import CHAIN, NUMBER, array_of, body_schema, mapping_of, object_of
from serving.kinds.prediction import Answer, PredictRequest
from serving.rows_in.bodies import reader
from serving.rows_in.cells import Inputs
from serving.rows_in.size import check_size
from serving.rows_in.tensors import decode

from .numbers import Floats, Numbers, golden_from_json


def _inputs(numbers: Numbers) -> Inputs:
    return dict.fromkeys(numbers.features, "double")


class MediansPredictor(NamedTuple):
    """What goes to a worker with a large request."""

    numbers: Numbers

    def decode(self, request: PredictRequest) -> Floats:
        """Return the rows [n, d] of a body, NaN where a value is missing."""
        if request.tensors is not None:
            found = decode(request.body, request.tensors.header_bytes, _inputs(self.numbers), ("filled",))
            return np.asarray(found.rows, dtype=np.float64)
        check_size(request.body)
        inputs = _inputs(self.numbers)
        return np.array([*reader(tuple(inputs), tuple(inputs.values())).read(request.body)], dtype=np.float64)

    def decode_soon(self, request: PredictRequest) -> Floats:
        """Return the same: what a small body takes is no more than the event loop may stand still."""
        return self.decode(request)

    def predict(self, request: PredictRequest, decoded: Floats) -> Floats:
        """Return the rows filled or, of `outliers`, how strange each value is."""
        if request.shadow is not None:
            shadow: Numbers = request.shadow.numbers
            return self.numbers.filled(decoded) - shadow.filled(decoded)
        return self.numbers.strangeness(decoded) if request.posting == "outliers" else self.numbers.filled(decoded)

    def encode(self, request: PredictRequest, predicted: Floats) -> Answer:
        """Return the answer as JSON."""
        if request.shadow is not None:
            return Answer(b"", (), differing=int(np.count_nonzero(predicted.any(axis=1))))
        if request.tensors is not None:
            return Answer(_tensor(request.tensors.chain, predicted), (len(predicted),))
        rows = [dict(zip(self.numbers.features, row, strict=True)) for row in predicted.tolist()]
        return Answer(json.dumps({"predictions": rows})[:-1].encode() + b"," + request.chain_json, (len(rows),))


def _tensor(chain: Mapping[str, Any], rows: Floats) -> bytes:
    tensor = {"name": "filled", "datatype": "FP64", "shape": list(rows.shape), "data": rows.ravel().tolist()}
    told = {"model_name": chain["model"], "model_version": str(chain["version"]), "outputs": [tensor]}
    return json.dumps(told).encode()


@dataclass(frozen=True)
class ServedMedians:
    """A loaded version."""

    numbers: Numbers

    @property
    def inputs(self) -> Inputs:
        """What a row has: numbers."""
        return _inputs(self.numbers)

    @property
    def example(self) -> Mapping[str, float]:
        """A plausible row."""
        return dict(zip(self.numbers.features, self.numbers.medians, strict=True))

    @property
    def predictor(self) -> MediansPredictor:
        """What answers requests."""
        return MediansPredictor(self.numbers)

    @property
    def outputs(self) -> list[dict[str, Any]]:
        """The tensor of an answer."""
        return [{"name": "filled", "datatype": "FP64", "shape": [-1, len(self.inputs)]}]

    @property
    def described(self) -> Mapping[str, Any]:
        """The medians, in the list of all versions."""
        return {"medians": self.example}

    def takes_the_rows_of(self, other: object) -> bool:
        """Return whether ``other`` has the same features."""
        return isinstance(other, ServedMedians) and other.inputs == self.inputs


def _body(served: ServedMedians | None) -> dict[str, Any]:
    if served is None:
        return {"schema": body_schema(None)}
    return {"schema": body_schema(served.inputs), "example": {"dataframe_records": [served.example]}}


def _medians(asked: Asked) -> Mapping[str, Any]:
    return {"medians": asked.served.example}


def _page(ready: Sequence[Any]) -> Mapping[str, Any]:
    return {"medians": {version.name: version.numbers.served.example for version in ready}}


POSTINGS = (
    Posting("predict", "Each row, filled", "Filled", _body, by_row=False),
    Posting("outliers", "How strange each value is", "Filled", _body, by_row=False),
)
READING = Reading(
    "/medians",
    _medians,
    name="medians",
    summary="The medians of {who}",
    schema="Medians",
    problems=("404", "409"),
    signpost="medians",
)
_TERMS = (("Median", "Half of the values are below it."),)
PART = PagePart(Path(__file__).parent, "medians.html", _page, ("medians.js",), _TERMS, ("medians.css",))


@dataclass(frozen=True)
class ServingMedians:
    """Medians, as serving finds them."""

    name: str = "medians"
    platform: str = "swathe_medians"
    files: tuple[ArtifactFile, ...] = (ArtifactFile(SCORING_FILE, 1_000_000), ArtifactFile(GOLDEN_FILE, 50_000_000))
    postings: tuple[Posting, ...] = POSTINGS
    readings: tuple[Reading, ...] = (READING,)
    counted: None = None
    outputs: tuple[str, ...] = ("filled",)
    page: PagePart = PART

    @property
    def described(self) -> Mapping[str, Any]:
        """What the list of all versions tells."""
        return {"medians": {"type": ["object", "null"], "additionalProperties": NUMBER}}

    @property
    def schemas(self) -> Mapping[str, Any]:
        """The schemas of the answers."""
        return {
            "Filled": object_of({"predictions": array_of(mapping_of(NUMBER)), **CHAIN}),
            "Medians": object_of({"medians": mapping_of(NUMBER), **CHAIN}),
        }

    def load(self, bodies: Mapping[str, bytes]) -> ServedMedians:
        """Return the version in the files of its artifact, which must fill the golden rows as Spark did."""
        try:
            numbers = Numbers.from_json(bodies[SCORING_FILE])
            rows, said = golden_from_json(bodies[GOLDEN_FILE])
            alike = np.array_equal(numbers.filled(rows), said)
        except ValueError as error:
            raise ModelArtifactError(str(error)) from error
        if not alike:
            raise ModelArtifactError("golden rows are filled otherwise than by Spark")
        return ServedMedians(numbers)


KIND = ServingMedians()
