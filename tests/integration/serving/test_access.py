"""Who may ask: names of the server, pages of strangers, keys, trailers; and that credentials are never shown."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import pytest

from contract.errors import AccessDeniedError
from serving.settings import serving_settings
from serving.versions.registry import Registry
from tests.integration.serving.conftest import NewServer, Served
from tests.integration.serving.prediction_server import PredictionServer, eventually, free_port
from tests.integration.serving.registered import predict_body

KEY = "k" * 20


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("127.0.0.1", 200),
        ("localhost", 200),
        ("LOCALHOST:{port}", 200),
        ("localhost:9", 200),
        ("[::1]:{port}", 200),
        ("evil.example", 403),
        ("evil.example:{port}", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("evil.example:80@localhost", 403),
        ("", 403),
    ],
)
def test_a_name_that_is_not_ours_is_refused(served: Served, host: str, code: int) -> None:
    headers = {"host": host.format(port=served.server.port)}
    answer = served.server.http.get("/api/models", headers=headers)
    assert answer.status_code == code, answer.text
    if code == 403:
        assert answer.json()["code"] == "forbidden" and "SWATHE_SERVING_ALLOWED_HOSTS" in answer.json()["message"]
    # What supervisors ask, they ask by whatever address they have.
    assert served.server.http.get("/health/live", headers=headers).status_code == 200
    assert ("error" in served.server.http.get("/v2", headers=headers).json()) is (code == 403)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, 200),  # curl, and clients of old
        ({"content-type": "application/json", "origin": "https://evil.example"}, 200),  # only after a preflight
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"origin": "http://127.0.0.1:{port}"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:9"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),  # a site is any port of a host
        ({"sec-fetch-site": "cross-site", "content-type": "text/plain"}, 403),
        ({"origin": "https://evil.example", "content-type": "text/plain;application/json"}, 403),
    ],
)
def test_a_page_of_another_origin_cannot_send_without_asking(
    served: Served, headers: dict[str, str], code: int
) -> None:
    told = {name: value.format(port=served.server.port) for name, value in headers.items()}
    body = predict_body(served.one, range(1))
    tensor = {"name": "rows", "shape": [1, 3], "datatype": "FP64", "data": [1, 2, 3]}
    for path, content in (
        (f"{served.one.path}/predict", body),
        (f"/v2/models/{served.model}/infer", json.dumps({"inputs": [tensor]}).encode()),
        ("/v2/repository/index", b"{}"),
    ):
        answer = served.server.http.post(path, content=content, headers=told)
        assert answer.status_code == code, (path, answer.text)


def _said_to(served: Served, request: bytes) -> tuple[bytes, Any]:
    with socket.create_connection(("127.0.0.1", served.server.port), timeout=10) as connection:
        connection.sendall(request)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, json.loads(body)


def test_trailers_are_no_headers(served: Served) -> None:
    body = predict_body(served.one, range(1))
    head = f"POST {served.one.path}/predict HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
    head += "content-type: application/json\r\ntransfer-encoding: chunked\r\nx-request-id: mine\r\n\r\n"
    chunks = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n"
    # Whole in one segment: the parser has read the trailers before the request is looked at.
    trailers = b"x-request-id: trailer\r\nhost: evil.example\r\norigin: https://evil.example\r\n\r\n"
    said, answer = _said_to(served, head.encode() + chunks + trailers)
    assert b" 200 " in said and b"x-request-id: mine" in said, said
    assert answer["version"] == 1


def test_a_key_in_a_trailer_is_none_and_a_dead_registry_is_named_without_its_password(
    new_server: NewServer, served: Served
) -> None:
    dead = f"http://svc:hush-hush@127.0.0.1:{free_port()}"
    server = new_server(MLFLOW_TRACKING_URI=dead, SWATHE_SERVING_API_KEY=KEY).start(ready=False)
    for path in ("/health/live", "/v2/health/live"):
        assert server.code(path) == 200
    for path in ("/health/ready", "/v2/health/ready"):
        told = eventually("the registry is named", partial(_naming_registry, server, path))
        assert "hush" not in told and "svc" not in told
    refused = server.http.get("/v2/models/x")
    assert refused.status_code == 401 and refused.json()["error"] == refused.json()["message"]
    for headers in ({"x-api-key": KEY}, {"authorization": f"Bearer {KEY}"}):
        for path in ("/", "/api", "/api/models", "/ui", "/metrics", "/openapi.json"):
            answer = server.http.get(path, headers={**headers, "accept": "text/html"})
            assert answer.status_code == 200 and "hush" not in answer.text, path
    head = "GET /api/models HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(f"{head}0\r\nx-api-key: {KEY}\r\n\r\n".encode())
        assert b" 401 " in connection.recv(4096).partition(b"\r\n")[0]
    assert server.stop() == 0
    assert "hush" not in server.said() and "registry unread" in server.said()


def _naming_registry(server: PredictionServer, path: str) -> str | None:
    answer = server.http.get(path)
    assert answer.status_code == 503
    return answer.text if "mlflow does not answer" in answer.text else None


class _Gate(http.server.BaseHTTPRequestHandler):
    """Lets nobody without the token to the registry behind it."""

    behind: str

    def do_GET(self) -> None:
        if self.headers["authorization"] != f"Bearer {KEY}":
            self.send_error(401)
            return
        answer = httpx.get(self.behind + self.path)
        self.send_response(answer.status_code)
        self.send_header("content-length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def gate(services: dict[str, str]) -> Iterator[str]:
    """A registry that asks for a token."""
    handler = type("Gate", (_Gate,), {"behind": services["MLFLOW_TRACKING_URI"]})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_registry_that_asks_for_a_token_is_given_it(
    monkeypatch: pytest.MonkeyPatch, served: Served, gate: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", gate)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", KEY)
    assert served.model in Registry(serving_settings().tracking).model_names()
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "")
    with pytest.raises(AccessDeniedError, match="MLFLOW_TRACKING_TOKEN"):
        Registry(serving_settings().tracking).model_names()


def test_behind_a_proxy_it_works_below_a_path_and_a_password_stays_out_of_the_cache(
    new_server: NewServer, served: Served, services: dict[str, str]
) -> None:
    name = "ml.example"
    server = new_server(
        MLFLOW_TRACKING_URI=services["MLFLOW_TRACKING_URI"].replace("://", "://svc:hush-hush@"),
        SWATHE_SERVING_MODELS=served.model,
        SWATHE_SERVING_BASE_PATH="/team/swathe",
        SWATHE_SERVING_ALLOWED_HOSTS=name,
    ).start()
    headers = {"host": name, "x-forwarded-prefix": "/elsewhere"}
    # Whether the proxy takes the path off, or leaves it on.
    for path in ("/ui", "/team/swathe/ui"):
        page = server.http.get(path, headers=headers)
        assert (
            page.status_code == 200 and '"/team/swathe/ui-assets/ui.css"' in page.text and "elsewhere" not in page.text
        )
    for path in ("/team/swathe/ui-assets/ui.css", "/team/swathe/docs-assets/swagger-ui.css", "/team/swathe/v2"):
        assert server.http.get(path, headers=headers).status_code == 200, path
    answer = server.http.post(f"/team/swathe{served.one.path}/predict", content=predict_body(served.one, range(1)))
    assert answer.status_code == 200 and answer.json()["version"] == 1
    assert server.http.get("/team/swathe", headers=headers).json()["models"] == "/team/swathe/api/models"
    moved = server.http.get("/team/swathe/ui/", headers=headers)
    assert (moved.status_code, moved.headers["location"]) == (307, "/team/swathe/ui")
    nothing = server.http.get("/team/swathe/no", headers=headers).json()["message"]
    assert nothing == "there is nothing at /no; see /team/swathe/docs"
    assert "hush" not in server.http.get("/api/models").text + server.http.get("/ui").text
    assert server.versions(served.model)[1]["run_url"].startswith(services["MLFLOW_TRACKING_URI"])
    assert server.stop() == 0
    kept = (server.log.parent / "cache" / "registry.json").read_bytes()
    assert b"hush" not in kept and b"tracking_uri" in kept
