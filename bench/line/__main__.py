"""`python -m bench.line`: how long after a batch's last record does its route answer, while the whole line runs?"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import httpx

from bench import record
from bench.landing.records import endless, flights, make_topic, send
from bench.serving.contenders import Server, ours
from bench.serving.model import body
from bench.training.batches import stream_file
from bench.training.measure import running
from pipeline.settings import kafka_settings

WITHIN_S = 300.0
LOOK_S = 0.05


def main() -> None:
    """Send batch after batch, each once the one before it is served; tell the first and what follows."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=20_000, help="rows of a batch, by default those of `make live`")
    options.add_argument("--batches", type=int, default=4)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        topic, file = stream_file(Path(name))
        make_topic(kafka_settings(), topic)
        took = _walk(topic, file, chosen.rows, chosen.batches)
    for number, seconds in enumerate(took, 1):
        print(f"batch {number}: its route answers {seconds:.1f} s after its last record was acknowledged")
        record.fact(f"last record of batch {number} acknowledged to its route", seconds=seconds)
    record.figure("line.first_s", took[0])
    record.figure("line.warm_s", statistics.median(took[1:]))


def _walk(topic: str, file: Path, rows: int, batches: int) -> list[float]:
    """Return what each batch took, in seconds."""
    environ, log, records = dict(os.environ), file.with_suffix(".log"), endless(flights())
    land = [sys.executable, "-m", "pipeline", "land", "--stream", str(file), "--rows", str(rows)]
    watch = [sys.executable, "-m", "pipeline", "watch", "--stream", str(file)]
    took = []
    with (
        ours(topic, file.parent / "cache") as server,
        running(land, environ, log) as landing,
        running(watch, environ, log) as trainer,
    ):
        for version in range(1, batches + 1):
            send(kafka_settings(), topic, itertools.islice(records, rows))
            acknowledged = time.monotonic()
            while not _answers(server, topic, version):
                ended = landing.poll() is not None or trainer.poll() is not None
                if ended or time.monotonic() - acknowledged > WITHIN_S:
                    raise SystemExit(f"version {version} does not answer; the end of {log}:\n{log.read_text()[-3000:]}")
                time.sleep(LOOK_S)
            took.append(time.monotonic() - acknowledged)
    return took


def _answers(server: Server, model: str, version: int) -> bool:
    headers = {"content-type": "application/json"}
    answer = httpx.post(f"{server.url}/api/{model}/v{version}/predict", content=body(1), headers=headers, timeout=10)
    return answer.status_code == 200


if __name__ == "__main__":
    main()
