"""What a demo tells of its time adds up."""

from __future__ import annotations

import re
import time

from infra.demo.took import Took


def test_every_second_is_in_one_step() -> None:
    took = Took(time.time() - 100)
    took.end("services", {"MinIO": 0.0})
    time.sleep(0.05)
    took.end("replay")
    said = str(took)
    assert said == "took 100 s: packages 100, MinIO 0, services 0, replay 0"


def test_parts_are_taken_from_their_step() -> None:
    took = Took(None)
    took._last -= 30
    took._began -= 30
    took.end("services", {"jars": 5.0, "MinIO": 20.0})
    told = dict(re.findall(r"(\w+) (\d+)", str(took).partition(": ")[2]))
    assert told == {"jars": "5", "MinIO": "20", "services": "5"}
