"""Typed rows at which a careless encoding, or a careless formula, errs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from pipeline.train.kinds.clusters.cells import Cells
from pipeline.train.kinds.clusters.encode import numbers
from scoring.arrays import Floats
from scoring.features import Encoding
from scoring.forms import Cyclic, Log, Number
from scoring.scorer import ClusterNumbers

_OWN_ROWS: Final = 120
_PAIRS: Final = 40
_CHANGES: Final = 6
_SEED: Final = 20130101
_LONGEST_SQUARE: Final = 1e300
_HOUR: Final = 3_600_000_000

Row = list[Any]

# What nobody writes into a category, and a statement that was put together carelessly would read as something else.
_ODD: Final[dict[str, tuple[Any, ...]]] = {
    "string": ("", " ", "'", '"', "\\", "\\'", "`", "\n", "\0", "__THIS__", "${x}", "é", "e\u0301", "🛩", "null", "NaN"),
    "long": (0, -1, 2**63 - 1, -(2**63)),
    "boolean": (True, False),
    "double": (0.0, -0.0, 1.0, -1.0, 5e-324, -1e-9, 2.0**-54, 2.0**-29, 0.41421356, 2.0**53, -1e15),
    # The years 1 and 9999, the calendar's change, and both sides of 1970.
    "datetime": (-62_135_596_800_000_000, 253_402_300_799_999_999, -12_219_292_800_000_000, -1, 0),
}


@np.errstate(over="ignore", invalid="ignore")
def typed_points(scoring: ClusterNumbers, sample: Cells) -> Cells:
    """Return rows of the batch, those with missing cells first, and rows made of them.

    Their numbers are moved onto the bisector of two centres and one double beside it; single cells are missing, or are
    values that nobody has seen; times lie beside the changes of their zones. Rows whose distance no double can hold are
    left out.
    """
    own = sample[_chosen(sample)]
    rows = own.rows().tolist()
    made = [*rows, *_on_bisectors(scoring, own), *_odd(rows[0], scoring.encoding), *_at_changes(rows[0], own)]
    points = Cells.of_rows(scoring.encoding, made)
    scaled = scoring.assigner().scale(points.encoded(scoring.encoding))
    return points[(scaled**2).sum(axis=1) < _LONGEST_SQUARE]


def _chosen(sample: Cells) -> Any:
    has_none = np.zeros(len(sample), dtype=np.bool_)
    for column in sample.columns:
        # What is missing is None, or differs from itself.
        has_none |= np.array([x is None or x != x for x in column.tolist()])  # noqa: PLR0124
    spread = np.linspace(0, len(sample) - 1, min(_OWN_ROWS, len(sample)), dtype=np.int64)
    return np.unique(np.concatenate([np.flatnonzero(has_none)[: _OWN_ROWS // 3], spread]))


def _on_bisectors(scoring: ClusterNumbers, own: Cells) -> Iterator[Row]:
    """Yield rows whose numbers lie as near to one centre of a pair as to the other, and one double beside that."""
    rng = np.random.default_rng(_SEED)
    pairs, rows = scoring.rivals(), own.rows().tolist()
    scaled = scoring.assigner().scale(own.encoded(scoring.encoding))
    movable = _movable(scoring)
    for index in rng.permutation(len(pairs))[:_PAIRS]:
        at = int(rng.integers(len(rows)))
        one, other = (np.array(point) for point in pairs[index])
        moved = _moved(scaled[at], one, other, list(movable.values()))
        cells = {each: _cell(each, scoring, moved[place], place) for each, place in movable.items()}
        for side in (0.0, np.inf, -np.inf):
            row = list(rows[at])
            for each, x in cells.items():
                row[_place(scoring.encoding, each.column)] = float(np.nextafter(x, side)) if side else x
            yield row


def _movable(scoring: ClusterNumbers) -> dict[Number, int]:
    """Return the first number of each input that takes any, and its place among the encoded columns."""
    types = {each.name: each.type for each in scoring.encoding.inputs}
    places = {name: place for place, name in enumerate(scoring.encoding.names)}
    found: dict[str, tuple[Number, int]] = {}
    for each in numbers(scoring.encoding):
        place = places[each.columns[0]]
        if types[each.column] == "double" and scoring.std[place]:
            found.setdefault(each.column, (each, place))
    return dict(found.values())


def _moved(point: Floats, one: Floats, other: Floats, along: Sequence[int]) -> Floats:
    direction = other - one
    length = direction[along] @ direction[along]
    moved = point.copy()
    if length:
        moved[along] -= direction[along] * (((point - (one + other) / 2) @ direction) / length)
    return moved


def _cell(each: Number, scoring: ClusterNumbers, z: float, place: int) -> float:
    x = float(z / scoring.factors[place] * scoring.std[place] + scoring.mean[place])
    return float(np.copysign(np.expm1(abs(x)), x)) if isinstance(each, Log) else x


def _place(encoding: Encoding, column: str) -> int:
    return [each.name for each in encoding.inputs].index(column)


def _odd(row: Row, encoding: Encoding) -> Iterator[Row]:
    for place, each in enumerate(encoding.inputs):
        for cell in (None, *_ODD[each.type]):
            yield [*row[:place], cell, *row[place + 1 :]]
    yield [None] * len(row)


def _at_changes(row: Row, own: Cells) -> Iterator[Row]:
    """Yield rows whose times lie at the changes of a zone that are nearest to the batch's own times."""
    for feature in own.encoding.features:
        if not isinstance(feature, Cyclic) or not feature.zone.since_us:
            continue
        place = _place(own.encoding, feature.column)
        times = [x for x in own.columns[place].tolist() if x is not None]
        middle = sorted(times)[len(times) // 2] if times else 0
        away = np.abs(np.array(feature.zone.since_us) - middle)
        for change in (feature.zone.since_us[i] for i in np.argsort(away, kind="stable")[:_CHANGES]):
            for step in (-_HOUR, -1, 0, _HOUR):
                yield [*row[:place], change + step, *row[place + 1 :]]
