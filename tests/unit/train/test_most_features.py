"""What can never be trained is said before Spark starts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contract.errors import StreamFileError
from pipeline.train.series import FROM_FILE, FROM_STREAM, MOST_FEATURES, open_series
from pipeline.train.settings import TrackingSettings


def test_more_features_than_can_be_trained_are_refused_by_number(tmp_path: Path) -> None:
    tracking = TrackingSettings(uri="http://127.0.0.1:9")
    names = [f"f{j}" for j in range(MOST_FEATURES + 1)]
    columns = {name: {"type": "float64"} for name in names}
    given = {"name": "s", "topic": "s", "columns": columns, "cut": {"rows": 9}, "features": names, "model": {"k": 3}}
    file = tmp_path / "wide.yaml"
    file.write_text(json.dumps(given))
    with pytest.raises(StreamFileError, match=f"features: {len(names)} are more than the {MOST_FEATURES}"):
        open_series(str(file), FROM_FILE, FROM_STREAM, tracking)
