"""The OpenAPI page: every version's own paths, with the schema and an example of its own features."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from contract.model_version import ALIASES
from serving.kinds.clusters.clustering import clustering
from serving.pages import openapi_inference
from serving.pages.openapi_inference import client_paths, inference_paths
from serving.pages.openapi_schemas import COMPONENTS, body_schema, ref
from serving.settings import OPEN
from serving.versions.catalogue import Catalogue, ServedModel, Version

TITLE: Final = "Swathe"
_ABOUT: Final = (
    "A route set per registered model version. Paths with an alias (`champion`, `previous`, `challenger`) answer for "
    "the version that the alias means at that moment, and name it in the answer."
)
_ABOUT_CLIENT: Final = (
    "One operation per route, for generated clients: model and version are parameters. `/openapi.json` has a path per "
    "version, with its features."
)
PROBLEMS: Final = {
    "400": "Not JSON",
    "401": "No key, or another one",
    "403": "Addressed to another host, or sent by a page of another origin",
    "404": "No such model, version, alias or row; names the known ones",
    "409": "The version has nothing to answer with; says why",
    "413": "More bytes or numbers than the limit",
    "415": "Another content type than JSON, or a content coding that is not read",
    "422": "Fields that are not as they should be, each with its path",
    "429": "Too many requests at once; Retry-After says when to ask again",
    "502": "Stored data is not what it should be",
    "503": "A service does not answer, or a worker process ended",
    "504": "Not answered in time",
}
_ON_ERROR: Final = (
    "`null`: a row that cannot be answered is null, and `errors` says why; by default one such row refuses all"
)
_HOME: Final = {"text/html": {"schema": {"type": "string"}}, "application/json": {"schema": {"type": "object"}}}
_PAGE: Final = {"text/html": {"schema": {"type": "string"}}}
_SLOW: Final = ("429", "504")
_PREDICT: Final = ("400", "404", "409", "413", "415", "422", "429", "503", "504")
_STATISTICS: Final = ("404", "409", "429", "504")
_STORED: Final = ("404", "409", "422", "429", "502", "503", "504")


def document(catalogue: Catalogue, default: ServedModel | None, *, with_key: bool) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of what ``catalogue`` serves; ``default`` is behind the short paths."""
    paths: dict[str, Any] = {}
    for model in catalogue.models.values():
        for alias in (name for name in ALIASES if model.aliases.get(name) in model.versions):
            _add(paths, model.versions[model.aliases[alias]], alias)
        for version in reversed(list(model.versions.values())):
            _add(paths, version, version.name)
    paths |= _short(default)
    paths |= _about_server()
    paths |= inference_paths(catalogue, PROBLEMS)
    return _whole(paths, _ABOUT, with_key=with_key)


def client_document(*, with_key: bool) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document with one operation per route; model and version are parameters of its paths."""
    model, version = path_parameter("model"), path_parameter("version", "`v3`, or an alias such as `champion`")
    body = {"schema": body_schema(None)}
    templated = {"/api/{model}/{version}/predict": _predicting("predict", "The cluster of each row", "versions", body)}
    templated |= _reading("/api/{model}/{version}", "versions", "version", "a version", None)
    for item in templated.values():
        for operation in item.values():
            operation["parameters"] = [model, version, *operation["parameters"]]
    paths = templated | _short(None) | _about_server() | client_paths(PROBLEMS)
    return _whole(paths, _ABOUT_CLIENT, with_key=with_key)


def _whole(paths: dict[str, Any], about: str, *, with_key: bool) -> dict[str, Any]:
    made: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": "1", "description": about},
        "paths": {path: _with_access_problems(path, item, with_key) for path, item in paths.items()},
        "components": {"schemas": COMPONENTS | openapi_inference.COMPONENTS},
    }
    if with_key:
        made["components"]["securitySchemes"] = {"key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}}
        made["security"] = [{"key": []}]
    return made


def _add(paths: dict[str, Any], version: Version, name: str) -> None:
    if version.numbers is None:
        return
    base, tag = f"/api/{quote(version.model, safe='')}/{name}", f"{version.model} {name}"
    operation = f"{version.model}_{name}"
    served = version.numbers.served
    body = {"schema": body_schema(served.features), "example": {"dataframe_records": [served.example]}}
    summary = f"The cluster of each row, by {version.name} of {version.model}"
    paths[f"{base}/predict"] = _predicting(f"{operation}_predict", summary, tag, body)
    paths |= _reading(
        base, tag, operation, f"{version.name} of {version.model}", len(clustering(version).scorer.centers)
    )


def _predicting(operation: str, summary: str, tag: str, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "post": {
            "tags": [tag],
            "operationId": operation,
            "summary": summary,
            "parameters": [_query("on_error", {"enum": ["refuse", "null"]}, _ON_ERROR)],
            "requestBody": {"required": True, "content": {"application/json": body}},
            "responses": _responses("Predictions", *_PREDICT),
        }
    }


def _short(default: ServedModel | None) -> dict[str, Any]:
    who = f"champion of {default.name}" if default else "default model's champion"
    return _reading("/api", "default model", "default", f"the {who}", None)


def _reading(base: str, tag: str, operation: str, who: str, clusters: int | None) -> dict[str, Any]:
    def get(name: str, summary: str, schema: str, parameters: list[Any], *problems: str) -> dict[str, Any]:
        responses = _responses(schema, *problems)
        responses["304"] = {"description": "Unchanged since the ETag in If-None-Match"}
        return {
            "get": {
                "tags": [tag],
                "operationId": f"{operation}_{name}",
                "summary": summary,
                "parameters": parameters,
                "responses": responses,
            }
        }

    results = f"{base}/clustering-results"
    page = get("results", f"All stored rows of {who}, by page", "ResultsPage", _page_query(clusters), *_STORED)
    page["get"]["responses"]["200"]["content"]["application/x-ndjson"] = {"schema": {"type": "string"}}
    page["get"]["description"] = "With `Accept: application/x-ndjson` all rows at once, one JSON object a line."
    return {
        f"{base}/cluster-stats": get(
            "statistics", f"Statistics per cluster of {who}", "ClusterStatistics", [], *_STATISTICS
        ),
        results: page,
        f"{results}/{{row_id}}": get(
            "row",
            f"The stored rows of one id in {who}",
            "StoredRows",
            [path_parameter("row_id"), *_row_query()],
            *_STORED,
        ),
    }


def _row_query() -> list[dict[str, Any]]:
    return [
        _query("limit", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 1000}, "Rows in the answer"),
        _query(
            "cursor",
            {"type": "string", "minLength": 1},
            "`next_cursor` of the answer before, where an id has more rows",
        ),
    ]


def _page_query(clusters: int | None) -> list[dict[str, Any]]:
    most = {} if clusters is None else {"maximum": clusters - 1}
    return [
        _query("limit", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}, "Rows on the page"),
        _query("cursor", {"type": "string", "minLength": 1}, "`next_cursor` of the page before"),
        _query("cluster", {"type": "integer", "minimum": 0, **most}, "Only this cluster's rows"),
    ]


def path_parameter(name: str, description: str = "") -> dict[str, Any]:
    """Return a parameter of the path."""
    told = {"description": description} if description else {}
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}, **told}


def _query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


def _about_server() -> dict[str, Any]:
    def get(name: str, summary: str, content: dict[str, Any], *problems: str) -> dict[str, Any]:
        responses = {"200": {"description": summary, "content": content}, **_problems(*problems)}
        return {"get": {"tags": ["server"], "operationId": name, "summary": summary, "responses": responses}}

    return {
        "/api/models": get("models", "All models, versions and aliases", _json(ref("Models"))),
        "/health/live": get("live", "The process answers", _json(ref("Live"))),
        "/health/ready": get("ready", "The registry was read; how long ago", _json(ref("Ready")), "503"),
        "/metrics": get("metrics", "Prometheus metrics", {"text/plain": {"schema": {"type": "string"}}}),
        "/": get("home", "Where to go from here", _HOME),
        "/api": get("home_of_api", "Where to go from here", _HOME),
        "/openapi.json": get("openapi", "Every version's own paths", _json({"type": "object"})),
        "/openapi-client.json": get("openapi_client", "One operation per route", _json({"type": "object"})),
        "/docs": get("docs", "The page of every route", _PAGE),
        "/ui": get("ui", "The page of the default model, for people", _PAGE, *_SLOW),
        "/ui/{model}": get("ui_of_model", "The page of a model, for people", _PAGE, "404", *_SLOW)
        | {"parameters": [path_parameter("model")]},
    }


def _responses(schema: str, *problems: str) -> dict[str, Any]:
    return {"200": {"description": "Answered", "content": _json(ref(schema))}, **_problems(*problems)}


def _problems(*codes: str) -> dict[str, Any]:
    return {code: {"description": PROBLEMS[code], "content": _json(ref("Problem"))} for code in codes}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _with_access_problems(path: str, item: dict[str, Any], with_key: bool) -> dict[str, Any]:
    """Add to every operation what a request gets that may not ask; nobody needs a key for what is open."""
    content = _json(ref("InferenceProblem" if path.startswith("/v2") else "Problem"))
    codes = [] if path in OPEN else ["401", "403"] if with_key else ["403"]
    for operation in (operation for name, operation in item.items() if name != "parameters"):
        operation["responses"] |= {code: {"description": PROBLEMS[code], "content": content} for code in codes}
        if with_key and path in OPEN:
            operation["security"] = []
    return item
