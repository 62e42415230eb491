"""What landing makes of a registry's answers, whatever they are: a schema, a reject, an error, or patience."""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from contract.errors import AccessDeniedError, ConfigurationError, ServiceDownError
from pipeline.land import registry_client
from pipeline.land.formats.avro.records import AvroRecords
from pipeline.land.formats.avro.schema import UnreadableSchemaError
from pipeline.land.formats.avro.written import ByRegistry
from pipeline.land.patient_store import StoppedError
from pipeline.land.registry_client import RegistrySettings
from pipeline.land.schema_registry import SchemaRegistry
from tests.avro import framed
from tests.unit.land.test_avro_records import stream

Answer = tuple[int, bytes]
Answers = Callable[[str, dict[str, str]], Answer]

REFERENCE = {"name": "r", "subject": "s"}
SCHEMA = '{"type":"record","name":"R","fields":[]}'


class _Server(http.server.ThreadingHTTPServer):
    answers: Answers
    asked: list[str]

    def handle_error(self, *_: Any) -> None:
        """Whoever has read enough hangs up."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        status, body = self.server.answers(self.path, dict(self.headers))
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", "http://elsewhere/")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server(("127.0.0.1", 0), _Handler) as serving:
        serving.asked = []
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield serving
        serving.shutdown()
        thread.join(5)


def registry(server: _Server, answers: Answers, stop: threading.Event | None = None, **given: Any) -> SchemaRegistry:
    server.answers = answers
    return SchemaRegistry(f"http://127.0.0.1:{server.server_port}", RegistrySettings(**given), stop)


def always(status: int, body: Any) -> Answers:
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda path, headers: (status, encoded)


def test_a_schema_is_asked_for_once(server: _Server) -> None:
    asked = registry(server, always(200, {"schema": SCHEMA}))
    assert asked.schema(7).text == SCHEMA
    assert asked.schema(7).text == SCHEMA
    assert server.asked == ["/schemas/ids/7"]


def test_what_a_schema_refers_to_comes_before_it(server: _Server) -> None:
    texts = {
        "/schemas/ids/1": {"schema": "top", "references": [{"name": "b", "subject": "of b/é", "version": 2}]},
        "/subjects/of%20b%2F%C3%A9/versions/2": {
            "schema": "b", "references": [{"name": "a", "subject": "a", "version": 1}],
        },
        "/subjects/a/versions/1": {"schema": "a"},
    }  # fmt: skip
    found = registry(server, lambda path, headers: (200, json.dumps(texts[path]).encode())).schema(1)
    assert (found.text, found.referred) == ("top", ("a", "b"))


def test_a_name_and_a_password_are_sent(server: _Server) -> None:
    seen: list[str] = []

    def answers(path: str, headers: dict[str, str]) -> Answer:
        seen.append(headers.get("Authorization", ""))
        return 200, json.dumps({"schema": SCHEMA}).encode()

    registry(server, answers, username="me", password="secret:é").schema(1)
    assert base64.b64decode(seen[0].removeprefix("Basic ")).decode() == "me:secret:é"


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (404, {"error_code": 40403, "message": "Schema 7 not found"}, "does not know it (Schema 7 not found)"),
        (422, {"error_code": 42202}, "does not know it"),
        (400, {"error_code": 400, "message": "RESTEASY003870"}, "does not know it (RESTEASY003870)"),
        (410, {"error_code": 410}, "does not know it"),
        (200, {"schema": 'syntax = "proto3";', "schemaType": "PROTOBUF"}, "has it as PROTOBUF"),
        (200, {"schema": "x" * 10_000_000}, "more than 1,048,576 bytes"),
        (
            200,
            {"schema": SCHEMA, "references": [{"name": "r", "subject": "s", "version": n} for n in range(200)]},
            "refers",
        ),
    ],
)
def test_no_schema_of_avro_is_a_reject(server: _Server, status: int, body: Any, words: str) -> None:
    asked = registry(server, always(status, body))
    for _ in range(2):
        with pytest.raises(UnreadableSchemaError) as refused:
            asked.schema(7)
        assert words in str(refused.value)
    assert server.asked.count("/schemas/ids/7") == 1


@pytest.mark.parametrize("number", [0, 2**31, 2**32 - 1])
def test_an_id_that_no_registry_gives_is_not_asked_for(server: _Server, number: int) -> None:
    with pytest.raises(UnreadableSchemaError, match="from 1 to 2147483647"):
        registry(server, always(500, {})).schema(number)
    assert server.asked == []


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (401, {"error_code": 401}, AccessDeniedError, "SWATHE_SCHEMA_REGISTRY_USERNAME"),
        (403, b"", AccessDeniedError, "SWATHE_SCHEMA_REGISTRY_USERNAME"),
        (404, b"<html>not here", ConfigurationError, "/apis/ccompat/v7"),
        (500, b"", ServiceDownError, "HTTP 500"),
        (302, b"", ConfigurationError, "302, which leads to 'http://elsewhere/'"),
        (301, b"", ConfigurationError, "301, which leads to 'http://elsewhere/'"),
        (400, b"bad", ConfigurationError, "with 400, and not in a registry's words"),
        (405, b"", ConfigurationError, "with 405"),
        (408, {"error_code": 408}, ServiceDownError, "HTTP 408"),
        (429, b"", ServiceDownError, "HTTP 429"),
        (200, b"{", ServiceDownError, "no schema"),
        (200, b"[" * 100_000, ServiceDownError, "no schema"),
        (200, {"schema": 7}, ServiceDownError, "no schema"),
    ],
)
def test_what_is_wrong_with_the_registry_is_no_reject(
    server: _Server, status: int, body: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error) as raised:
        registry(server, always(status, body)).schema(7)
    assert words in str(raised.value)


def test_a_registry_that_is_down_is_waited_for_and_told_once(server: _Server, caplog: pytest.LogCaptureFixture) -> None:
    answers = iter([(503, b""), (503, b""), (200, json.dumps({"schema": SCHEMA}).encode())])
    asked = registry(server, lambda path, headers: next(answers), threading.Event())
    assert asked.schema(7).text == SCHEMA
    assert asked.failure is None
    assert [each.levelname for each in caplog.records if "waits for the schema registry" in each.message] == ["WARNING"]


def test_whoever_is_told_to_stop_does_not_wait(server: _Server) -> None:
    stop = threading.Event()
    asked = registry(server, always(503, b""), stop)
    threading.Timer(0.2, stop.set).start()
    began = time.monotonic()
    with pytest.raises(StoppedError):
        asked.schema(7)
    assert time.monotonic() - began < 5


def test_the_address_is_checked_before_landing(server: _Server) -> None:
    registry(server, always(404, {"error_code": 40403})).check()
    with pytest.raises(ConfigurationError):
        registry(server, always(404, b"")).check()


@pytest.mark.parametrize(("status", "body"), [(404, b"<html>not here"), (302, b""), (405, b"")])
def test_what_stands_before_a_registry_that_was_there_is_waited_for(server: _Server, status: int, body: bytes) -> None:
    answers = iter([(404, b'{"error_code": 40403}'), (status, body), (200, json.dumps({"schema": SCHEMA}).encode())])
    asked = registry(server, lambda path, headers: next(answers), threading.Event())
    asked.check()
    assert asked.schema(7).text == SCHEMA


def test_who_may_not_read_the_first_schema_may_read_others(server: _Server) -> None:
    schemas = {"/schemas/ids/7": (200, json.dumps({"schema": SCHEMA}).encode())}
    asked = registry(server, lambda path, headers: schemas.get(path, (403, b"")))
    asked.check()
    assert asked.schema(7).text == SCHEMA
    server.answers = always(401, b"")
    with pytest.raises(AccessDeniedError):
        asked.check()


def test_many_unknown_ids_are_asked_for_together(server: _Server) -> None:
    together = threading.Barrier(4)

    def answers(path: str, headers: dict[str, str]) -> Answer:
        # Nobody is answered before four have asked.
        together.wait(20)
        return 404, b'{"error_code": 40403}'

    of = stream("  x: int32")
    values = [framed(number, b"") for number in (7, 8, 9, 10) for _ in range(2)]
    found = AvroRecords(of, ByRegistry(registry(server, answers))).parse(values)
    assert [each.index for each in found.rejected] == list(range(8))
    assert found.rejected[7].reason.startswith("schema id 10: the registry at")
    assert sorted(server.asked) == sorted(f"/schemas/ids/{number}" for number in (7, 8, 9, 10))


def test_an_answer_that_never_ends_is_given_up_and_told_to_stop(
    server: _Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as trickling:
        ended = threading.Event()

        def trickle() -> None:
            for _ in range(2):
                peer, _ = trickling.accept()
                with peer, contextlib.suppress(OSError):
                    peer.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                    while not ended.wait(0.02):
                        peer.sendall(b"x")

        threading.Thread(target=trickle, daemon=True).start()
        url = f"http://127.0.0.1:{trickling.getsockname()[1]}"
        stop = threading.Event()
        threading.Timer(0.2, stop.set).start()
        with pytest.raises(StoppedError):
            SchemaRegistry(url, RegistrySettings(), stop).schema(7)
        monkeypatch.setattr(registry_client, "_LONGEST_ANSWER_S", 0.2)
        with pytest.raises(ServiceDownError, match="no whole answer"):
            SchemaRegistry(url, RegistrySettings()).schema(7)
        ended.set()


def test_an_encrypted_key_is_told_and_nobody_is_asked_for_its_phrase(tmp_path: Path) -> None:
    certificate, key = _pair(tmp_path, "ours")
    hidden = str(tmp_path / "hidden.key")
    subprocess.run(
        ["openssl", "pkey", "-in", key, "-aes256", "-passout", "pass:phrase", "-out", hidden],
        check=True,
        capture_output=True,
    )
    told = RegistrySettings(certificate_file=certificate, key_file=hidden)
    with pytest.raises(ConfigurationError, match="SWATHE_SCHEMA_REGISTRY_KEY_FILE: the key is encrypted"):
        SchemaRegistry("https://localhost:1", told)


def test_a_certificate_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(ConfigurationError, match=r"ca\.pem"):
        SchemaRegistry("https://localhost:1", RegistrySettings(ca_file=str(tmp_path / "ca.pem")))
    with pytest.raises(ConfigurationError, match="none"):
        SchemaRegistry("https://localhost:1", RegistrySettings(certificate_file=str(tmp_path / "none")))


def test_a_longer_answer_is_not_read_to_its_end(server: _Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_client, "_LONGEST_ANSWER_S", -1.0)
    with pytest.raises(ServiceDownError, match="no whole answer"):
        registry(server, always(200, {"schema": SCHEMA})).schema(7)


def _pair(directory: Path, name: str) -> tuple[str, str]:
    """Make a certificate that vouches for itself, and its key."""
    key, certificate = str(directory / f"{name}.key"), str(directory / f"{name}.pem")
    made = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    named = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate]
    subprocess.run([*made, *named], check=True, capture_output=True)
    return certificate, key


def test_tls_with_a_certificate_on_both_sides(server: _Server, tmp_path: Path) -> None:
    (own, own_key), (ours, our_key) = _pair(tmp_path, "registry"), _pair(tmp_path, "swathe")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=ours)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(own, own_key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.answers = always(200, {"schema": SCHEMA})
    url = f"https://127.0.0.1:{server.server_port}"
    told = {"ca_file": own, "certificate_file": ours, "key_file": our_key}
    assert SchemaRegistry(url, RegistrySettings.model_validate(told)).schema(7).text == SCHEMA
    for given in ({"ca_file": own}, {"certificate_file": ours, "key_file": our_key}):
        with pytest.raises(ServiceDownError):
            SchemaRegistry(url, RegistrySettings.model_validate(given)).schema(7)


def test_a_password_without_a_name_is_told() -> None:
    with pytest.raises(ConfigurationError, match="SWATHE_SCHEMA_REGISTRY_USERNAME"):
        SchemaRegistry("http://localhost:1", RegistrySettings.model_validate({"password": "secret"}))
