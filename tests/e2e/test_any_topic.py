"""Topics that exist, from `describe` to the routes, by what it wrote and no word more."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.cells import readers
from tests.e2e import topics
from tests.e2e.data_files import bring
from tests.e2e.newcomer import Newcomer, own_name, prediction_server
from tests.e2e.topics import Record
from tests.schema_registry import running_registry
from tests.services import port_block

QUAKES, PLANTS = "earthquakes.json", "OPSD_conventional_power_plants_DE.csv"

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


def _walk(
    services: Mapping[str, str], directory: Path, topic: str, records: Sequence[Record], *described: str
) -> Newcomer:
    """Fill the topic, and describe it."""
    topics.fill(services, topic, records)
    return Newcomer.describing(services, directory, "--topic", topic, *described)


def _ask(newcomer: Newcomer, first: object) -> None:
    """Ask the routes for the row of which ``first`` is the record, or what holds its row, or its cells in order."""
    columns = newcomer.stream.value_columns
    if isinstance(first, list):
        read = readers(newcomer.stream)
        row: dict[str, Any] = {name: read[name](cell) for name, cell in zip(columns, first, strict=True)}
    else:
        row = {name: column.path_in_value(name).of(first) for name, column in columns.items()}
    with prediction_server(newcomer.services, newcomer.directory, [newcomer.model]) as server:
        newcomer.asked(server, row)


def test_nested_json(services: dict[str, str], tmp_path: Path) -> None:
    found = topics.features(bring() / QUAKES)
    newcomer = _walk(services, tmp_path, own_name("quakes-json"), topics.nested(bring() / QUAKES))
    columns = newcomer.stream.columns
    assert {column.path for column in columns.values()} >= {"properties.mag", "geometry.coordinates[2]"}
    newcomer.landed(len(found))
    newcomer.mlflow_run()
    _ask(newcomer, found[0])


def test_csv_lines(services: dict[str, str], tmp_path: Path) -> None:
    lines = topics.csv_lines(bring() / PLANTS)
    newcomer = _walk(services, tmp_path, own_name("plants-csv"), [(None, line) for line in lines], "--format", "csv")
    assert newcomer.stream.records.format == "csv"
    newcomer.landed(len(lines))
    newcomer.mlflow_run()
    _ask(newcomer, next(csv.reader([lines[0].decode()])))


def test_change_events_with_tombstones(services: dict[str, str], tmp_path: Path) -> None:
    records = topics.change_events(bring() / PLANTS)
    events = [json.loads(value)["payload"] for _, value in records if value is not None]
    rows = [event["after"] for event in events if event["op"] in {"c", "u"}]
    newcomer = _walk(services, tmp_path, own_name("plants-changes"), records)
    assert newcomer.stream.records.envelope == "debezium" and newcomer.stream.records.tombstones == "skip"
    said = newcomer.landed(len(rows))
    assert f"skipped {len(records) - len(rows):,}" in said
    newcomer.mlflow_run()
    _ask(newcomer, rows[0])


def test_avro_with_a_registry(services: dict[str, str], tmp_path: Path) -> None:
    with port_block() as ports, running_registry(ports[0], tmp_path) as registry:
        records = topics.avro(bring() / QUAKES, topic := own_name("quakes-avro"), registry)
        more = ("--format", "avro", "--schema-registry", registry.url)
        newcomer = _walk(services, tmp_path, topic, records, *more)
        assert newcomer.stream.columns["place_words"].path == "place.words"
        newcomer.landed(len(records))
    newcomer.mlflow_run()
    _ask(newcomer, next(topics.quakes(topics.features(bring() / QUAKES))))
