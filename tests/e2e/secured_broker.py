"""A Kafka broker that speaks TLS with a certificate of its own and asks for a name and a password."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contract.errors import ServiceDownError
from infra.bring import toolchain
from infra.kafka.probe import probe
from infra.kafka.service import make_cluster_id, properties
from infra.progress import Progress
from infra.settings import Settings
from tests.services import port_block

_UP_S: Final = 90.0
_MODULE: Final = "org.apache.kafka.common.security.plain.PlainLoginModule"


@dataclass(frozen=True)
class SecuredBroker:
    """``address`` asks for the password; ``certificate`` is who vouches for it."""

    address: str
    certificate: Path


@contextlib.contextmanager
def secured_broker(user: str, password: str) -> Iterator[SecuredBroker]:
    """Give a running broker, which ends with the block."""
    with tempfile.TemporaryDirectory(prefix="secured-broker-") as name, port_block() as ports:
        directory = Path(name)
        settings = Settings(port_kafka=ports[0], port_kafka_controller=ports[1], data=directory)
        certificate = _certificate(directory)
        told = _secured(properties(settings, directory / "log"), ports, directory / "pair.pem", user, password)
        configuration = directory / "server.properties"
        configuration.write_text("".join(f"{key}={value}\n" for key, value in told.items()))
        tools = toolchain.bring(settings, Progress())
        java = [str(tools.java_home / "bin" / "java"), "-Xmx256m", "-cp", str(tools.kafka_jars / "*")]
        formatting = [*java, "kafka.tools.StorageTool", "format", "--config", str(configuration)]
        subprocess.run([*formatting, "--cluster-id", make_cluster_id()], check=True, capture_output=True)
        with (directory / "broker.log").open("wb") as log:
            broker = subprocess.Popen([*java, "kafka.Kafka", str(configuration)], stdout=log, stderr=subprocess.STDOUT)
        try:
            _await(f"127.0.0.1:{ports[0]}", broker, directory / "broker.log")
            yield SecuredBroker(f"localhost:{ports[2]}", certificate)
        finally:
            broker.terminate()
            broker.wait(30)


def _certificate(directory: Path) -> Path:
    """Make `pair.pem`, the key with its certificate, and return the certificate alone."""
    key, certificate = directory / "key.pem", directory / "ca.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    named = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*made, *named], check=True, capture_output=True)
    (directory / "pair.pem").write_text(key.read_text() + certificate.read_text())
    return certificate


def _secured(plain: dict[str, str], ports: list[int], pair: Path, user: str, password: str) -> dict[str, str]:
    """Return the configuration of a broker with one more listener."""
    listener = "listener.name.client"
    return plain | {
        "listeners": f"{plain['listeners']},CLIENT://127.0.0.1:{ports[2]}",
        "advertised.listeners": f"{plain['advertised.listeners']},CLIENT://localhost:{ports[2]}",
        "listener.security.protocol.map": f"{plain['listener.security.protocol.map']},CLIENT:SASL_SSL",
        f"{listener}.sasl.enabled.mechanisms": "PLAIN",
        f"{listener}.plain.sasl.jaas.config": f'{_MODULE} required user_{user}="{password}";',
        f"{listener}.ssl.keystore.type": "PEM",
        f"{listener}.ssl.keystore.location": str(pair),
    }


def _await(address: str, broker: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _UP_S
    while True:
        try:
            return probe(address, 5)
        except ServiceDownError:
            assert broker.poll() is None and time.monotonic() < deadline, log.read_text()[-4000:]
            time.sleep(0.5)
