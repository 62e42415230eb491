"""The commands of a series, as they can be typed where the person is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from contract.sections import Scheme
from contract.series_commands import SeriesCommands
from contract.stream import Stream
from pipeline.train.mlflow_client.mlflow_run_parent import Launcher

PROJECT: Final = Path(__file__).resolve().parents[2]


def typed_commands(stream_file: str, stream: Stream, scheme: Scheme, model: str) -> SeriesCommands:
    """Return the commands of the series that ``stream`` has under ``scheme`` in ``model``."""
    # `mlflow run` starts its child in the project's directory, wherever it was typed itself.
    where = Launcher().directory() if "MLFLOW_RUN_ID" in os.environ else Path.cwd()
    if where == PROJECT:
        return SeriesCommands(".", stream_file, stream, scheme, model)
    return SeriesCommands(str(PROJECT), str(Path(stream_file).resolve()), stream, scheme, model)
