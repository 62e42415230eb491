"""A broker that is not set up as ours is: it makes topics when it is asked about one, and takes short records only."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource  # type: ignore[attr-defined]

from contract.errors import ServiceDownError
from infra.bring.toolchain import bring
from infra.credentials import Credentials
from infra.kafka import probe
from infra.kafka import service as kafka
from infra.layout import Layout
from infra.progress import Progress
from infra.service import Start
from infra.settings import Settings
from tests.line import Line, wait_for
from tests.services import port_block

pytestmark = pytest.mark.long

LONGEST = 20_000


@pytest.fixture
def line(services: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    """A line on a broker of its own."""
    ours = kafka.properties
    more = {"auto.create.topics.enable": "true", "num.partitions": "3", "message.max.bytes": str(LONGEST)}
    monkeypatch.setattr(kafka, "properties", lambda *given: ours(*given) | more)
    with port_block() as (port, controller, *_):
        settings = Settings(data=tmp_path, port_kafka=port, port_kafka_controller=controller, kafka_heap="256m")
        toolchain = bring(settings, Progress())
        start = Start(settings, Layout(tmp_path), Credentials("", "", "", "", ""), toolchain, Path(sys.executable))
        command = kafka.service(settings).prepare(start)
        address = f"127.0.0.1:{port}"
        broker = subprocess.Popen(command.argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(lambda: _answers(address), within_s=90)
            yield Line({**services, "SWATHE_KAFKA_BOOTSTRAP_SERVERS": address}, tmp_path)
        finally:
            broker.kill()
            broker.wait()


def _answers(address: str) -> bool:
    try:
        probe.probe(address, 2)
    except ServiceDownError:
        return False
    return True


def test_only_replay_makes_topics_and_long_rows_are_named(line: Line) -> None:
    admin = AdminClient({"bootstrap.servers": line.services["SWATHE_KAFKA_BOOTSTRAP_SERVERS"]})
    for command in (("land", "--exit-when-idle", "1s"), ("verify", "--against-topic"), ("status",)):
        line.run(*command)
        time.sleep(0.5)
        assert line.name not in admin.list_topics(timeout=10).topics, command
    rows = [f"{n},{n / 2},{'long' * 5_000 if n == 3 else 'row'}" for n in range(10)]
    file = line.directory / "rows.csv"
    file.write_text("\n".join(["n,x,s", *rows, ""]))
    code, said = line.run("replay", "--file", str(file), "--partitions", "2")
    assert code == 1
    assert "rows.csv:5: as a record the row has 20," in said and "`max.message.bytes`" in said
    resource = ConfigResource(ConfigResource.Type.TOPIC, line.name)
    found = admin.describe_configs([resource])[resource].result()
    assert found["retention.ms"].value == "-1"
    code, said = line.run("replay", "--file", str(file), "--skip-bad")
    assert code == 0 and "sent 6 rows" in said and "skipped 1 rows" in said
    code, said = line.run("replay", "--file", str(file), "--partitions", "3")
    assert code == 1 and f"--partitions 3: topic {line.name!r} is there, and has 2" in said
    line.send([b"poison" * 3_290])
    line.land("--dlq")
    line.assert_proved([n for n in range(10) if n != 3])
    said = line.land("--from", "latest")
    assert "--from is not used" in said
