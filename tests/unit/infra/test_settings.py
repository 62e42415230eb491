"""Settings that cannot be meant are refused by name; settings of running services are not changed under them."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from contract.errors import ConfigurationError
from infra import credentials, settings
from infra.bring.toolchain import Toolchain
from infra.layout import Layout
from infra.run import running_settings
from infra.service import Start
from infra.services.all import all_services


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in [name for name in os.environ if name.startswith("SWATHE_")]:
        monkeypatch.delenv(name)
    return monkeypatch


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SWATHE_PORT_KAKFA", "19092", "did you mean SWATHE_PORT_KAFKA?"),
        ("SWATHE_PORT_KAFKA", "kafka", "SWATHE_PORT_KAFKA='kafka'"),
        ("SWATHE_PORT_KAFKA", "80", "SWATHE_PORT_KAFKA='80'"),
        ("SWATHE_PORT_MINIO", "70000", "SWATHE_PORT_MINIO='70000'"),
        ("SWATHE_PORT_MINIO", "15000", "SWATHE_PORT_MINIO and SWATHE_PORT_MLFLOW are both 15000"),
        ("SWATHE_KAFKA_HEAP", "much", "SWATHE_KAFKA_HEAP='much'"),
        ("SWATHE_BUCKET", "No Bucket", "SWATHE_BUCKET='No Bucket'"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(environ: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    environ.setenv(name, value)
    with pytest.raises(ConfigurationError) as refused:
        settings.load()
    assert said in str(refused.value)


def test_directories_may_be_relative_or_of_the_home(environ: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environ.setenv("HOME", str(tmp_path))
    environ.setenv("SWATHE_CACHE", "~/elsewhere")
    environ.setenv("SWATHE_DATA", "here")
    loaded = settings.load()
    assert loaded.cache == tmp_path / "elsewhere"
    assert loaded.data == Path.cwd() / "here"


def test_settings_of_running_services_are_kept_and_differences_named(
    environ: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environ.setenv("SWATHE_DATA", str(tmp_path))
    environ.setenv("SWATHE_PORT_KAFKA", "29092")
    layout = Layout(tmp_path)
    running_settings.save(settings.load(), layout)

    environ.delenv("SWATHE_PORT_KAFKA")
    running = running_settings.load(layout)
    assert running.port_kafka == 29092
    running_settings.refuse_changes(running, settings.load())  # nothing was asked for, so nothing differs

    environ.setenv("SWATHE_PORT_KAFKA", "29093")
    with pytest.raises(ConfigurationError, match=r"SWATHE_PORT_KAFKA=29092 \(now set to 29093\)"):
        running_settings.refuse_changes(running, settings.load())


def test_settings_that_were_never_saved_name_the_command_that_starts(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="python -m infra up"):
        running_settings.load(Layout(tmp_path))


def test_a_stream_file_to_land_makes_a_member_of_the_group_a_service(
    environ: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environ.setenv("SWATHE_DATA", str(tmp_path))
    assert "land" not in {service.name for service in all_services(settings.load())}
    environ.setenv("SWATHE_LAND_STREAM", "streams/flights.yaml")
    asked = settings.load()
    [member] = [service for service in all_services(asked) if service.name == "land"]
    layout = Layout(tmp_path)
    tools = Toolchain(java_home=Path("/java"), kafka_jars=Path("/kafka"), spark_jars=(), minio=lambda: Path("/m"))
    start = Start(asked, layout, credentials.load_or_create(layout), tools, Path("/python"))
    command = member.prepare(start)
    assert command.argv[1:] == ("-m", "pipeline", "land", "--stream", str(Path.cwd() / "streams/flights.yaml"))
    assert "SWATHE_KAFKA_BOOTSTRAP_SERVERS" in command.environment

    environ.setenv("SWATHE_LAND_STREAM", "streams/none.yaml")
    with pytest.raises(ConfigurationError, match=r"none\.yaml is no stream file"):
        member.prepare(dataclasses.replace(start, settings=settings.load()))


def test_a_stream_file_to_watch_makes_the_trainer_a_service(environ: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environ.setenv("SWATHE_DATA", str(tmp_path))
    assert "watch" not in {service.name for service in all_services(settings.load())}
    environ.setenv("SWATHE_WATCH_STREAM", "streams/flights.yaml")
    asked = settings.load()
    [trainer] = [service for service in all_services(asked) if service.name == "watch"]
    layout = Layout(tmp_path)
    tools = Toolchain(
        java_home=Path("/java"), kafka_jars=Path("/kafka"), spark_jars=(Path("/a.jar"),), minio=lambda: Path("/m")
    )
    start = Start(asked, layout, credentials.load_or_create(layout), tools, Path("/python"))
    command = trainer.prepare(start)
    assert command.argv[1:] == ("-m", "pipeline", "watch", "--stream", str(Path.cwd() / "streams/flights.yaml"))
    assert command.environment["SWATHE_SPARK_JARS"] == "/a.jar" and "MLFLOW_TRACKING_URI" in command.environment

    environ.setenv("SWATHE_WATCH_STREAM", "streams/none.yaml")
    gone = dataclasses.replace(start, settings=settings.load())
    with pytest.raises(ConfigurationError, match=r"none\.yaml is no stream file"):
        trainer.prepare(gone)
