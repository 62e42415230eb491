"""Quix Streams' S3 file sink, in an environment of its own that knows nothing of this project."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import uuid
from pathlib import Path

from quixstreams import Application  # type: ignore[import-not-found]
from quixstreams.sinks.community.file.formats import ParquetFormat  # type: ignore[import-not-found]
from quixstreams.sinks.community.file.s3 import S3FileSink  # type: ignore[import-not-found]


def main(stream_path: str, rows: int) -> None:
    """Sink all records of the stream's topic, a Parquet object for every ``rows``."""
    lines = Path(stream_path).read_text().splitlines()
    topic = next(line.split(" ")[1] for line in lines if line.startswith("topic:"))
    seen: list[float] = []
    count = 0

    class Timed(S3FileSink):  # type: ignore[misc]
        def add(self, *arguments: object, **named: object) -> None:
            nonlocal count
            count += 1
            if count == 1 or count % 1_000 == 0:
                seen.append(time.perf_counter())
            super().add(*arguments, **named)

        def flush(self) -> None:
            super().flush()
            seen.append(time.perf_counter())

    application = Application(
        broker_address=os.environ["SWATHE_KAFKA_BOOTSTRAP_SERVERS"],
        consumer_group=f"quix-{uuid.uuid4().hex}",
        auto_offset_reset="earliest",
        commit_every=rows,
        commit_interval=3600,
        loglevel="ERROR",
    )
    sink = Timed(
        bucket=os.environ.get("SWATHE_BUCKET") or "batches",
        region_name=os.environ.get("AWS_DEFAULT_REGION") or "us-east-1",
        endpoint_url=os.environ["AWS_ENDPOINT_URL_S3"],
        aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        directory=f"bench/{uuid.uuid4().hex}",
        format=ParquetFormat(compression="zstd"),
    )
    application.dataframe(application.topic(topic, value_deserializer="json")).sink(sink)
    application.run(timeout=5)
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(line for line in status if line.startswith("VmHWM:"))
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(
        json.dumps(
            {
                "records": count,
                "began": seen[0],
                "ended": seen[-1],
                "cpu_s": used.ru_utime + used.ru_stime,
                "peak_mb": int(peak.split()[1]) / 1024,
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[2], int(sys.argv[3]))
