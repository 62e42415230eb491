"""Files come from the store as long as it gives them, and from the tracking server from then on."""

from __future__ import annotations

import logging
from collections.abc import Generator

import pytest

from contract.errors import ModelArtifactError, ServiceDownError
from serving.versions.artifacts import FromStoreFirst
from serving.versions.registry import Location

PLACE = Location("1/m/artifacts", None)
FILES = {"swathe/a.json": b"[1]", "swathe/b.bin": b"two"}


class Shelf:
    """Artifacts in memory, which break when and where the test says."""

    def __init__(self, files: dict[str, bytes], breaks: str = "") -> None:
        self.files, self.breaks, self.asked = files, breaks, list[str]()

    def _check(self, what: str) -> None:
        self.asked.append(what)
        if what == self.breaks:
            raise ServiceDownError("minio", "http://store", what)

    def file_sizes(self, _location: Location, _directory: str) -> dict[str, int | None]:
        self._check("sizes")
        return {name: len(body) for name, body in self.files.items()}

    def download(self, _location: Location, name: str, _most_bytes: int) -> bytes:
        self._check(f"get {name}")
        if name not in self.files:
            raise ModelArtifactError(f"the artifact has no file {name}")
        return self.files[name]

    def chunks(self, location: Location, name: str, most_bytes: int, expected: int = 0) -> Generator[bytes]:
        body = self.download(location, name, most_bytes)
        yield body[:1]
        self._check(f"rest of {name}")
        yield body[1 : 1 + (expected or most_bytes)]


def _read(store: Shelf, server: Shelf) -> dict[str, bytes]:
    both = FromStoreFirst(store, server)
    assert both.file_sizes(PLACE, "swathe") == {name: len(body) for name, body in FILES.items()}
    mapped = b"".join(both.chunks(PLACE, "swathe/b.bin", 100, 3))
    return {"swathe/a.json": both.download(PLACE, "swathe/a.json", 100), "swathe/b.bin": mapped}


@pytest.mark.parametrize("breaks", ["", "sizes", "get swathe/b.bin", "get swathe/a.json", "nothing there"])
def test_the_server_is_asked_for_what_the_store_does_not_give(breaks: str, caplog: pytest.LogCaptureFixture) -> None:
    store, server = Shelf({} if breaks == "nothing there" else FILES, breaks), Shelf(FILES)
    with caplog.at_level(logging.WARNING):
        assert _read(store, server) == FILES
    assert bool(server.asked) == bool(breaks)
    # Once it was passed over, the store is not asked again for this artifact.
    assert not breaks or len(store.asked) <= 4
    if breaks == "nothing there":
        assert store.asked == ["sizes"]


@pytest.mark.parametrize("breaks", ["sizes", "get swathe/b.bin", "get swathe/a.json"])
def test_what_the_server_says_counts(breaks: str) -> None:
    with pytest.raises(ServiceDownError):
        _read(Shelf(FILES, breaks), Shelf(FILES, breaks))


def test_what_breaks_off_is_not_begun_anew() -> None:
    server = Shelf(FILES)
    with pytest.raises(ServiceDownError):
        _read(Shelf(FILES, "rest of swathe/b.bin"), server)
    assert server.asked == []
