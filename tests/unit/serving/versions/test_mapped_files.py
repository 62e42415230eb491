"""Files that a kind maps: they go to the disk as they come, are checked, and are given to the kind as paths."""

from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from contract.tracking import TrackingServer
from serving.kinds.kind import ArtifactFile, ArtifactFiles, Kind
from serving.versions.cache import LocalCache
from serving.versions.catalogue import Version
from serving.versions.pickup import Pickup
from serving.versions.registry import Registry
from tests.memory_tracking import MemoryTracking, answer
from tests.tracking import Tracking

NUMBERS, NOTE, MAYBE = "swathe/numbers.bin", "swathe/note.txt", "swathe/maybe.bin"
MOST = 64 * 2**20
FILES = {NOTE: b"hello", NUMBERS: bytes(range(256)) * 100}


def kept_paths(bodies: ArtifactFiles) -> Any:
    """Stand for a loaded version: what it was given."""
    return SimpleNamespace(note=bodies[NOTE], paths=dict(bodies.paths), read=set(bodies))


KIND = cast(
    "Kind",
    SimpleNamespace(
        name="mapper",
        files=(
            ArtifactFile(NOTE, 100),
            ArtifactFile(NUMBERS, MOST, is_mapped=True),
            ArtifactFile(MAYBE, MOST, is_optional=True, is_mapped=True),
        ),
        load=kept_paths,
    ),
)


class Line:
    """A registry in memory with one model, whose version has a mapped file."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.memory = directory, MemoryTracking()
        self.tracking = Tracking("http://memory", self.memory)
        self.tracking.model("m")
        self.pickup = self.restarted()

    def restarted(self) -> Pickup:
        cache = LocalCache(self.directory)
        cache.prepare()
        registry = Registry(TrackingServer("http://memory"), transport=self.memory)
        self.pickup = Pickup(registry, cache, {"mapper": KIND}, models=(), poll_s=1, grace_s=60)
        return self.pickup

    def register(self, numbers: Callable[[], httpx.Response] | None = None) -> None:
        """Make the next version and look; its file of numbers answers with ``numbers``."""
        self.memory.before = lambda _url: None
        self.tracking.version("m", FILES, {"kind": "mapper"})
        if numbers is not None:
            self.memory.before = lambda url: numbers() if url.endswith("numbers.bin") else None
        while self.pickup.look():
            pass

    @property
    def version(self) -> Version:
        return self.pickup.catalogue.models["m"].versions[1]

    @property
    def state(self) -> str:
        return self.version.state

    @property
    def served(self) -> Any:
        return self.version.required_numbers().served

    def objects(self) -> list[str]:
        return sorted(path.name for path in (self.directory / "objects").iterdir())


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path)


def test_a_kind_is_given_the_path_of_a_checked_copy(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        # What was hashed as it came is not read again to be.
        patched.setattr(hashlib, "file_digest", None)
        line.register()
    path = line.served.paths[NUMBERS]
    assert path.read_bytes() == FILES[NUMBERS] and path.parent == line.directory / "objects"
    assert line.served.read == {NOTE} and MAYBE not in line.served.paths
    digests = line.version.required_numbers().digests
    assert digests.keys() == {NOTE, NUMBERS} and digests[NUMBERS] == path.name
    # With the registry down, another process serves the same copy.
    line.memory.before = lambda _url: answer(500)
    line.restarted()._restore()
    assert line.state == "ready" and line.served.paths == {NUMBERS: path}


def test_an_altered_copy_is_refused_and_fetched_anew(line: Line) -> None:
    line.register()
    path = line.served.paths[NUMBERS]
    path.write_bytes(FILES[NUMBERS][:-1] + b"!")
    line.memory.before = lambda _url: answer(500)
    line.restarted()._restore()
    assert line.state == "unavailable" and "altered" in (line.version.reason or "")
    line.memory.before = lambda _url: None
    while line.pickup.look():
        pass
    assert line.state == "ready" and path.read_bytes() == FILES[NUMBERS]


def test_who_has_mapped_a_copy_keeps_it_whatever_is_cleaned_up(line: Line) -> None:
    line.register()
    path = line.served.paths[NUMBERS]
    with path.open("rb") as mapped:
        line.tracking.version("m", FILES, {"kind": "mapper"})
        path.unlink()
        line.restarted().look()
        assert mapped.read() == FILES[NUMBERS]


def endless(sent: list[int], most: int) -> httpx.Response:
    class Endless(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            for _ in range(most):
                sent.append(1)
                yield bytes(2**20)

    return httpx.Response(200, stream=Endless())


def test_it_goes_to_the_disk_as_it_comes_and_no_further_than_it_may(line: Line) -> None:
    sent: list[int] = []
    tracemalloc.start()
    line.register(lambda: endless(sent, 64))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert line.state == "ready" and line.served.paths[NUMBERS].stat().st_size == MOST
    assert peak < 16 * 2**20
    sent.clear()
    line.register(lambda: endless(sent, 200))
    second = line.pickup.catalogue.models["m"].versions[2]
    assert second.state == "unavailable" and "more than 67,108,864 bytes" in (second.reason or "") and len(sent) == 65
    assert len(line.objects()) == 2


def test_without_a_place_to_keep_it_the_version_waits(line: Line) -> None:
    (line.directory / "objects").rmdir()
    line.register()
    assert line.state == "unavailable"
    assert "numbers.bin cannot be kept: No such file" in (line.version.reason or "")
    (line.directory / "objects").mkdir()
    line.restarted().look()
    assert line.state == "ready"


def test_a_server_that_refuses_it_leaves_nothing_behind(line: Line) -> None:
    line.register(lambda: answer(500))
    assert line.state == "unavailable" and line.objects() == []
