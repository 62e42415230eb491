"""Records for `make.sh`, and what the line says of them once they are landed, trained and served."""

from __future__ import annotations

import csv
import json
import os
import sys
from pathlib import Path

import boto3
import httpx
import numpy as np
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

HERE = Path(__file__).parent
HOUR_MS = 3_600_000
BEGIN_MS = 1_700_000_000_000
ASKED = {
    "kept": [[12.5, 40.0, 3, 1000], [30.25, 80.5, None, 5_000_000_000], [-4.0, 10.0, 9, -7], [0.1, 0.2, 1, 3]],
    "kept-sweep": [[0.0, 0.0], [6.5, -2.25], [-5.0, None], [1e-3, 99.5]],
}


def main() -> None:
    if sys.argv[2] == "--facts":
        json.dump(facts(), sys.stdout, indent=1)
    elif sys.argv[2] == "--odd-records":
        odd_records()
    elif sys.argv[2] == "--not-landed":
        not_landed()
    else:
        kept(Path(sys.argv[1]) / "kept.csv")
        sweep(Path(sys.argv[1]) / "kept-sweep.csv")
        topics()


def kept(path: Path) -> None:
    rng = np.random.default_rng(1)
    centers = np.array([[10.0, 35, 2, 900], [28, 75, 5, 4e9], [-6, 15, 8, -50]])
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["station", "at", "temperature", "humidity", "readings", "total", "raining"])
        for row in range(300):
            values = centers[rng.integers(0, 3)] + rng.normal(size=4) * [1, 2, 1, 30]
            cells = [
                repr(round(float(values[0]), 3)),
                repr(round(float(values[1]), 2)),
                str(round(float(values[2]))),
                str(round(float(values[3]))),
            ]
            cells = ["NA" if rng.random() < 0.04 else cell for cell in cells]
            at = f"2024-03-{row // 24 + 1:02d}T{row % 24:02d}:30:00.{row:03d}Z"
            writer.writerow([f"s{row % 7}", at, *cells, "true" if row % 3 else ""])


def sweep(path: Path) -> None:
    rng = np.random.default_rng(2)
    centers = np.array([[0.0, 0], [7, -2], [-5, 100]])
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["x", "y"])
        for _ in range(180):
            x, y = centers[rng.integers(0, 3)] + rng.normal(size=2)
            writer.writerow([repr(round(float(x), 4)), repr(round(float(y), 4)) if rng.random() > 0.05 else ""])


def topics() -> None:
    """Make the topics, each with two partitions but one."""
    admin = AdminClient({"bootstrap.servers": os.environ["SWATHE_KAFKA_BOOTSTRAP_SERVERS"]})
    new = [
        NewTopic(name, partitions, config={"retention.ms": "-1"})
        for name, partitions in (("kept", 2), ("kept-sweep", 1), ("kept-windows", 2))
    ]
    for made in admin.create_topics(new).values():
        made.result(20)


def odd_records() -> None:
    """Send what is no row between and behind rows, and a topic of five windows in two lanes, some records late."""
    producer = Producer({"bootstrap.servers": os.environ["SWATHE_KAFKA_BOOTSTRAP_SERVERS"], "acks": "all"})
    good = {"station": "s9", "at": "2024-04-01T00:00:00Z", "temperature": 1.5, "unknown": "ignored"}
    odd = [
        b"{not json", b"[1, 2]", None, b"", json.dumps({"station": "s1", "temperature": 3}).encode(),
        json.dumps({**good, "temperature": "warm"}).encode(), json.dumps({**good, "readings": 2**40}).encode(),
        json.dumps({**good, "station": "x" * 5000}).encode(), json.dumps(good).encode(),
    ]  # fmt: skip
    for index, value in enumerate(odd):
        producer.produce("kept", value, f"odd{index}".encode(), index % 2)
    for row in range(200):
        at = BEGIN_MS + row * HOUR_MS // 40 - (2 * HOUR_MS if row % 50 == 49 else 0)
        value = json.dumps({"n": row, "x": (row * 37 % 101) / 4}).encode()
        producer.produce("kept-windows", value, None, row % 2, timestamp=at)
    assert producer.flush(30) == 0


def not_landed() -> None:
    """Send 70 rows and a reject that whoever comes next lands."""
    producer = Producer({"bootstrap.servers": os.environ["SWATHE_KAFKA_BOOTSTRAP_SERVERS"], "acks": "all"})
    for row in range(70):
        value = {"station": f"s{row % 7}", "at": f"2024-05-01T00:00:{row % 60:02d}Z", "readings": row % 9}
        value |= {"temperature": [11.0, 27.5, -6.25][row % 3] + row / 100, "humidity": row % 90, "total": row * 1000}
        producer.produce("kept", json.dumps(value).encode(), f"later{row}".encode(), row % 2)
    producer.produce("kept", b"{", b"later", 0)
    assert producer.flush(30) == 0


def facts() -> dict[str, object]:
    store = boto3.client("s3")
    listed = store.list_objects_v2(Bucket="batches")["Contents"]
    serving = httpx.Client(base_url=os.environ["SWATHE_SERVING_URL"], timeout=30)
    models = serving.get("/api/models").raise_for_status().json()
    return {
        "objects": {each["Key"]: each["ETag"].strip('"') for each in listed},
        "models": models,
        "versions": versions(),
        "answers": [
            answers(serving, model, version)
            for model in ("kept", "kept-cumulative", "kept-sweep-cumulative")
            for version in (1, 2)
            if serving.get(f"/api/{model}/v{version}/cluster-stats").status_code == 200
        ],
    }


def versions() -> list[object]:
    tracking = httpx.Client(base_url=os.environ["MLFLOW_TRACKING_URI"], timeout=30)
    found = tracking.get("/api/2.0/mlflow/model-versions/search").raise_for_status().json()["model_versions"]
    return sorted(found, key=lambda version: (version["name"], int(version["version"])))


def answers(serving: httpx.Client, model: str, version: int) -> dict[str, object]:
    stream = "kept-sweep" if model.startswith("kept-sweep") else "kept"
    body = {"instances": ASKED[stream]}
    base = f"/api/{model}/v{version}"
    return {
        "model": model,
        "version": version,
        "asked": body,
        "predicted": serving.post(f"{base}/predict", json=body).raise_for_status().json(),
        "cluster_stats": serving.get(f"{base}/cluster-stats").raise_for_status().json(),
        "first_rows": serving.get(f"{base}/clustering-results", params={"limit": 5}).raise_for_status().json(),
    }


if __name__ == "__main__":
    main()
