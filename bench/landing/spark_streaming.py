"""Spark Structured Streaming from the topic to Parquet on s3a, in an environment of its own.

In the form of Spark's documentation: `python spark_streaming.py spark STREAM ROWS JAR[,JAR …]`.
"""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql.functions import col, from_json


def main(stream_path: str, rows: int, jars: str) -> None:
    """Write all records of the stream's topic, a micro-batch for every ``rows``."""
    lines = Path(stream_path).read_text().splitlines()
    topic = next(line.split(" ")[1] for line in lines if line.startswith("topic:"))
    spark = (
        SparkSession.builder.appName("streaming")
        .config("spark.jars", ",".join([os.environ["SWATHE_SPARK_JARS"], jars]))
        .config("spark.hadoop.fs.s3a.endpoint", os.environ["AWS_ENDPOINT_URL_S3"])
        .config("spark.hadoop.fs.s3a.endpoint.region", os.environ["AWS_DEFAULT_REGION"])
        .config("spark.hadoop.fs.s3a.access.key", os.environ["AWS_ACCESS_KEY_ID"])
        .config("spark.hadoop.fs.s3a.secret.key", os.environ["AWS_SECRET_ACCESS_KEY"])
        .config("spark.hadoop.fs.s3a.path.style.access", "true")
        .config("spark.hadoop.fs.s3a.connection.ssl.enabled", "false")
        .config("spark.sql.parquet.compression.codec", "zstd")
        .getOrCreate()
    )
    bucket, folder = os.environ.get("SWATHE_BUCKET") or "batches", f"bench/{uuid.uuid4().hex}"
    records = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", os.environ["SWATHE_KAFKA_BOOTSTRAP_SERVERS"])
        .option("subscribe", topic)
        .option("startingOffsets", "earliest")
        .option("maxOffsetsPerTrigger", rows)
        .load()
    )
    began = time.perf_counter()
    query = (
        records.select(from_json(col("value").cast("string"), _schema(lines)).alias("row"))
        .select("row.*")
        .writeStream.format("parquet")
        .option("path", f"s3a://{bucket}/{folder}/rows")
        .option("checkpointLocation", f"s3a://{bucket}/{folder}/checkpoint")
        .trigger(availableNow=True)
        .start()
    )
    query.awaitTermination()
    ended = time.perf_counter()
    count = sum(progress["numInputRows"] for progress in query.recentProgress)
    spark.stop()
    print(json.dumps({"records": count, "began": began, "ended": ended, "cpu_s": 0.0, "peak_mb": 0.0}))


def _schema(lines: list[str]) -> str:
    """Return the columns of the stream file as Spark writes a schema."""
    types = {"int32": "INT", "string": "STRING", "timestamp": "TIMESTAMP"}
    columns = lines[lines.index("columns:") + 1 :]
    told = [line.strip().partition(": {type: ") for line in columns if line.startswith("  ") and "{type: " in line]
    return ", ".join(f"{name} {types[rest.rstrip('}').partition(',')[0]]}" for name, _, rest in told)


if __name__ == "__main__":
    main(sys.argv[2], int(sys.argv[3]), sys.argv[4])
