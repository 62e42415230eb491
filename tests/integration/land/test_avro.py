"""Records of other formats on a real broker, a real MinIO and a real schema registry, each landed once or rejected."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.avro import framed, written
from tests.line import Line, record, wait_for
from tests.schema_registry import RunningRegistry, running_registry
from tests.services import port_block

# The same static member takes its lanes back at once.
SAME_MEMBER = {"SWATHE_KAFKA_GROUP_INSTANCE_ID": "the-only-one"}


@dataclass
class FormatLine(Line):
    """A line whose stream file has one column more."""

    column: str = ""

    @property
    def file(self) -> Path:
        """The stream file."""
        path = super().file
        text = path.read_text().replace("columns:", f"columns:{self.column}")
        path.write_text(text)
        return path


def fields(*given: Any) -> list[dict[str, Any]]:
    return [{"name": name, "type": of} for name, of in given]


OLD = {"type": "record", "name": "Row", "fields": fields(("n", "int"), ("x", ["null", "double"]), ("s", "string"))}
AS_JSON = {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"}
NEW = {
    "type": "record", "name": "Row", "fields": fields(
        ("s", ["null", "string"]), ("n", "long"), ("x", "float"),
        ("more", {"type": "record", "name": "More", "fields": fields(("city", {"type": "map", "values": "string"}))}),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    with port_block() as ports, running_registry(ports[0], tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def line(services: dict[str, str], tmp_path: Path) -> FormatLine:
    return FormatLine(services, tmp_path)


def row(n: int) -> dict[str, Any]:
    return {"n": n, "x": n / 2, "s": f"row {n}", "more": {"city": {"name": f"city {n}"}}}


@pytest.mark.long
def test_lines_of_csv_land_once_whatever_kills_landing(line: FormatLine) -> None:
    line.records = "{format: csv, delimiter: ';'}"
    line.make_topic()
    line.send(
        value for n in range(250) for value in (b"%d;%.1f;row %d" % (n, n / 2, n), *([b"no;1"] if n == 7 else []))
    )
    code, said = line.run("land", "--exit-when-idle", "1s", SWATHE_FAULT="after-part:2", **SAME_MEMBER)
    assert code == -9, said
    line.land(**SAME_MEMBER)
    line.assert_proved(range(250))
    assert "column 'n': no is not a whole number" in line.rejects()[0]["reason"]


@pytest.mark.long
def test_avro_of_a_registry_lands_once_while_its_schema_changes(line: FormatLine, registry: RunningRegistry) -> None:
    line.records = f"{{format: avro, schema_registry: '{registry.url}'}}"
    line.column = "\n  city: {type: string, path: more.city.name}"
    old, new = registry.register(f"{line.name}-value", OLD), registry.register(f"{line.name}-other", NEW)
    tree = {"type": "record", "name": "Tree", "fields": fields(("n", "int"), ("next", ["null", "Tree"]))}
    recursive = registry.register(f"{line.name}-tree", tree)
    as_json = registry.register(f"{line.name}-json", AS_JSON, "JSON")
    line.make_topic()
    hostile = [
        record(1), b"", framed(999_999, b"\x02"), framed(2**31, b"\x02"), framed(old, b"\x02"),
        framed(recursive, b"\x02" * 900_000), framed(old, written(OLD, row(1)) + b"\0"), framed(as_json, record(1)),
    ]  # fmt: skip
    line.send(framed(old, written(OLD, row(n))) for n in range(150))
    line.send([*hostile, *(framed(new, written(NEW, row(n))) for n in range(150, 250))])
    code, said = line.run("land", "--exit-when-idle", "1s", SWATHE_FAULT="before-manifest:1", **SAME_MEMBER)
    assert code == -9, said
    line.land(**SAME_MEMBER)
    line.assert_proved(range(250))
    found = {each["n"]: each for each in line.rows()}
    assert (found[149]["city"], found[150]["city"]) == (None, "city 150")
    assert all(each["x"] == n / 2 and each["s"] == f"row {n}" for n, each in found.items())
    for reject, words in zip(
        sorted(line.rejects(), key=lambda reject: reject["_offset"]),
        [
            "unknown magic byte 0x7b", "empty", "does not know it", "counts its schemas", "ends in the middle",
            "recursive", "1 bytes are left", "has it as JSON",
        ],
        strict=True,
    ):  # fmt: skip
        assert words in reject["reason"]


@pytest.mark.long
def test_a_registry_that_does_not_answer_is_waited_for(line: FormatLine, registry: RunningRegistry) -> None:
    line.records = f"{{format: avro, schema_registry: '{registry.url}'}}"
    old, new = registry.register(f"{line.name}-value", OLD), registry.register(f"{line.name}-other", NEW)
    line.make_topic()
    line.send(framed(old, written(OLD, row(n))) for n in range(100))
    process = line.start("land", "--exit-when-idle", "4s")
    try:
        wait_for(line.manifests)
        registry.pause()
        line.send(framed(new, written(NEW, row(n))) for n in range(100, 200))
        wait_for(lambda: "landing waits for the schema registry" in line.log.read_text())
        registry.go_on()
        assert process.wait(60) == 0
    finally:
        registry.go_on()
        process.kill()
        process.wait()
    line.assert_proved(range(200))
    assert line.rejects() == []


@pytest.mark.long
def test_what_was_rejected_by_a_wrong_stream_file_comes_back(line: FormatLine, registry: RunningRegistry) -> None:
    number = registry.register(f"{line.name}-value", OLD)
    line.make_topic()
    line.max_share = 1.0
    line.send(framed(number, written(OLD, row(n))) for n in range(120))
    code, said = line.run("land", "--exit-when-idle", "1s", "--dlq")
    assert code == 3, said
    assert f"120 × the value begins with Confluent framing, schema id {number}" in said
    line.records = f"{{format: avro, schema_registry: '{registry.url}'}}"
    assert "landed 120 rows again" in line.run("rejects", "--land-again")[1]
    line.land()
    line.assert_proved(range(120))


@pytest.mark.long
def test_framed_json_and_avro_by_a_file_land(services: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "row.avsc").write_text(json.dumps(OLD))
    for records, values in (
        ("{format: json, schema_registry: 'http://127.0.0.1:9'}", [framed(7, record(n)) for n in range(120)]),
        ("{format: avro, schema_file: row.avsc}", [written(OLD, row(n)) for n in range(120)]),
    ):
        line = FormatLine(services, tmp_path, records=records)
        line.make_topic()
        line.send([*values, b"poison"])
        line.land()
        line.assert_proved(range(120))
        assert len(line.rejects()) == 1
