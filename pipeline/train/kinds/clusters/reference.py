"""The reference sample of a series: fixed rows in a fixed space, by which all its versions can be compared."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from contract.errors import ChainError
from pipeline.object_store import ObjectStore
from pipeline.train.kinds.clusters.cells import Cells, encoded_by
from pipeline.train.kinds.clusters.own_units import unscaled
from pipeline.train.kinds.clusters.quality import quality
from scoring.arrays import Floats
from scoring.features import Encoding
from scoring.forms import Category, Form, refuse_cells
from scoring.scorer import ClusterNumbers

REFERENCE_ROWS: Final = 5_000
# Of so many features that as many rows would be a text of a hundred megabytes.
REFERENCE_CELLS: Final = 2_500_000
_FORMAT: Final = 1
_TYPED_FORMAT: Final = 2
_SPACE: Final = ("features", "surrogates", "mean", "std")


def reference_key(model: str, encoding: Encoding) -> str:
    """Key of the reference sample in the batches bucket; it is written once.

    A series whose stream file was given other features goes on with a sample of those.
    """
    # Two versions may differ in the values of a category, and are compared by it.
    features = encoding.names if encoding.is_plain else encoding.declared
    return f"reference/{model}/{hashlib.sha256(json.dumps(features).encode()).hexdigest()[:16]}.json"


@dataclass(frozen=True)
class Reference:
    """Rows [n, d] in the data's own units, NaN where missing, and the numbers that span the fixed space.

    Taken from the first batch that could be trained. Of typed rows, ``cells`` are those that landed, the features are
    the columns of their encoding, and ``factors`` [d] weigh what is scaled.
    """

    features: tuple[str, ...]
    surrogates: tuple[float, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    rows: Floats
    factors: tuple[float, ...] = ()
    cells: Cells | None = None

    def encoded(self, encoding: Encoding) -> Floats:
        """Return the rows in the columns of a version's ``encoding``."""
        return encoded_by(encoding, self.rows, self.cells)

    def own(self, rows: Floats, cells: Cells | None) -> Floats:
        """Return another sample's rows in the columns of this one."""
        return rows if self.cells is None else encoded_by(self.cells.encoding, rows, cells)

    @np.errstate(over="ignore", invalid="ignore")
    def points(self, rows: Floats) -> Floats:
        """Return ``rows`` [n, d] in the fixed space."""
        filled = np.where(np.isnan(rows), np.array(self.surrogates), rows)
        std = np.array(self.std)
        if not self.factors:
            return np.asarray((filled - np.array(self.mean)) / std, dtype=np.float64)
        # What did not vary in the first batch has no place in its space.
        scaled = np.divide(filled - np.array(self.mean), std, out=np.zeros_like(filled), where=std != 0)
        return np.asarray(scaled * np.array(self.factors), dtype=np.float64)

    def unscaled(self, scoring: ClusterNumbers) -> Floats:
        """Return the centres [k, d] of a version in the columns of this sample, before they are scaled.

        Where the version knows other values of a category, they are others here.
        """
        found = unscaled(scoring)
        return found if self.cells is None else _moved(found, scoring.encoding, self.cells.encoding)

    @np.errstate(over="ignore", invalid="ignore")
    def centers(self, scoring: ClusterNumbers) -> Floats:
        """Return the centres [k, d] of a version in the fixed space."""
        return self.points(self.unscaled(scoring))

    @np.errstate(over="ignore", invalid="ignore")
    def score(self, scoring: ClusterNumbers, rows: Floats, cells: Cells | None = None) -> dict[str, float]:
        """Return the quality, in the fixed space, of ``rows`` [n, d] as ``scoring`` assigns them."""
        clusters, _ = scoring.assigner().assign(encoded_by(scoring.encoding, rows, cells))
        return quality(self.points(self.own(rows, cells)), clusters, self.centers(scoring))

    def to_json(self) -> bytes:
        """Return the reference as the bytes of its object."""
        space = {name: getattr(self, name) for name in _SPACE}
        if self.cells is not None:
            typed = {"factors": self.factors, "encoding": self.cells.encoding.to_fields()}
            return json.dumps({"format": _TYPED_FORMAT, **space, **typed, "rows": self.cells.rows().tolist()}).encode()
        rows = [[None if math.isnan(x) else x for x in row] for row in self.rows.tolist()]
        weighed = {"format": _TYPED_FORMAT, "factors": self.factors} if self.factors else {"format": _FORMAT}
        return json.dumps({**weighed, **space, "rows": rows}).encode()

    @classmethod
    def from_json(cls, body: bytes) -> Reference:
        """Return the reference in ``body``.

        Raises
        ------
        ValueError: not a reference sample of this format.
        """
        try:
            fields = json.loads(body)
            if fields["format"] not in {_FORMAT, _TYPED_FORMAT}:
                raise ValueError(f"its format is neither {_FORMAT} nor {_TYPED_FORMAT}")
            space = _space(fields)
            if "encoding" not in fields:
                return cls(**space, rows=_numbers(fields["rows"], len(space["features"])))
            encoding = Encoding.from_fields(fields["encoding"])
            if encoding.names != space["features"]:
                raise ValueError("its features are not the columns of its encoding")
            cells = _cells(encoding, fields["rows"])
            return cls(**space, rows=cells.encoded(encoding), cells=cells)
        except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise ValueError(f"not a reference sample: {error!r}"[:300]) from error


def _space(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the names, and the numbers that span the space, of which each name has one."""
    names = tuple(fields["features"])
    space = {name: tuple(fields[name]) for name in _SPACE[1:]} | {"factors": tuple(fields.get("factors", ()))}
    if not names or any(type(name) is not str for name in names):
        raise ValueError("its features are no names")
    for key, numbers in space.items():
        refuse_cells("double", numbers)
        if None in numbers or (len(numbers) != len(names) and (numbers or key != "factors")):
            raise ValueError(f"{key} are {len(numbers)} numbers of {len(names)} features, or not all are numbers")
    return {"features": names, **space}


def _numbers(rows: Sequence[Sequence[Any]], width: int) -> Floats:
    for row in rows:
        refuse_cells("double", row)
    found = np.array([[math.nan if x is None else x for x in row] for row in rows], dtype=np.float64)
    if found.shape != (len(rows), width) or not len(rows):
        raise ValueError(f"its rows are not of {width} numbers each")
    return found


def _cells(encoding: Encoding, rows: Sequence[Sequence[Any]]) -> Cells:
    for each, cells in zip(encoding.inputs, zip(*rows, strict=True), strict=True):
        refuse_cells(each.type, cells)
    return Cells.of_rows(encoding, rows)


def _moved(centers: Floats, of: Encoding, to: Encoding) -> Floats:
    """Return ``centers`` [k, d] in the columns of another encoding of the same features."""
    found = np.zeros((len(centers), to.width))
    places = {name: place for place, name in enumerate(to.names)}
    names = [
        _name_in(feature, name, target)
        for feature, target in zip(of.features, to.features, strict=True)
        for name in feature.columns
    ]
    for at, name in enumerate(names):
        found[:, places[name]] += centers[:, at]
    return found


def _name_in(feature: Form, name: str, target: Form) -> str:
    """Return the column of ``target`` that stands for the column ``name`` of ``feature``."""
    if isinstance(feature, Category) and isinstance(target, Category):
        return target.other if name == feature.other or name not in target.columns else name
    return name


def make_reference(scoring: ClusterNumbers, rows: Floats, cells: Cells | None = None) -> Reference:
    """Return the reference that evenly chosen ``rows`` [n, d] of the batch of ``scoring`` make."""
    most = min(REFERENCE_ROWS, max(1, REFERENCE_CELLS // len(scoring.features)))
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows)), dtype=np.int64))
    space = scoring.features, scoring.surrogates, scoring.mean, scoring.std
    return Reference(*space, rows[chosen], scoring.factors, None if cells is None else cells[chosen])


def keep_reference(store: ObjectStore, key: str, made: Reference) -> Reference:
    """Return the reference at ``key``; where there is none yet, ``made`` becomes it.

    Raises
    ------
    ChainError: the object is not a reference sample.
    """
    found = store.get(key)
    if found is None:
        store.put_if_absent(key, made.to_json())
        found = store.get(key)
    try:
        return Reference.from_json(found[0] if found else b"")
    except ValueError as error:
        raise ChainError(f"{key} in bucket {store.bucket!r}: {error}") from error
