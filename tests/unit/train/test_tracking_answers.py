"""What the tracking server answers, or something that stands in its place: a real HTTP server with set answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from contract.errors import UnreadableAnswerError
from pipeline.train.mlflow_client.limits import RUNS_PER_PAGE
from pipeline.train.mlflow_client.registry import Registry
from pipeline.train.mlflow_client.tracking import Tracking, numbers_in
from pipeline.train.settings import TrackingSettings


class Answering(HTTPServer):
    """Gives ``answers``, one a request, and keeps what it was ``asked``."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[tuple[str, bytes]] = []
        self.asked: list[dict[str, Any]] = []

    @property
    def settings(self) -> TrackingSettings:
        """Where it is."""
        return TrackingSettings(uri=f"http://127.0.0.1:{self.server_port}")


class _Handler(BaseHTTPRequestHandler):
    server: Answering

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.asked.append(json.loads(body or b"{}"))
        kind, answer = self.server.answers.pop(0)
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *told: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Answering]:
    with Answering() as answering:
        thread = threading.Thread(target=answering.serve_forever)
        thread.start()
        yield answering
        answering.shutdown()
        thread.join()


@pytest.mark.parametrize("answer", [b"<html>sign in</html>", b"", b"[]", b"\xff"])
def test_a_page_in_place_of_an_answer_is_named(server: Answering, answer: bytes) -> None:
    server.answers = [("text/html", answer)]
    registry = Registry(server.settings, "m")
    with pytest.raises(UnreadableAnswerError, match=r"model-versions/search at .*: no JSON object \(text/html\)"):
        registry.versions()
    registry.close()


def test_runs_are_asked_for_in_pages_that_a_server_answers_in_time(server: Answering) -> None:
    def page(*ids: str, token: str = "") -> tuple[str, bytes]:
        told = {"status": "FINISHED", "artifact_uri": "", "lifecycle_stage": "deleted"}
        runs = [{"info": {"run_id": each, **told}, "data": {}} for each in ids]
        return "application/json", json.dumps({"runs": runs, "next_page_token": token}).encode()

    server.answers = [page("a", "b", token="next"), page("c")]
    registry = Registry(server.settings, "m")
    assert [*Tracking(registry).runs("1", "m", deleted_only=True)] == ["a", "b", "c"]
    registry.close()
    assert [asked["page_token"] for asked in server.asked] == ["", "next"]
    assert {asked["max_results"] for asked in server.asked} == {RUNS_PER_PAGE} and RUNS_PER_PAGE <= 100
    assert {asked["run_view_type"] for asked in server.asked} == {"DELETED_ONLY"}


@pytest.mark.parametrize("noted", ["", "7", "[7]", "[{}]", "[" * 100_000, '[{"name": "m", "version": 1e999}]'])
def test_versions_that_a_run_did_not_note_are_none(noted: str) -> None:
    assert numbers_in(noted, "m") == []
    assert numbers_in('[{"name": "m", "version": "3"}, {"name": "n", "version": "4"}]', "m") == [3]
