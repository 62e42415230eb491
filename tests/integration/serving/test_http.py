"""HTTP as people expect it: codings, conditions, prefixes, odd characters; and nothing that is not declared."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from typing import Any

import pytest

from tests.integration.serving.conftest import Served
from tests.integration.serving.registered import predict_body

JSON = {"content-type": "application/json"}


def test_compressed_bodies_are_taken(served: Served) -> None:
    body = predict_body(served.one, range(400))
    wanted = served.server.predict(served.one.path, body).json()
    for coding, packed in (("gzip", gzip.compress(body)), ("deflate", zlib.compress(body)), ("identity", body)):
        headers = {**JSON, "content-encoding": coding}
        for content in (packed, iter([packed[:50], packed[50:]])):
            answer = served.server.http.post(f"{served.one.path}/predict", content=content, headers=headers)
            assert answer.status_code == 200 and answer.json() == wanted, (coding, answer.text)
    tensor = {"name": "rows", "shape": [1, 3], "datatype": "FP64", "data": [1, 2, 3]}
    packed = gzip.compress(json.dumps({"inputs": [tensor]}).encode())
    path = f"/v2/models/{served.model}/versions/1/infer"
    assert served.server.http.post(path, content=packed, headers={"content-encoding": "gzip"}).status_code == 200


def test_a_body_that_inflates_beyond_the_limit_or_is_no_such_body_is_refused(served: Served) -> None:
    for packed, coding, code in (
        (gzip.compress(b" " * 60 * 2**20), "gzip", 413),
        (gzip.compress(b"{}")[:-2], "gzip", 400),
        (b"{}", "deflate", 400),
        (b"{}", "br", 415),
    ):
        for path in (f"{served.one.path}/predict", "/v2/repository/index"):
            answer = served.server.http.post(path, content=packed, headers={**JSON, "content-encoding": coding})
            assert answer.status_code == code, answer.text
            assert code != 415 or answer.headers["accept-encoding"] == "gzip, deflate"


def test_what_a_client_does_not_take_it_is_not_given(served: Served) -> None:
    path = f"{served.one.path}/clustering-results"
    get = served.server.http.get
    assert get(path, headers={"accept-encoding": "gzip"}).headers["content-encoding"] == "gzip"
    for told in ("gzip;q=0", "gzip;q=0, *", "identity"):
        answer = get(path, headers={"accept-encoding": told})
        assert "content-encoding" not in answer.headers and "accept-encoding" in answer.headers["vary"].lower()
    for told in ("application/x-ndjson;q=0, application/json", "application/x-ndjson;q=0.1, application/json"):
        assert get(path, headers={"accept": told}).headers["content-type"] == "application/json"
    assert get("/", headers={"accept": "text/html;q=0"}).headers["content-type"] == "application/json"


def test_each_coding_has_a_tag_of_its_own(served: Served) -> None:
    path = f"{served.one.path}/clustering-results"
    tags = {}
    for coding in ("gzip", "identity"):
        tags[coding] = served.server.http.get(path, headers={"accept-encoding": coding}).headers["etag"]
    assert tags["gzip"] != tags["identity"]
    for coding, tag in tags.items():
        for asked, code in ((coding, 304), ({"gzip": "identity", "identity": "gzip"}[coding], 200)):
            again = served.server.http.get(path, headers={"accept-encoding": asked, "if-none-match": tag})
            assert again.status_code == code, (coding, asked)
            assert "accept-encoding" in again.headers["vary"].lower()


def test_a_line_break_in_a_path_is_part_of_the_name(served: Served) -> None:
    row = f"{served.one.path}/clustering-results/{served.one.row_ids[0]}"
    assert served.server.http.get(row).status_code == 200
    for path in (f"{row}%0A", f"{row}%0Ax", f"{served.one.path}%0A/cluster-stats", "/api/clustering-results/%0A"):
        answer = served.server.http.get(path)
        assert answer.status_code == 404 and answer.json()["errors"], (path, answer.text)
    for path in ("/api/models%0A", "/v2%0A", f"{served.one.path}/predict%0A", "/health/live%0A"):
        assert served.server.http.get(path).status_code == 404, path


def test_what_is_nowhere_is_named_in_ascii(served: Served) -> None:
    answer = served.server.http.get("/n%C3%B6%0A%3Cb%3E%20%25")
    assert answer.json()["message"] == "there is nothing at /n%C3%B6%0A%3Cb%3E%20%25; see /docs"
    for path in ("/v2/nothing", "/v2/models/x/y/z", "/v2/models/none/ready"):
        answer = served.server.http.get(path)
        assert answer.status_code == 404 and answer.json()["error"] == answer.json()["message"]
    assert served.server.http.delete("/v2").json()["error"]
    assert "error" not in served.server.http.get("/v22").json()


@pytest.mark.parametrize("prefix", ["/swathe", "/team/swathe/"])
def test_links_begin_with_what_the_proxy_says(served: Served, prefix: str) -> None:
    base = prefix.rstrip("/")
    headers = {"x-forwarded-prefix": prefix}
    get = served.server.http.get
    for page in ("/ui", "/docs", "/"):
        text = get(page, headers={**headers, "accept": "text/html"}).text
        links = [link for link in re.findall(r'(?:src|href)="([^"#]+)"', text) if link.startswith("/")]
        assert links and all(link.startswith(f"{base}/") for link in links), (page, links)
        for link in links:
            assert get(link.removeprefix(base), headers=headers).status_code == 200, link
    assert f"url: '{base}/openapi.json'" in get("/docs", headers=headers).text
    assert get("/openapi.json", headers=headers).json()["servers"] == [{"url": base}]
    assert "servers" not in get("/openapi.json").json()
    assert get("/", headers=headers).json()["every route"] == f"{base}/docs"
    moved = get("/docs/", headers=headers)
    assert (moved.status_code, moved.headers["location"]) == (307, f"{base}/docs")
    assert "x-forwarded-prefix" in get("/ui", headers=headers).headers["vary"].lower()


@pytest.mark.parametrize(
    "prefix", ["//evil.example", "https://evil.example", '/"><script>', "/a/../..", "/" + "a" * 300]
)
def test_a_prefix_that_is_no_plain_path_is_ignored(served: Served, prefix: str) -> None:
    page = served.server.http.get("/ui", headers={"x-forwarded-prefix": prefix})
    assert page.text == served.server.http.get("/ui").text


def _requests(served: Served) -> list[tuple[str, str, dict[str, Any]]]:
    """Every route, with what it takes and with what it does not."""
    one, model = served.one.path, served.model
    base = f"/v2/models/{model}/versions/1"
    reading = [
        *("/", "/api", "/ui", f"/ui/{model}", "/docs", "/openapi.json", "/openapi-client.json", "/metrics"),
        *("/api/models", "/health/live", "/health/ready", "/v2", "/v2/health/live", "/v2/health/ready"),
        *(f"{one}/cluster-stats", f"{one}/clustering-results", f"{one}/clustering-results/nobody"),
        *(f"{one}/clustering-results?limit=0", f"{one}/clustering-results?x=1", f"/api/{model}/champion/cluster-stats"),
        *("/api/cluster-stats", "/api/clustering-results", f"/api/clustering-results/{served.one.row_ids[0]}"),
        *(base, f"{base}/ready", f"/v2/models/{model}", f"/v2/models/{model}/ready"),
    ]
    tried: list[dict[str, str]] = [
        {},
        {"accept": "text/html"},
        {"accept": "application/x-ndjson"},
        {"host": "evil.example"},
        {"if-none-match": "*"},
    ]
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", path, {"headers": headers}) for path in reading for headers in tried
    ]
    good = json.dumps({"inputs": [{"name": "rows", "shape": [1, 3], "datatype": "FP64", "data": [1, 2, 3]}]}).encode()
    taking = [f"{one}/predict", f"{base}/infer", f"/v2/models/{model}/infer", "/v2/repository/index"]
    bodies = [predict_body(served.one, range(1)), good, b"{}", b"{", b"[]", b" " * (33 * 2**20)]
    asked += [("POST", path, {"content": body, "headers": JSON}) for path in taking for body in bodies]
    refused: list[dict[str, str]] = [{"content-encoding": "br"}, {"host": "evil.example"}, {"origin": "null"}]
    asked += [("POST", path, {"content": good, "headers": headers}) for path in taking for headers in refused]
    asked.append(("POST", f"{one}/predict?on_error=x", {"content": b"{}", "headers": JSON}))
    asked.append(("POST", f"{one}/predict", {"content": b"a", "headers": {"content-type": "text/csv"}}))
    outputs = {"parameters": {"binary_data_output": True}}
    binary = json.dumps({**json.loads(good), **outputs}).encode()
    asked.append(("POST", f"{base}/infer", {"content": binary, "headers": JSON}))
    return asked


def _operation(document: Any, method: str, path: str) -> Any:
    """Return the operation that a path means: its own, or the templated one."""
    paths = document["paths"]
    if path not in paths:
        patterns = {each: re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(each)) for each in paths}
        path = next(each for each, pattern in patterns.items() if re.fullmatch(pattern, path))
    return paths[path][method.lower()]


def test_no_route_gives_what_it_does_not_declare(served: Served) -> None:
    documents = [served.server.get(path) for path in ("/openapi.json", "/openapi-client.json")]
    undeclared = []
    for method, path, options in _requests(served):
        answer = served.server.http.request(method, path, **options)
        kind = answer.headers.get("content-type", "").partition(";")[0]
        for number, document in enumerate(documents):
            responses = _operation(document, method, path.partition("?")[0])["responses"]
            told = responses.get(str(answer.status_code))
            if told is None or (answer.content and kind not in told.get("content", {})):
                undeclared.append((number, method, path, answer.status_code, kind))
    assert undeclared == []


def test_generated_clients_get_one_operation_per_route(served: Served) -> None:
    document = served.server.get("/openapi-client.json")
    assert served.model not in json.dumps(document)
    operations = [operation["operationId"] for item in document["paths"].values() for operation in item.values()
                  if isinstance(operation, dict)]  # fmt: skip
    assert len(operations) == len(set(operations)) == len(document["paths"])
    for path, item in document["paths"].items():
        named = set(re.findall(r"\{(\w+)\}", path))
        (operation,) = (each for name, each in item.items() if name != "parameters")
        parameters = [*item.get("parameters", []), *operation.get("parameters", [])]
        assert {each["name"] for each in parameters if each["in"] == "path"} == named, path
