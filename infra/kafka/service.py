"""One Kafka node, broker and controller at once (KRaft), on loopback."""

from __future__ import annotations

import subprocess
import uuid
from base64 import urlsafe_b64encode
from functools import partial
from pathlib import Path

from contract.errors import StopError
from infra.files import write_private
from infra.kafka.probe import probe
from infra.service import HOST, Command, Service, Start
from infra.settings import Settings

LOGGING = Path(__file__).with_name("log4j2.properties")


def service(settings: Settings) -> Service:
    """Return the broker as these settings describe it."""
    address = f"{HOST}:{settings.port_kafka}"
    return Service(
        name="kafka",
        title="Kafka broker",
        address=address,
        ports={
            "SWATHE_PORT_KAFKA": settings.port_kafka,
            "SWATHE_PORT_KAFKA_CONTROLLER": settings.port_kafka_controller,
        },
        probe=partial(probe, address),
        prepare=_prepare,
        stop_s=30,
    )


def properties(settings: Settings, directory: Path) -> dict[str, str]:
    """Return the broker's configuration; `compose.yaml` says the same for Docker users."""
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        # Static voters, so that the ports may change between two starts over the same data.
        "controller.quorum.voters": f"1@{HOST}:{settings.port_kafka_controller}",
        "listeners": f"BROKER://{HOST}:{settings.port_kafka},CONTROLLER://{HOST}:{settings.port_kafka_controller}",
        "advertised.listeners": f"BROKER://{HOST}:{settings.port_kafka}",
        "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "BROKER",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(directory),
        # A misspelt topic name must be an error, not a new topic with the wrong retention.
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": "1",
        "group.initial.rebalance.delay.ms": "0",
    }


def _prepare(start: Start) -> Command:
    home = start.layout.data / "kafka"
    home.mkdir(exist_ok=True)
    configuration = home / "server.properties"
    lines = (f"{key}={value}\n" for key, value in properties(start.settings, home / "log").items())
    write_private(configuration, "".join(lines).replace("\\", "\\\\"))
    java = (str(start.toolchain.java_home / "bin" / "java"), f"-Dlog4j2.configurationFile={LOGGING}")
    classes = ("-cp", str(start.toolchain.kafka_jars / "*"))
    if not (home / "log" / "meta.properties").exists():
        _format([*java, *classes, "kafka.tools.StorageTool", "format", "--config", str(configuration)])
    heap = f"-Xmx{start.settings.kafka_heap}", f"-Xms{start.settings.kafka_heap}"
    return Command((*java, *heap, "-XX:+ExitOnOutOfMemoryError", *classes, "kafka.Kafka", str(configuration)))


def make_cluster_id() -> str:
    """Return a random id in Kafka's own form, which never begins with a hyphen: that would be read as a flag."""
    while True:
        cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not cluster_id.startswith("-"):
            return cluster_id


def _format(argv: list[str]) -> None:
    # --ignore-formatted: a start that was killed between two files of the format goes on here.
    done = subprocess.run(
        [*argv, "--cluster-id", make_cluster_id(), "--ignore-formatted"], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise StopError(f"Kafka's storage could not be formatted: {(done.stderr or done.stdout).strip()[-1500:]}")
