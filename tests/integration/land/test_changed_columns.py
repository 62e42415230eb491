"""The stream file changes between two landings: what the commands say, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.line import Line

pytestmark = pytest.mark.long


class ChangingLine(Line):
    """A stream whose file says other columns from time to time."""

    columns = "  x: {type: int64}\n"

    @property
    def file(self) -> Path:
        """The stream file as it is now."""
        path = super().file
        text = path.read_text().replace("  x: {type: float64}\n", self.columns)
        path.write_text(text.replace("features: [x]", "features: [X]") if "  X:" in text else text)
        return path


def test_parts_of_two_files_are_proved_and_what_cannot_read_them_is_refused(
    services: dict[str, str], tmp_path: Path
) -> None:
    line = ChangingLine(services, tmp_path)
    line.make_topic()
    line.send(b'{"n":%d,"x":%d}' % (n, n) for n in range(100))
    line.land()
    line.columns = "  x: {type: float64}\n  y: {type: string, required: true}\n"
    line.send([b'{"n":%d,"x":0.5,"y":"a"}' % n for n in range(100, 199)] + [b'{"n":199,"x":0.5}'])
    line.land()
    code, said = line.run("verify")
    assert code == 0 and "column x: int64 in batch 1, float64 in batch 2" in said, said
    assert "column y: none in batch 1, string in batch 2" in said
    for columns, fault in (
        ("  x: {type: int32}\n", "columns.x.type: int32, but"),
        ("  X: {type: float64}\n", "columns.X: "),
    ):
        line.columns = columns
        for command in (["land", "--exit-when-idle", "1s"], ["rejects", "--land-again"], ["verify"]):
            code, said = line.run(*command)
            assert code == 1 and f"{line.file}:7: {fault}" in said.replace("\n", ""), (command, said)
    # What was rejected for want of a required column lands again without it, beside parts that have it.
    line.columns = "  x: {type: float64}\n"
    assert line.run("rejects", "--land-again")[0] == 0
    line.land()
    line.assert_proved(range(200))
