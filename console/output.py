"""Standard output, for tables."""

from __future__ import annotations

from rich.console import Console


class _Output(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to the command's end; rich's own would exit with 1, as after an error."""
        raise BrokenPipeError


def output(width: int | None = None) -> Console:
    """Return standard output, ``width`` columns wide; by default as wide as the terminal."""
    return _Output(width=width)
