"""Geometry of the metrics over the versions: a small chart per metric, a point per version that has it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from contract.model_version import DRIFTS
from contract.version_facts import MOST_METRICS

# Of a chart, in its own units, which are pixels or a little more; the points are between LEFT and RIGHT.
WIDTH: Final = 260
HEIGHT: Final = 96
LEFT: Final = 64.0
RIGHT: Final = 250.0
_TOP: Final = 10.0
_BOTTOM: Final = 74.0
_LARGEST_DOT: Final = 3.0
_SMALLEST_DOT: Final = 1.0
MOST_ALONG: Final = 200
"""Versions that are drawn, the newest; fewer where there are many metrics."""
MOST_POINTS: Final = 8000
DRIFT: Final = "drift/"
"""What the names of metrics against the version before begin with."""
_BAND: Final = "drift"


@dataclass(frozen=True)
class Measured:
    """What is known of a version: nothing of one that failed."""

    number: int
    metrics: Mapping[str, float]
    drift: str | None = None


@dataclass(frozen=True)
class Point:
    """One version's value, and how it is written."""

    number: int
    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Line:
    """One metric: its points from the oldest version on, an SVG path through neighbours, and marks of the y axis.

    ``summary`` tells the same to those who do not see it.
    """

    name: str
    points: tuple[Point, ...]
    path: str
    marks: tuple[tuple[float, str], ...]
    summary: str

    @property
    def texts(self) -> dict[int, str]:
        """The values as written, by version."""
        return {point.number: point.text for point in self.points}


@dataclass(frozen=True)
class Lines:
    """All charts; ``along`` are the versions on their common x axis, the oldest first, with their x."""

    along: tuple[tuple[int, float], ...]
    dot: float
    metrics: tuple[Line, ...]
    drift: tuple[Line, ...]

    @property
    def all(self) -> tuple[Line, ...]:
        """All charts in the order of the page."""
        return self.metrics + self.drift


def draw(versions: Sequence[Measured]) -> Lines | None:
    """Return the charts of ``versions``, oldest first; None where nothing was measured."""
    names = _names(reversed(versions[-MOST_ALONG:]))
    # One more, for the band.
    shown = versions[-max(1, min(MOST_ALONG, MOST_POINTS // (len(names) + 1))) :]
    along = _along([version.number for version in shown])
    lines = [_line(name, values, along) for name in names if (values := _values(shown, name))]
    bands = {version.number: word for version in shown for word in DRIFTS if word == version.drift}
    metrics = tuple(line for line in lines if not line.name.startswith(DRIFT))
    drift = tuple(line for line in lines if line.name.startswith(DRIFT))
    drift = (_band(bands, along), *drift) if bands else drift
    return Lines(tuple(along.items()), _dot(along), metrics, drift) if metrics or drift else None


def written(value: float) -> str:
    """Return ``value`` as people read it: whole above a thousand, else with four digits."""
    text = f"{value:,.0f}" if value.is_integer() or abs(value) >= 1000 else f"{value:.4g}"
    short = text if len(text) <= len("999,999,999") else f"{value:.3g}"
    return short.replace("-", "\N{MINUS SIGN}")


def _names(versions: Iterable[Measured]) -> list[str]:
    """Return the metrics' names as the newest version orders them, behind these what only older ones have."""
    return list(dict.fromkeys(name for version in versions for name in version.metrics))[:MOST_METRICS]


def _values(versions: Sequence[Measured], name: str) -> dict[int, float]:
    return {version.number: version.metrics[name] for version in versions if name in version.metrics}


def _along(numbers: Sequence[int]) -> dict[int, float]:
    """Return x by version: by its number, so that one that is not there leaves its room."""
    if not numbers:
        return {}
    first, span = numbers[0], numbers[-1] - numbers[0]
    middle = (LEFT + RIGHT) / 2
    return {n: round(LEFT + (RIGHT - LEFT) * (n - first) / span, 1) if span else middle for n in numbers}


def _dot(along: Mapping[int, float]) -> float:
    return round(max(_SMALLEST_DOT, min(_LARGEST_DOT, (RIGHT - LEFT) / max(len(along), 1) / 2)), 1)


def _line(name: str, values: Mapping[int, float], along: Mapping[int, float]) -> Line:
    low, high = min(values.values()), max(values.values())
    heights = {number: _height(value, low, high) for number, value in values.items()}
    marks = {_height(value, low, high): written(value) for value in (low, high)}
    texts = {number: written(value) for number, value in values.items()}
    return _chart(name, heights, texts, marks, along)


def _band(bands: Mapping[int, str], along: Mapping[int, float]) -> Line:
    levels = {word: _height(level, 0, len(DRIFTS) - 1) for level, word in enumerate(DRIFTS)}
    heights = {number: levels[word] for number, word in bands.items()}
    return _chart(_BAND, heights, bands, {y: word for word, y in levels.items()}, along)


def _height(value: float, low: float, high: float) -> float:
    # Halves, because the difference of two numbers may be more than the largest one.
    span = high / 2 - low / 2
    share = (value / 2 - low / 2) / span if span else 0.5
    return _BOTTOM - (_BOTTOM - _TOP) * share


def _chart(
    name: str,
    heights: Mapping[int, float],
    texts: Mapping[int, str],
    marks: Mapping[float, str],
    along: Mapping[int, float],
) -> Line:
    points = tuple(Point(number, along[number], round(y, 1), texts[number]) for number, y in heights.items())
    rounded = tuple((round(y, 1), text) for y, text in marks.items())
    return Line(name, points, _path(points), rounded, _summary(name, heights, texts))


def _path(points: Sequence[Point]) -> str:
    """Return a line through the points, broken where a version in between has none."""
    steps, before = [], None
    for point in points:
        steps.append(f"{'L' if before == point.number - 1 else 'M'}{point.x} {point.y}")
        before = point.number
    return "".join(steps)


def _summary(name: str, heights: Mapping[int, float], texts: Mapping[int, str]) -> str:
    # What is highest in a drawing has the least y.
    low, high, newest = max(heights, key=heights.__getitem__), min(heights, key=heights.__getitem__), max(heights)
    told = (("lowest", low), ("highest", high), ("newest", newest))
    said = ", ".join(f"{word} {texts[number]} (v{number})" for word, number in told)
    return f"{name} of {len(heights)} version{'s' if len(heights) != 1 else ''}: {said}"
