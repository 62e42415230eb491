"""A record, an object and a run, left in the services before they are killed and looked for afterwards."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

import boto3
import requests
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

_TIMEOUT_S = 20


def leave(environ: Mapping[str, str]) -> str:
    """Leave one of each, acknowledged, and return the word that they hold."""
    word = f"left-{uuid.uuid4().hex}"
    brokers = environ["SWATHE_KAFKA_BOOTSTRAP_SERVERS"]
    admin = AdminClient({"bootstrap.servers": brokers})
    admin.create_topics([NewTopic(word, 1, 1)])[word].result(_TIMEOUT_S)
    producer = Producer({"bootstrap.servers": brokers, "acks": "all"})
    producer.produce(word, word)
    assert producer.flush(_TIMEOUT_S) == 0
    _s3(environ).put_object(Bucket=environ["SWATHE_BUCKET"], Key=word, Body=word.encode(), IfNoneMatch="*")
    _mlflow(environ, "experiments/create", {"name": word})
    return word


def assert_found(environ: Mapping[str, str], word: str) -> None:
    """Assert that the record, the object and the experiment are as they were left."""
    consumer = Consumer({"bootstrap.servers": environ["SWATHE_KAFKA_BOOTSTRAP_SERVERS"], "group.id": word})
    consumer.assign([TopicPartition(word, 0, 0)])
    message = consumer.poll(_TIMEOUT_S)
    consumer.close()
    assert message is not None
    assert message.value() == word.encode()
    read = _s3(environ).get_object(Bucket=environ["SWATHE_BUCKET"], Key=word)
    assert read["Body"].read() == word.encode()
    found = _mlflow(environ, "experiments/search", {"max_results": 1, "filter": f"name = '{word}'"})
    assert [each["name"] for each in found["experiments"]] == [word]


def _s3(environ: Mapping[str, str]):  # type: ignore[no-untyped-def]
    return boto3.client(
        "s3",
        endpoint_url=environ["AWS_ENDPOINT_URL_S3"],
        region_name=environ["AWS_DEFAULT_REGION"],
        aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
    )


def _mlflow(environ: Mapping[str, str], path: str, body: Mapping[str, object]) -> dict[str, list[dict[str, str]]]:
    url = f"{environ['MLFLOW_TRACKING_URI']}/api/2.0/mlflow/{path}"
    answer = requests.post(url, json=body, timeout=_TIMEOUT_S)
    answer.raise_for_status()
    found: dict[str, list[dict[str, str]]] = answer.json()
    return found
