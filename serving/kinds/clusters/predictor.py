"""Answers requests for the clusters of rows: the steps between a body and an answer."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np

from contract.errors import Fault, InvalidRequestError
from scoring.arrays import Floats, Integers
from scoring.likely import LikelyAssigner
from scoring.scorer import ClusterAssigner
from serving.kinds.clusters.answers import Rows, encode, encode_apart
from serving.kinds.clusters.tensors import OUTPUTS, PROBABILITIES, encode_tensors
from serving.kinds.prediction import Answer, PredictRequest, Tensors
from serving.rows_in.bodies import Records, reader
from serving.rows_in.bodies import Rows as RowsIn
from serving.rows_in.cells import Cell, Inputs
from serving.rows_in.faults import MOST_FAULTS, Wrong, explain, read_apart
from serving.rows_in.size import check_answer, check_rows, check_size
from serving.rows_in.tensors import Inference, decode

# So few rows are assigned one by one: plain arithmetic is quicker than numpy's cost per call.
_FEW_ROWS: Final = 4
# A column of numpy's costs a call: it is quicker than lists of cells where there are so many rows.
_MANY_ROWS: Final = 250
# All faults are looked for at 0.2 ms a KiB.
_FAULTY_BYTES: Final = 16 * 1024
# A row that is wrong has a fault, some 2 µs, and takes the room of one that is not.
_FAULTY_NUMBERS: Final = 20_000
_FAULT_NUMBERS: Final = 4
# Times and categories are read at 0.1 ms a KiB.
_TYPED_BYTES: Final = 48 * 1024
# A column of an encoding takes some 10 ns a row.
_ENCODED_NUMBERS: Final = 200_000
# What the event loop may stand still for one request.
_SOON_S: Final = 0.01


class Points(NamedTuple):
    """Encoded rows, NaN where a value is missing: [n, d], or n lists where they are few; which have a fault."""

    rows: Floats | list[list[float]]
    wrong: Wrong | None = None
    inference: Inference | None = None


class Assigned(NamedTuple):
    """What was predicted of the rows of a request; of no meaning where a row has a fault."""

    rows: Rows
    wrong: Wrong | None = None
    inference: Inference | None = None
    differing: int | None = None


def assign(assigner: ClusterAssigner, rows: Floats) -> tuple[Integers, Floats]:
    """Return clusters and distances; a distance beyond the largest double is infinite, without a warning."""
    with np.errstate(over="ignore", invalid="ignore"):
        return assigner.assign(rows)


_TOO_FAR: Final = "so large that its distance is no finite number"


def seconds(n: int, assigner: ClusterAssigner, *, apart: bool = False, likely: bool = False) -> float:
    """Return about how long ``n`` rows take to be assigned and written: few go number by number, many by column.

    Where each has a probability per cluster, a row is multiplied by a matrix for each, and each is written.
    """
    width, clusters = len(assigner.scoring.features), len(assigner.scoring.labels)
    numbers = clusters * width * (width if likely else 1)
    each = 60e-9 * n if n <= _FEW_ROWS else 2.5e-6 + 2e-9 * n
    written = 70e-9 * n * clusters if likely else 0.0
    return (1.2e-6 if apart else 0.8e-6) * n + numbers * each + written


def too_far(distances: Floats | list[float]) -> InvalidRequestError | None:
    """Return what to say of rows whose distance is beyond the largest double; None where there are none."""
    if all(map(math.isfinite, distances)) if isinstance(distances, list) else np.isfinite(distances).all():
        return None
    faults = [Fault(("rows", int(i)), _TOO_FAR) for i in np.flatnonzero(~np.isfinite(distances))[:MOST_FAULTS]]
    return InvalidRequestError(f"row {faults[0].loc[1]} is {_TOO_FAR}", faults)


@dataclass(frozen=True)
class ClusterPredictor:
    """Assigns the rows of a request to the clusters of its version; ``likely`` is the same assigner, if it is one."""

    assigner: ClusterAssigner
    likely: LikelyAssigner | None = None

    @cached_property
    def inputs(self) -> Inputs:
        """What a row has."""
        return {each.name: each.type for each in self.assigner.scoring.encoding.inputs}

    @cached_property
    def _reader_key(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return tuple(self.inputs), tuple(self.inputs.values())

    @cached_property
    def _is_plain(self) -> bool:
        """Whether a row's cells are the model's numbers, each in its place."""
        encoding = self.assigner.scoring.encoding
        return encoding.is_plain and [feature.column for feature in encoding.features] == [*self.inputs]

    @property
    def outputs(self) -> tuple[str, ...]:
        """The tensors of an answer."""
        return tuple(OUTPUTS) if self.likely is None else (*OUTPUTS, PROBABILITIES)

    def decode(self, request: PredictRequest) -> Points:
        """Return the rows in the request's body.

        Raises
        ------
        RequestError: they cannot be read.
        """
        if request.tensors is not None:
            inference = decode(request.body, request.tensors.header_bytes, self.inputs, self.outputs)
            rows_in = inference.columns if inference.rows is None else inference.rows
            return Points(self._encoded(rows_in), inference=inference)
        check_size(request.body)
        rows = reader(*self._reader_key).read_sound(request.body)
        if not rows and request.apart:
            apart, wrong = read_apart(request.body, self.inputs)
            return Points(self._encoded(apart if isinstance(apart, np.ndarray) else [*zip(*apart, strict=True)]), wrong)
        return self._points(rows or explain(request.body, self.inputs))

    def decode_soon(self, request: PredictRequest) -> Points | None:
        """Return what :meth:`decode` does; None where that, or what follows, is no work for the event loop.

        Raises
        ------
        RequestError: they cannot be read.
        """
        decoded: Points | None
        if not self._is_plain and self._encodes_long(request):
            return None
        width = self.assigner.scoring.encoding.width + _FAULT_NUMBERS if request.apart else 0
        faulty_too = len(request.body) <= _FAULTY_BYTES and request.body.count(b",") * width <= _FAULTY_NUMBERS
        if request.tensors is not None or faulty_too:
            decoded = self.decode(request)
        else:
            rows = reader(*self._reader_key).read_sound(request.body)
            decoded = self._points(rows) if rows else None
        n = len(decoded.rows) if decoded else 0
        taken = sum(
            seconds(n, asked.assigner, apart=request.apart, likely=asked.likely is not None)
            for asked in (self, request.shadow)
            if asked is not None
        )
        return None if taken > _SOON_S else decoded

    def predict(self, request: PredictRequest, decoded: Points) -> Assigned:
        """Return cluster and distance of each row.

        Raises
        ------
        InvalidRequestError: a row is too far from every cluster.
        RequestTooLargeError: more probabilities than are made.
        """
        assigner = self.assigner
        self._check_answer(len(decoded.rows))
        if self.likely is not None and request.shadow is None:
            with np.errstate(over="ignore", invalid="ignore"):
                rows = Rows(*self.likely.assign_likely(np.asarray(decoded.rows, dtype=np.float64)))
        elif isinstance(decoded.rows, np.ndarray):
            rows = Rows(*assign(assigner, decoded.rows))
        else:
            pairs = [assigner.assign_row(row) for row in decoded.rows]
            rows = Rows([c for c, _ in pairs], [d for _, d in pairs])
        assigned = Assigned(rows, decoded.wrong, decoded.inference)
        if request.shadow is not None:
            return assigned._replace(differing=self._differing(request, decoded, rows))
        if request.apart:
            return assigned._replace(wrong=_with_too_far(assigned))
        refused = too_far(rows.distances)
        if refused is not None:
            raise refused
        return assigned

    def encode(self, request: PredictRequest, predicted: Assigned) -> Answer:
        """Return the answer as JSON."""
        labels, rows = self.assigner.scoring.labels, predicted.rows
        if predicted.differing is not None:
            return Answer(b"", (), differing=predicted.differing)
        if predicted.inference is not None and request.tensors is not None:
            return _tensor_answer(rows, labels, predicted.inference, request.tensors)
        if request.apart and predicted.wrong is not None:
            return encode_apart(rows, labels, predicted.wrong, request.chain_json)
        if isinstance(rows.clusters, list):
            counts = list(map(rows.clusters.count, range(len(labels))))
        else:
            counts = np.bincount(rows.clusters, minlength=len(labels)).tolist()
        return Answer(encode(rows, labels, request.chain_json), tuple(counts))

    def _check_answer(self, n: int) -> None:
        if self.likely is not None:
            check_answer(n, len(self.assigner.scoring.labels), "clusters")

    def _encodes_long(self, request: PredictRequest) -> bool:
        """Return whether reading and encoding typed rows is no work for the event loop, without looking at them."""
        is_binary = request.tensors is not None and request.tensors.header_bytes is not None
        cells = len(request.body) if is_binary else request.body.count(b",") + 1
        numbers = cells // len(self.inputs) * self.assigner.scoring.encoding.width
        return len(request.body) > _TYPED_BYTES or numbers > _ENCODED_NUMBERS

    def _points(self, rows: RowsIn) -> Points:
        n = len(rows)
        if not self._is_plain:
            return Points(self._few(rows) if n <= _FEW_ROWS else self._encoded([*zip(*rows, strict=True)]))
        if n <= _FEW_ROWS:
            return Points([[math.nan if x is None else x for x in row] for row in rows])  # type: ignore[misc] # doubles
        doubles = rows.doubles() if n >= _MANY_ROWS and isinstance(rows, Records) else None
        if doubles is not None:
            return Points(doubles)
        cells: list[Any] = []
        # Row by row, for lists grow by whole tuples: through `chain` each cell would be asked for.
        for row in rows:
            cells.extend(row)
        return Points(_doubles(cells).reshape(n, len(self.inputs)))

    def _few(self, rows: RowsIn) -> list[list[float]]:
        row = self.assigner.scoring.encoding.row
        return [row(cells) for cells in rows]

    def _encoded(self, rows: Floats | Sequence[Sequence[Cell]]) -> Floats:
        """Return ``rows`` [n, d], or the columns of cells of n rows, as the model's numbers."""
        encoding = self.assigner.scoring.encoding
        if isinstance(rows, np.ndarray):
            if self._is_plain:
                return rows
            rows = [*rows.T]
        check_rows(len(rows[0]), encoding.width)
        return encoding.rows(rows)

    def _differing(self, request: PredictRequest, x: Points, rows: Rows) -> int:
        """Return of how many rows the shadow gives another label; a row without an answer has none."""
        shadow: ClusterPredictor = request.shadow
        shadow._check_answer(len(x.rows))
        # Each version encodes by numbers of its own.
        its = x if self._is_plain and shadow._is_plain else shadow.decode(request)
        own = _labelled(self.assigner, rows.clusters, rows.distances)
        unlike = own != _labelled(shadow.assigner, *assign(shadow.assigner, np.asarray(its.rows)))
        if x.wrong is not None:
            unlike[x.wrong.rows] = False
        return int(np.count_nonzero(unlike))


def _doubles(cells: list[Any]) -> Floats:
    """Return ``cells`` as doubles, NaN for None; where there is no None, packed at a third of what numpy takes."""
    try:
        return np.frombuffer(struct.pack(f"{len(cells)}d", *cells))
    except struct.error:
        return np.array(cells, dtype=np.float64)


def _with_too_far(assigned: Assigned) -> Wrong:
    far = ~np.isfinite(assigned.rows.distances)
    told = {i: Fault(("rows", i), _TOO_FAR) for i in np.flatnonzero(far)[:MOST_FAULTS].tolist()}
    read = assigned.wrong
    return Wrong(far, told) if read is None else Wrong(far | read.rows, told | read.told)


def _tensor_answer(rows: Rows, labels: tuple[str, ...], inference: Inference, tensors: Tensors) -> Answer:
    body, json_bytes = encode_tensors(inference, rows, labels, tensors.chain)
    counts = np.bincount(np.asarray(rows.clusters), minlength=len(labels)).tolist()
    return Answer(body, tuple(counts), json_bytes=json_bytes)


def _labelled(assigner: ClusterAssigner, clusters: Integers | list[int], distances: Floats | list[float]) -> Any:
    labels = np.array([*assigner.scoring.labels, None], dtype=object)
    return labels[np.where(np.isfinite(distances), clusters, -1)]
