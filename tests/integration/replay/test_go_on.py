"""A file that was mended, grew or was copied, and a topic that expired: no row is sent twice."""

from __future__ import annotations

import gzip
import signal
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
)

from contract.errors import SwatheError
from contract.origin import HEADER
from pipeline.replay.command import replay
from pipeline.replay.place import fingerprint
from tests.line import Line, record


@pytest.fixture
def line(services_environment: dict[str, str], tmp_path: Path) -> Line:
    return Line(services_environment, tmp_path)


def _send(line: Line, file: Path, *arguments: str) -> str:
    """Replay in this process; return what was said, or the error."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        result = CliRunner().invoke(replay, ["--stream", str(line.file), "--file", str(file), *arguments])
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if result.exception is not None and not isinstance(result.exception, SwatheError | SystemExit):
        raise result.exception
    return result.output + (str(result.exception) if isinstance(result.exception, SwatheError) else "")


def _write(path: Path, numbers: Iterable[int], **changed: str) -> Path:
    rows = [changed.get(f"row{n}", f"{n},{n / 2},row {n}") for n in numbers]
    text = "\n".join(["n,x,s", *rows, ""])
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def _keys(line: Line) -> Counter[bytes]:
    """Count the records of the topic by their key, the row's number."""
    with line.group_member("look") as consumer:
        partitions = consumer.list_topics(line.name, timeout=10).topics[line.name].partitions
        found: Counter[bytes] = Counter()
        for number in partitions:
            low, high = consumer.get_watermark_offsets(TopicPartition(line.name, number), timeout=10)
            consumer.assign([TopicPartition(line.name, number, low)])
            left = high - low
            while left:
                messages = consumer.consume(left, 1.0)
                left -= len(messages)
                found.update(message.key() or b"" for message in messages)
        return found


def _once(numbers: Iterable[int]) -> Counter[bytes]:
    return Counter(str(n).encode() for n in numbers)


@pytest.mark.parametrize("partitions", ["1", "3"])
def test_a_file_that_was_mended_grew_or_was_copied_is_gone_on_with(line: Line, tmp_path: Path, partitions: str) -> None:
    file = _write(tmp_path / "rows.csv", range(100), row60="60,30.0x,row 60")
    said = _send(line, file, "--partitions", partitions)
    assert "sent 60 rows" in said and "rows.csv:62: column 'x': unreadable cell '30.0x'" in said
    assert "sent 40 rows" in _send(line, _write(file, range(100)))
    assert "sent 10 rows" in _send(line, _write(file, range(110)))
    (tmp_path / "elsewhere").mkdir()
    said = _send(line, _write(tmp_path / "elsewhere" / "other.csv.gz", range(115)))
    assert "sent 5 rows" in said and "110 were there already" in said
    # The newest record is the copy's now, and the first file still goes on behind it.
    assert "sent 5 rows" in _send(line, _write(file, range(120)))
    assert _keys(line) == _once(range(120))


def test_a_changed_beginning_is_refused_with_its_line_and_nothing_is_sent(line: Line, tmp_path: Path) -> None:
    file = _write(tmp_path / "rows.csv", range(50))
    assert "sent 50 rows" in _send(line, file, "--partitions", "3")
    said = _send(line, _write(file, range(50), row31="31,15.6,row 31"))
    assert f"{file}:33: row 31 (from 0) is not what was sent" in said
    said = _send(line, _write(file, range(60), row0="0,1.0,row 0"))
    assert f"{file}:2: row 0 (from 0) is not what was sent" in said
    said = _send(line, _write(file, range(40)))
    assert "the file ends before row 40" in said and "--again" in said
    assert _keys(line) == _once(range(50))
    assert "sent 40 rows" in _send(line, file, "--again")
    # What was sent last counts.
    assert "sent 0 rows" in _send(line, file)


def test_a_row_that_was_skipped_and_mended_since_is_told(line: Line, tmp_path: Path) -> None:
    file = _write(tmp_path / "rows.csv", range(50), row20="20,?,row 20")
    assert "sent 49 rows" in _send(line, file, "--skip-bad")
    assert "sent 0 rows" in _send(line, file, "--skip-bad")
    assert f"{file}:22: row 20 (from 0) is not what was sent" in _send(line, _write(file, range(50)))


def test_a_row_beyond_what_the_topic_takes_is_named_and_can_be_left_out(line: Line, tmp_path: Path) -> None:
    line.max_record_bytes = "2MB"
    file = _write(tmp_path / "rows.csv", range(10), row4=f"4,2.0,{'long' * 300_000}")
    said = _send(line, file, "--partitions", "2")
    assert f"{file}:6: as a record the row has 1,200," in said
    assert f"topic {line.name!r} takes 1,048,588: raise its `max.message.bytes`" in said
    said = _send(line, file, "--skip-bad")
    assert "sent 5 rows" in said and "skipped 1 rows" in said
    assert "sent 2 rows" in _send(line, _write(file, range(12), row4=f"4,2.0,{'long' * 300_000}"), "--skip-bad")
    assert "--partitions 3: topic" in _send(line, file, "--partitions", "3")
    admin = AdminClient({"bootstrap.servers": line.services["SWATHE_KAFKA_BOOTSTRAP_SERVERS"]})
    change = ConfigEntry("max.message.bytes", "2000000", incremental_operation=AlterConfigOpType.SET)
    topic = ConfigResource(ConfigResource.Type.TOPIC, line.name, incremental_configs=[change])
    admin.incremental_alter_configs([topic])[topic].result(10)
    said = _send(line, file, "--skip-bad")
    assert f"{file}:6: row 4 (from 0) is not what was sent" in said and "can be sent now" in said
    assert _keys(line) == _once(n for n in range(12) if n != 4)


def test_a_topic_half_filled_by_an_earlier_replay_goes_on(line: Line, tmp_path: Path) -> None:
    file = _write(tmp_path / "rows.csv", range(50))
    line.make_topic(partitions=2)
    producer = Producer({"bootstrap.servers": line.services["SWATHE_KAFKA_BOOTSTRAP_SERVERS"]})
    # As today's replay wrote them; partition 1 is further than partition 0.
    for n in [*range(0, 20, 2), *range(1, 30, 2)]:
        header = f"{fingerprint(file)} {n} 2".encode()
        producer.produce(line.name, record(n), str(n).encode(), n % 2, headers=[(HEADER, header)])
    for header in (b"", b"2 x", b"\xff", f"{fingerprint(file)} 1e9 2".encode()):
        producer.produce(line.name, record(0), b"foreign", 0, headers=[(HEADER, header)])
    assert producer.flush(30) == 0
    said = _send(line, file)
    assert "sent 25 rows" in said and "25 were there already" in said
    assert "sent 10 rows" in _send(line, _write(file, range(60)))
    assert _keys(line) == _once(range(60)) + Counter({b"foreign": 4})


def test_a_file_that_stopped_an_earlier_replay_and_was_mended_goes_on(line: Line, tmp_path: Path) -> None:
    file = _write(tmp_path / "rows.csv", range(50), row30="30,?,row 30")
    line.make_topic(partitions=2)
    producer = Producer({"bootstrap.servers": line.services["SWATHE_KAFKA_BOOTSTRAP_SERVERS"]})
    columns = ("n", "x", "s")
    for n in range(30):
        value = orjson.dumps(dict(zip(columns, (n, n / 2, f"row {n}"), strict=True)))
        header = f"{fingerprint(file)} {n} 2".encode()
        producer.produce(line.name, value, str(n).encode(), n % 2, headers=[(HEADER, header)])
    assert producer.flush(30) == 0
    assert "sent 20 rows" in _send(line, _write(file, range(50)))
    other = _write(tmp_path / "other.csv", range(50), row7="7,0.0,row 7")
    assert "sent 50 rows" in _send(line, other)
    assert _keys(line) == _once(range(50)) + _once(range(50))


def test_what_landed_is_not_sent_again_when_the_topic_has_lost_it(
    line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = _write(tmp_path / "a.csv", range(40)), _write(tmp_path / "b.csv", range(100, 130))
    _send(line, first, "--partitions", "2", "--limit", "20")
    _send(line, second)
    _send(line, first)
    line.cut = "{rows: 50}"
    line.land()
    parts = [part for manifest in line.manifests() for part in manifest.parts]
    assert len({header.split()[1] for part in parts for header in part.sources}) == 2
    assert all(part.sources_seen == len(part.sources) for part in parts)
    for partition in (0, 1):
        line.delete_records_before(-1, partition)
    for file in (first, second, _write(tmp_path / "copy.csv", range(40))):
        assert "sent 0 rows" in _send(line, file)
    said = _send(line, _write(first, range(40), row10="10,5.5,row 10"))
    assert f"{first}:2: one of the rows 0 to 38 (from 0) is not what was sent" in said
    assert "sent 4 rows" in _send(line, _write(first, range(44)))
    line.land()
    line.assert_proved([*range(44), *range(100, 130)])
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3")
    assert "sent 30 rows" in _send(line, second)
