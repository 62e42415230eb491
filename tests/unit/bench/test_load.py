"""What the load generator says, as figures."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bench.serving.load import Measured, measured

RESULT: dict[str, Any] = {
    "timeTakenSeconds": 2.0, "req1xx": 0, "req2xx": 1_000, "req3xx": 0, "req4xx": 0, "req5xx": 0, "others": 0,
    "latency": {"mean": 90.0, "max": 900.0, "percentiles": {"50": 120, "75": 130, "90": 150, "95": 200, "99": 990}},
}  # fmt: skip


def test_rates_percentiles_and_cpu_of_a_request() -> None:
    found = measured(json.dumps({"result": RESULT}), 0.1)
    assert found == Measured(requests_s=500.0, p50_ms=0.12, p99_ms=0.99, cpu_us=100.0)


@pytest.mark.parametrize(
    "fault",
    [{"req4xx": 1}, {"others": 1}, {"req2xx": 0}, {"errors": [{"description": "connection reset", "count": 1}]}],
)
def test_a_request_that_failed_ends_the_measurement(fault: dict[str, Any]) -> None:
    with pytest.raises(SystemExit, match="requests failed"):
        measured(json.dumps({"result": RESULT | fault}), 0.1)
