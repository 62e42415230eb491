"""What a page takes for granted: a topic that exists, a broker that asks for a password, another object store."""

from __future__ import annotations

import contextlib
import io
import json
import os
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager as Context
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import boto3
import fastavro

from tests.e2e.conftest import run_command
from tests.e2e.secured_broker import secured_broker
from tests.e2e.topics import fill
from tests.integration.infra.postgresql import PASSWORD, postgresql
from tests.integration.train.spark_cluster import spark_cluster
from tests.schema_registry import running_registry
from tests.services import ROOT, infra, port_block, settings_for


@dataclass(frozen=True)
class Line:
    """Where services are or will be: ``settings`` start and stop them. ``port`` is free."""

    settings: dict[str, str]
    port: int

    def up(self) -> dict[str, str]:
        """Start what does not run; return what `infra env` says."""
        infra("up", environ=self.settings)
        found: dict[str, str] = json.loads(infra("env", "--json", environ=self.settings).stdout)
        return found

    def demo(self, module: str) -> None:
        """Walk a demo, or what is new in it."""
        run_command((sys.executable, "-m", module), self.settings, ROOT)


@dataclass(frozen=True)
class Given:
    """``settings``: the environment of the reader. ``stands_for``: what the page says → what it is here."""

    settings: Mapping[str, str]
    stands_for: Mapping[str, str] = field(default_factory=dict)


_NUMBER: Final = {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}
_ADDRESS: Final = {"type": "record", "name": "Address", "fields": [{"name": "city", "type": "string"}]}
_CUSTOMER: Final = {"type": "record", "name": "Customer", "fields": [{"name": "address", "type": _ADDRESS}]}
PAYMENT: Final = {
    "type": "record",
    "name": "Payment",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "amount", "type": _NUMBER},
        {"name": "placed_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "customer", "type": _CUSTOMER},
    ],
}
_CLONED: Final = {
    "<this repository> swathe": f"-q {ROOT} swathe && ln -s {ROOT}/.venv swathe/.venv",
}


def mine() -> str:
    """Return the reader's own CSV: 1,200 rows in three heaps."""
    rows = (f"u{n},{(n % 3) * 100 + n % 7},{(n % 3) * 10 + n % 5}" for n in range(1_200))
    return "\n".join(["user,spent,visits", *rows, ""])


def clone(path: Path) -> Path:
    """Return a clone of the project that shares this one's Python environment."""
    subprocess.run(["git", "clone", "-q", os.fspath(ROOT), os.fspath(path)], check=True)
    (path / ".venv").symlink_to(ROOT / ".venv", target_is_directory=True)
    return path


@contextlib.contextmanager
def nothing(line: Line) -> Iterator[Given]:
    """Nothing but the project."""
    yield Given(line.settings, _CLONED)


@contextlib.contextmanager
def a_file(line: Line) -> Iterator[Given]:
    """The reader's own `mine.csv`, in the clone."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "mine.csv"
        path.write_text(mine())
        copied = {name: f"{cloned} && cp {path} swathe/" for name, cloned in _CLONED.items()}
        yield Given(line.settings, copied)


@contextlib.contextmanager
def both_demos(line: Line) -> Iterator[Given]:
    """The services, with what both demos leave there."""
    for module in ("infra.demo", "infra.demo.ratings"):
        line.demo(module)
    yield Given(line.settings)


@contextlib.contextmanager
def orders(line: Line) -> Iterator[Given]:
    """A topic `orders`, of a producer that knows nothing of this project."""
    fill(line.up(), "orders", [(order["order"].encode(), json.dumps(order).encode()) for order in _orders()])
    yield Given(line.settings)


def _orders() -> Iterator[dict[str, Any]]:
    for number in range(3_000):
        yield {
            "order": f"o-{number}",
            "placed": f"2024-03-{1 + number % 28:02d}T{number % 24:02d}:00:00Z",
            "amount": round(10 + number % 89 + number % 7 / 8, 2),
            "items": 1 + number % 9,
            "country": ("DE", "FR", "PL")[number % 3],
        }


@contextlib.contextmanager
def payments(line: Line) -> Iterator[Given]:
    """A topic `payments` of Avro, and the registry that has its schema."""
    with (
        tempfile.TemporaryDirectory() as directory,
        port_block() as ports,
        running_registry(ports[0], Path(directory)) as registry,
    ):
        framed = struct.pack(">bI", 0, registry.register("payments-value", PAYMENT))
        fill(line.up(), "payments", [(None, framed + _encoded(number)) for number in range(3_000)])
        yield Given(line.settings, {"http://127.0.0.1:8081": registry.url})


def _encoded(number: int) -> bytes:
    written = io.BytesIO()
    customer = {"address": {"city": ("Lyon", "Gdynia", "Bonn")[number % 3]}}
    placed = datetime(2024, 3, 1 + number % 28, number % 24, tzinfo=UTC)
    payment = {
        "id": number,
        "amount": Decimal(1_000 + number * 37 % 9_000) / 100,
        "placed_at": placed,
        "customer": customer,
    }
    fastavro.schemaless_writer(written, fastavro.parse_schema(PAYMENT), payment)
    return written.getvalue()


@contextlib.contextmanager
def a_cluster(line: Line) -> Iterator[Given]:
    """A Spark cluster, and the demo's first batch."""
    line.demo("infra.demo")
    with spark_cluster() as cluster:
        yield Given(line.settings, {"spark://host:7077": cluster.master})
        assert "Asked to launch executor" in cluster.log()


@contextlib.contextmanager
def a_database(line: Line) -> Iterator[Given]:
    """A PostgreSQL server, and services that are not there yet."""
    with tempfile.TemporaryDirectory() as directory, port_block() as ports, postgresql(ports[-1]) as where:
        login = f"swathe:{quote(PASSWORD, safe='')}"
        chosen = settings_for(Path(directory), ports)
        try:
            yield Given(chosen, {"user:password@host:5432/mlflow": f"{login}@{where}"})
            assert not [*Path(directory).rglob("mlflow.db")]
        finally:
            infra("down", environ=chosen, check=False)


@contextlib.contextmanager
def a_secured_broker(line: Line) -> Iterator[Given]:
    """A broker that speaks TLS and asks for a name and a password."""
    with secured_broker("swathe", "correct-horse") as broker:
        stands_for = {"broker.example:9093": broker.address, "/etc/ssl/certs/broker-ca.pem": str(broker.certificate)}
        yield Given(line.settings, stands_for)


@contextlib.contextmanager
def another_store(line: Line) -> Iterator[Given]:
    """A bucket that the services know nothing of, and a free port."""
    found = line.up()
    store = boto3.client(
        "s3",
        endpoint_url=found["AWS_ENDPOINT_URL_S3"],
        aws_access_key_id=found["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=found["AWS_SECRET_ACCESS_KEY"],
        region_name=found["AWS_DEFAULT_REGION"],
    )
    store.create_bucket(Bucket="lake")
    named = {
        "https://s3.example": found["AWS_ENDPOINT_URL_S3"],
        "a-key": found["AWS_ACCESS_KEY_ID"],
        "its-secret": found["AWS_SECRET_ACCESS_KEY"],
        "18001": str(line.port),
    }
    yield Given(line.settings, named)
    assert store.list_objects_v2(Bucket="lake", Prefix="elsewhere/")["KeyCount"] > 0


GIVEN: Final[Mapping[str, Callable[[Line], Context[Given]]]] = {
    "README.md": a_file,
    "docs/tutorial.md": nothing,
    "docs/serving.md": both_demos,
    "docs/howto/existing-topic.md": orders,
    "docs/howto/avro.md": payments,
    "docs/howto/several-partitions.md": nothing,
    "docs/howto/spark-cluster.md": a_cluster,
    "docs/howto/postgresql.md": a_database,
    "docs/howto/tls-and-sasl.md": a_secured_broker,
    "docs/howto/object-store.md": another_store,
}

NEEDS_NOTHING: Final = frozenset({"docs/trust.md"})
