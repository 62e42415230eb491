"""What the pictures of all kinds have in common: their size, their colours, and how they become pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pipeline.train.kinds.kind import Pixels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Small, so that the text is still read where MLflow shows a picture in a third of its width.
_INCHES: Final = (5.0, 3.6)
_DPI: Final = 130
COLOURS: Final = (
    "#332288", "#88ccee", "#44aa99", "#117733", "#999933", "#ddcc77", "#cc6677", "#882255", "#aa4499", "#777777",
)  # fmt: skip
"""Paul Tol's "muted" scheme, which the colour-blind can tell apart."""


def figure_of(title: str) -> tuple[Figure, Axes]:
    """Return an empty figure with its only axes."""
    # Not through pyplot, whose state is global: this may run in a thread of its own.
    figure = Figure(figsize=_INCHES, dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=11)
    return figure, axes


def pixels_of(figure: Figure) -> Pixels:
    """Return the picture [height, width, 3]."""
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)  # noqa: S101 - see figure_of
    canvas.draw()  # type: ignore[no-untyped-call]
    return np.array(canvas.buffer_rgba(), dtype=np.uint8)[..., :3]  # type: ignore[no-untyped-call]
