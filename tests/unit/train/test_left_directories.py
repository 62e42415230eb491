"""`doctor` looks for every kind of temporary directory that training makes."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.doctor.machine import TEMPORARY


def test_every_temporary_directory_is_one_that_doctor_knows() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in Path("pipeline/train").rglob("*.py"))
    made = set(re.findall(r"f?\"(swathe-[a-z]+-)", sources))
    assert len(made) >= 4 and made <= {*TEMPORARY}
