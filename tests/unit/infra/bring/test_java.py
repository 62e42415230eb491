"""Java is the one of this machine if it is new enough; else a pinned one, checked, is brought whole or not at all."""

from __future__ import annotations

import io
import json
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from contract.errors import StopError
from infra.bring import java
from infra.progress import Progress

PLATFORMS = [f"{system}-{machine}" for system in ("linux", "darwin") for machine in ("x86_64", "aarch64")]


def script(home: Path, version: str) -> str:
    """Return a program that answers like a java of that version."""
    answer = f"java.home = {home}\\njava.specification.version = {version}\\n"
    return f'#!/bin/sh\n[ "$2" = -version ] && printf "    {answer}" >&2\n'


def install(home: Path, version: str) -> Path:
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "java").write_text(script(home, version))
    (home / "bin" / "java").chmod(0o755)
    return home


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """A server with an archive laid out like a JDK's, pinned for every platform."""
    served = tmp_path / "served"
    served.mkdir()
    program = script(Path("/brought"), "21").encode()
    with tarfile.open(served / "jdk.tar.gz", "w:gz") as tar:
        entry = tarfile.TarInfo("jdk-21/bin/java")
        entry.size, entry.mode = len(program), 0o755
        tar.addfile(entry, io.BytesIO(program))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(served)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    pin = {
        "url": f"http://127.0.0.1:{server.server_port}/jdk.tar.gz",
        "sha256": sha256((served / "jdk.tar.gz").read_bytes()).hexdigest(),
    }
    pinned = tmp_path / "pinned.json"
    pinned.write_text(json.dumps({"version": "21", **dict.fromkeys(PLATFORMS, pin)}))
    monkeypatch.setattr(java, "_PINNED", pinned)
    yield pin
    server.shutdown()
    server.server_close()


def test_the_one_in_java_home_comes_first_then_path(tmp_path: Path) -> None:
    first, second = install(tmp_path / "first", "17"), install(tmp_path / "second", "21")
    assert java.find(tmp_path, {"JAVA_HOME": str(first), "PATH": str(second / "bin")}) == first
    assert java.find(tmp_path, {"PATH": str(second / "bin")}) == second


@pytest.mark.parametrize("version", ["1.8", "11", "16"])
def test_one_that_is_too_old_is_passed_over(tmp_path: Path, version: str) -> None:
    old, new = install(tmp_path / "old", version), install(tmp_path / "new", "17")
    assert java.find(tmp_path, {"JAVA_HOME": str(old), "PATH": str(new / "bin")}) == new
    assert java.find(tmp_path, {"JAVA_HOME": str(old), "PATH": ""}) is None


def test_a_stub_that_only_says_where_to_get_one_is_none(tmp_path: Path) -> None:
    (tmp_path / "java").write_text("#!/bin/sh\necho 'Unable to locate a Java Runtime.' >&2\nexit 1\n")
    (tmp_path / "java").chmod(0o755)
    assert java.find(tmp_path, {"PATH": str(tmp_path)}) is None


def test_if_there_is_none_the_pinned_one_is_brought_and_found_again(
    archive: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    assert java.home(cache, Progress(), {}) == Path("/brought")
    assert [path.name for path in cache.iterdir()] == ["java-21"]
    assert java.find(cache, {}) == Path("/brought")


def test_one_that_is_not_what_was_pinned_is_refused_and_leaves_nothing(archive: dict[str, str], tmp_path: Path) -> None:
    pinned = json.loads((tmp_path / "pinned.json").read_text())
    for platform in PLATFORMS:
        pinned[platform]["sha256"] = "0" * 64
    (tmp_path / "pinned.json").write_text(json.dumps(pinned))
    with pytest.raises(StopError, match="is not what was pinned"):
        java.home(tmp_path / "cache", Progress(), {})
    assert list((tmp_path / "cache").iterdir()) == []


def test_one_that_cannot_be_had_says_what_to_do(archive: dict[str, str], tmp_path: Path) -> None:
    pinned = (tmp_path / "pinned.json").read_text()
    (tmp_path / "pinned.json").write_text(pinned.replace("jdk.tar.gz", "gone.tar.gz"))
    with pytest.raises(StopError, match="set JAVA_HOME"):
        java.home(tmp_path / "cache", Progress(), {})
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize("platform", PLATFORMS)
def test_one_is_pinned_for_every_platform(platform: str) -> None:
    pinned = json.loads(java._PINNED.read_text())
    release = pinned["version"].replace("+", "_")
    assert pinned[platform]["url"].endswith(f"{release}.tar.gz")
    assert len(pinned[platform]["sha256"]) == 64
