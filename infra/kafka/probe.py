"""Asking the broker whether it is well."""

from __future__ import annotations

import socket

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from contract.errors import ServiceDownError


def probe(address: str, timeout_s: float) -> None:
    """Return if the broker at ``address`` (``host:port``) answers a metadata request.

    Raises
    ------
    ServiceDownError: it does not, within ``timeout_s``.
    """
    host, _, port = address.rpartition(":")
    try:
        # librdkafka would go on trying a closed port until the timeout.
        socket.create_connection((host, int(port)), timeout=timeout_s).close()
    except OSError as error:
        raise ServiceDownError("kafka", address, error.strerror or str(error)) from error
    # log_level 0: a broker that is down is an answer here, not something to print about.
    client = AdminClient({"bootstrap.servers": address, "log_level": 0, "socket.timeout.ms": int(timeout_s * 1000)})
    try:
        brokers = client.list_topics(timeout=timeout_s).brokers
    except KafkaException as error:
        raise ServiceDownError("kafka", address, error.args[0].str()) from error
    if not brokers:
        raise ServiceDownError("kafka", address, "no broker in its metadata")
