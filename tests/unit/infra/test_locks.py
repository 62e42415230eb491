"""Files that are made from one another agree."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from contract.errors import ConfigurationError
from infra.bring import conda, jars, source_package
from infra.bring import minio as binary
from infra.progress import Progress
from infra.settings import ROOT

REQUIREMENTS = ROOT / "requirements"


def pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9][a-z0-9.-]*)==([^ ;\\]+)(?: ;[^\\]*)? \\$", lock.read_text(), re.MULTILINE))


def test_conda_yaml_is_what_the_lock_says() -> None:
    assert conda.TARGET.read_text() == conda.render(conda.LOCK.read_text()), "run `make conda`"


def test_conda_yaml_leaves_out_hashes_and_keeps_markers() -> None:
    lock = """\
a==1 \\
    --hash=sha256:00 \\
    --hash=sha256:11
    # via b
b==2 ; sys_platform == 'win32' \\
    --hash=sha256:22
"""
    assert conda.pinned_requirements(lock) == ["a==1", "b==2; sys_platform == 'win32'"]


@pytest.mark.parametrize(
    "name", ["base", "setup", "dev", "uv", "go", "data-files", *(f"sources/{name}" for name in source_package.locked())]
)
def test_every_requirement_is_locked_with_a_hash_and_no_host(name: str) -> None:
    listed = re.findall(r"^([a-z0-9][a-z0-9-]*)", (REQUIREMENTS / f"{name}.in").read_text(), re.MULTILINE)
    lock = (REQUIREMENTS / f"{name}.txt").read_text()
    entries = re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE)[1:]
    assert entries
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert set(listed) <= {re.match(r"[a-z0-9.-]+", entry)[0] for entry in entries}  # type: ignore[index]
    assert "://" not in lock


def test_a_package_of_data_is_locked_alone_and_no_setup_brings_it() -> None:
    locked = source_package.locked()
    assert locked == sorted(listed.stem for listed in source_package.LOCKS.glob("*.in"))
    assert "recbole" in locked
    for name in locked:
        assert list(pins(source_package.LOCKS / f"{name}.txt")) == [name]
        assert name not in pins(REQUIREMENTS / "dev.txt")


def test_a_package_without_a_lock_is_not_installed() -> None:
    for name in ("torch", "../base", ""):
        with pytest.raises(ConfigurationError, match=rf"no lock for package '{name}' \(only for recbole\): install it"):
            source_package.install(name, Progress())


def test_tests_run_on_the_versions_that_the_line_runs_on() -> None:
    base, dev = pins(REQUIREMENTS / "base.txt"), pins(REQUIREMENTS / "dev.txt")
    assert base
    assert {name: dev.get(name) for name in base} == base


def test_one_uv() -> None:
    assert pins(REQUIREMENTS / "uv.txt")["uv"] == pins(REQUIREMENTS / "base.txt")["uv"]


@pytest.mark.parametrize("part", ["kafka", "spark"])
def test_every_listed_jar_is_locked_and_nothing_that_was_left_out(part: str) -> None:
    listed = [line for line in (ROOT / "infra" / part / "jars.in").read_text().splitlines() if line]
    locked = jars.read_lock(ROOT / "infra" / part / "jars.lock")
    coordinates = [jar.coordinate for jar in locked]
    assert {line for line in listed if line[0] not in "#-"} <= set(coordinates)
    left_out = [line[1:].rstrip("*") for line in listed if line[0] == "-"]
    assert [each for each in coordinates if any(each.startswith(f"{name}") for name in left_out)] == []
    assert all(re.fullmatch(r"[0-9a-f]{64}", jar.sha256) for jar in locked)
    assert len({jar.filename for jar in locked}) == len(locked)


def test_the_docker_image_of_minio_builds_the_same_source() -> None:
    assert f"minio@{binary.VERSION}\n" in (ROOT / "infra" / "minio" / "Dockerfile").read_text()
