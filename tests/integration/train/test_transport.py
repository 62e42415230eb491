"""Artifacts through a proxy that cuts off, fails or refuses: what is passing is not told as a bad artifact."""

from __future__ import annotations

import http.server
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from contract.errors import AccessDeniedError, ModelArtifactError, ServiceDownError
from pipeline.train.mlflow_client.runs import Runs
from pipeline.train.mlflow_client.upload import ArtifactStore
from pipeline.train.settings import TrackingSettings
from tests.integration.train.conftest import Lab

NAME = "swathe/scoring.json"


class Proxy(http.server.ThreadingHTTPServer):
    """Passes requests on to the tracking server, and downloads to the store that it points them to.

    ``faults`` are what happens to the next of these: a status with which the tracking server refuses to point
    anywhere, or `cut`: the store promises more than comes.
    """

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.target, self.faults = target, list[str | int]()
        self.signed: dict[str, str] = {}
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Passing(http.server.BaseHTTPRequestHandler):
    server: Proxy

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
        is_signing = "/mlflow-artifacts/presigned/" in self.path
        if is_signing and self.server.faults and isinstance(self.server.faults[0], int):
            self._answer(int(self.server.faults.pop(0)), b"{}", 2)
            return
        is_stored = self.path in self.server.signed
        target = self.server.signed[self.path] if is_stored else f"{self.server.target}{self.path}"
        asked = urllib.request.Request(target, body, method=self.command)
        for name in ("Content-Type", "Range"):
            if name in self.headers:
                asked.add_header(name, self.headers[name])
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:
                status, content = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, content = error.code, error.read()
        length = len(content)
        if is_signing and status == 200:
            content = self._signed(content)
            length = len(content)
        elif is_stored and self.server.faults:
            assert self.server.faults.pop(0) == "cut"
            content = content[:10]
        self._answer(status, content, length)

    def _signed(self, content: bytes) -> bytes:
        answer = json.loads(content)
        path = f"/store/{len(self.server.signed)}"
        self.server.signed[path] = answer["url"]
        return json.dumps({**answer, "url": f"{self.server.url}{path}"}).encode()

    def _answer(self, status: int, content: bytes, length: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = _pass  # noqa: N815 - the names that http.server calls

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Say nothing."""


@pytest.fixture
def proxy(services: dict[str, str]) -> Iterator[Proxy]:
    with Proxy(services["MLFLOW_TRACKING_URI"]) as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def stored(proxy: Proxy, lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[ArtifactStore, str]:
    """An uploaded logged model with one file, and where it is."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    runs = Runs(TrackingSettings(uri=proxy.url), lab.name, lab.name)
    store = ArtifactStore(runs, proxy.url)
    run = runs.start(1, "key", None).info.run_id
    model = store.begin(run, lab.name, "clusterer", {})
    (tmp_path / "model" / "swathe").mkdir(parents=True)
    (tmp_path / "model" / NAME).write_text('{"numbers": [1, 2, 3]}')
    store.upload(model, tmp_path / "model")
    return store, model.artifact_location


def test_a_download_that_is_cut_off_is_tried_again(proxy: Proxy, stored: tuple[ArtifactStore, str]) -> None:
    store, location = stored
    proxy.faults = ["cut"]
    assert store.read_file(location, NAME) == b'{"numbers": [1, 2, 3]}'
    assert proxy.faults == []


@pytest.mark.parametrize(
    ("faults", "error"),
    [
        (["cut"] * 6, ServiceDownError),
        ([503] * 6, ServiceDownError),
        ([500] * 6, ServiceDownError),
        ([401], AccessDeniedError),
    ],
)
def test_what_passes_is_the_services_fault_and_not_the_artifacts(
    faults: list[str | int],
    error: type[Exception],
    proxy: Proxy,
    stored: tuple[ArtifactStore, str],
) -> None:
    store, location = stored
    calls: list[Callable[[], object]] = [
        lambda: store.read_file(location, NAME),
        lambda: store.check(location, {NAME: "0"}),
    ]
    for call in calls:
        proxy.faults = list(faults)
        with pytest.raises(error):
            call()
    proxy.faults = []
    with pytest.raises(ModelArtifactError, match="has no file swathe/other"):
        store.read_file(location, "swathe/other.json")
    with pytest.raises(ModelArtifactError, match="reads back altered"):
        store.check(location, {NAME: "0"})


def test_files_that_are_too_long_are_not_brought(stored: tuple[ArtifactStore, str], tmp_path: Path) -> None:
    store, location = stored
    source = f"models:/{location.rstrip('/').split('/')[-2]}"
    for most, reason in ({NAME: 21}, "has 22 bytes, of which 21"), ({NAME: 22, "swathe/other": 9}, "no file"):
        with pytest.raises(ModelArtifactError, match=reason):
            store.fetch(source, most, tmp_path / "brought")
    assert not (tmp_path / "brought" / "swathe" / "other").exists()
    store.fetch(source, {NAME: 22}, tmp_path / "brought")
    assert (tmp_path / "brought" / NAME).read_bytes() == b'{"numbers": [1, 2, 3]}'


def test_an_artifact_that_does_not_come_to_its_end_leaves_nothing(lab: Lab, tmp_path: Path) -> None:
    runs = Runs(lab.tracking, lab.name, lab.name)
    store, run_id = ArtifactStore(runs, lab.tracking.uri), runs.start(1, "key", None).info.run_id
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "MLmodel").write_text("{}")
    with pytest.raises(ModelArtifactError, match="altered"), store.begun(run_id, lab.name, "clusterer", {}) as model:
        store.upload(model, tmp_path / "model")
        assert store.read_file(model.artifact_location, "MLmodel") == b"{}"
        store.check(model.artifact_location, {"MLmodel": "another"})
    assert runs.client.search_logged_models([runs.experiment_id]) == []
    folder = model.artifact_location.rpartition("/")[0]
    assert get_artifact_repository(folder).list_artifacts("artifacts") == []
