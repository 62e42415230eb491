"""What lies in a data directory has the names that it had before: another release may have made it."""

from __future__ import annotations

from pathlib import Path

from infra.layout import Layout
from infra.run import clean


def test_the_names_of_files_stay() -> None:
    layout = Layout(Path("/data"))
    assert layout.lock.name == "infra.lock" and layout.lock.name in clean._OURS
    assert (layout.settings.name, layout.credentials.name) == ("settings.json", "credentials.env")
    assert layout.supervisor_configuration.name == "supervisord.conf"
