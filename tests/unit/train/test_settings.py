"""What is told of a tracking server or a Java that cannot be meant, before anything is begun."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import ConfigurationError
from pipeline.train.settings import spark_settings, tracking_settings


@pytest.mark.parametrize("uri", ["127.0.0.1:5000", "localhost:5000", "sqlite:///mlflow.db", "./mlruns", "http://"])
def test_what_is_no_server_is_refused_with_its_value(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(ConfigurationError, match="is no http") as refused:
        tracking_settings()
    assert uri in str(refused.value)
    assert (f"did you mean http://{uri}?" in str(refused.value)) == uri.endswith(":5000")


@pytest.fixture
def jars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "s3a.jar").touch()
    monkeypatch.setenv("SWATHE_SPARK_JARS", str(tmp_path / "s3a.jar"))


def java_home(directory: Path, version: str) -> str:
    (directory / "bin").mkdir(parents=True)
    (directory / "bin" / "java").write_text("#!/bin/sh\n")
    (directory / "bin" / "java").chmod(0o755)
    (directory / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return str(directory)


@pytest.mark.usefixtures("jars")
def test_a_java_that_is_not_there_or_too_old_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "gone"))
    with pytest.raises(ConfigurationError, match="gone holds no bin/java"):
        spark_settings()
    for number, (version, said) in enumerate([("1.8.0_391", "is Java 8"), ("11.0.2", "is Java 11")]):
        monkeypatch.setenv("JAVA_HOME", java_home(tmp_path / str(number), version))
        with pytest.raises(ConfigurationError, match=said):
            spark_settings()
    monkeypatch.setenv("JAVA_HOME", java_home(tmp_path / "new", "25.0.1"))
    assert spark_settings().memory
    monkeypatch.setenv("JAVA_HOME", "")
    # Found by the link on PATH: of Java 8, whose `java` may be that of its `jre`.
    for number, (home, version) in enumerate([("jdk11", "11.0.2"), ("jdk8/jre", "1.8.0_391")]):
        java_home(tmp_path / home, version)
        if home.endswith("/jre"):
            (tmp_path / home / "release").rename(tmp_path / "jdk8" / "release")
        links = tmp_path / f"links{number}"
        links.mkdir()
        (links / "java").symlink_to(tmp_path / home / "bin" / "java")
        monkeypatch.setenv("PATH", str(links))
        with pytest.raises(ConfigurationError, match=rf"{links}/java on PATH is Java (11|8)"):
            spark_settings()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="no java on PATH"):
        spark_settings()
