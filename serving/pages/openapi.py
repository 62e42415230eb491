"""The OpenAPI page: every version's own paths, with the schema and an example of its own features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from contract.model_version import ALIASES
from serving.kinds.kind import Kind, Posting, Served
from serving.kinds.openapi_words import path_parameter, query_parameter, ref
from serving.pages import openapi_inference
from serving.pages.openapi_inference import client_paths, inference_paths
from serving.pages.openapi_schemas import components
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
_POSTED: Final = ("400", "404", "409", "413", "415", "422", "429", "503", "504")


def document(
    catalogue: Catalogue, default: ServedModel | None, kinds: Mapping[str, Kind], *, with_key: bool
) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of what ``catalogue`` serves; ``default`` is behind the short paths."""
    paths: dict[str, Any] = {}
    for model in catalogue.models.values():
        for alias in (name for name in ALIASES if model.aliases.get(name) in model.versions):
            _add(paths, model.versions[model.aliases[alias]], alias)
        for version in reversed(list(model.versions.values())):
            _add(paths, version, version.name)
    paths |= _short(default, kinds)
    paths |= _about_server()
    paths |= inference_paths(catalogue, PROBLEMS)
    return _whole(paths, _ABOUT, kinds, with_key=with_key)


def client_document(kinds: Mapping[str, Kind], *, with_key: bool) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document with one operation per route; model and version are parameters of its paths."""
    model, version = path_parameter("model"), path_parameter("version", "`v3`, or an alias such as `champion`")
    base = "/api/{model}/{version}"
    templated: dict[str, Any] = {}
    for name, postings in _postings(kinds).items():
        templated[f"{base}/{name}"] = _posting_of_any(postings)
    templated |= _readings_of_any(kinds, base, "versions", "version", who="a version")
    for item in templated.values():
        for operation in item.values():
            operation["parameters"] = [model, version, *operation["parameters"]]
    paths = templated | _short(None, kinds) | _about_server() | client_paths(kinds, PROBLEMS)
    return _whole(paths, _ABOUT_CLIENT, kinds, with_key=with_key)


def _whole(paths: dict[str, Any], about: str, kinds: Mapping[str, Kind], *, with_key: bool) -> dict[str, Any]:
    made: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": "1", "description": about},
        "paths": {path: _with_access_problems(path, item, with_key) for path, item in paths.items()},
        "components": {"schemas": components(kinds.values()) | openapi_inference.components(kinds.values())},
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
    kind, served, who = version.numbers.kind, version.numbers.served, f"{version.name} of {version.model}"
    for posting in kind.postings:
        summary = f"{posting.summary}, by {who}"
        body = posting.body(served)
        paths[f"{base}/{posting.name}"] = _posting(posting, f"{operation}_{posting.name}", summary, tag, body)
    paths |= _reading(kind, base, tag, operation, who=who, served=served)


def _postings(kinds: Mapping[str, Kind]) -> dict[str, list[Posting]]:
    found: dict[str, list[Posting]] = {}
    for posting in (posting for kind in kinds.values() for posting in kind.postings):
        if posting not in found.setdefault(posting.name, []):
            found[posting.name].append(posting)
    return found


def _posting_of_any(postings: list[Posting]) -> dict[str, Any]:
    """Return the operation of a route that several kinds have, each with a body and an answer of its own."""
    first = postings[0]
    item = _posting(
        first, first.name, "; ".join(dict.fromkeys(each.summary for each in postings)), "versions", first.body(None)
    )
    if len(postings) > 1:
        item["post"]["requestBody"]["content"] = _json(_any_of([each.body(None)["schema"] for each in postings]))
        item["post"]["responses"]["200"]["content"] = _json(_any_of([ref(each.schema) for each in postings]))
    return item


def _any_of(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    unlike = [schema for i, schema in enumerate(schemas) if schema not in schemas[:i]]
    return unlike[0] if len(unlike) == 1 else {"anyOf": unlike}


def _posting(posting: Posting, operation: str, summary: str, tag: str, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "post": {
            "tags": [tag],
            "operationId": operation,
            "summary": summary,
            "parameters": [query_parameter("on_error", {"enum": ["refuse", "null"]}, _ON_ERROR)] * posting.by_row,
            "requestBody": {"required": True, "content": {"application/json": body}},
            "responses": _responses(posting.schema, *_POSTED),
        }
    }


def _short(default: ServedModel | None, kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """Return the short paths: those of the default model's kind or, as long as nothing of it is ready, of any."""
    who = f"champion of {default.name}" if default else "default model's champion"
    ready = [version.numbers.kind for version in default.versions.values() if version.numbers] if default else []
    if ready:
        return _reading(ready[-1], "/api", "default model", "default", who=f"the {who}", served=None)
    return _readings_of_any(kinds, "/api", "default model", "default", who=f"the {who}")


def _readings_of_any(kinds: Mapping[str, Kind], base: str, tag: str, operation: str, *, who: str) -> dict[str, Any]:
    """Return the paths of all readings; at one that several kinds have, each may answer in its own way."""
    found: dict[str, Any] = {}
    for kind in kinds.values():
        for path, item in _reading(kind, base, tag, operation, who=who, served=None).items():
            found[path] = {"get": _either(found[path]["get"], item["get"])} if path in found else item
    return found


def _either(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return the operation of which both are a case, under the name of the first."""
    parameters: dict[str, dict[str, Any]] = {}
    for each in (*one["parameters"], *other["parameters"]):
        known = parameters.setdefault(each["name"], each)
        parameters[each["name"]] = {**known, "schema": _any_of(_cases([known["schema"], each["schema"]]))}
    contents = [each["responses"]["200"]["content"] for each in (one, other)]
    types = dict.fromkeys(media_type for content in contents for media_type in content)
    schemas = {
        media_type: [content[media_type]["schema"] for content in contents if media_type in content]
        for media_type in types
    }
    content = {media_type: {"schema": _any_of(_cases(each))} for media_type, each in schemas.items()}
    return {
        **other,
        **one,
        "summary": "; ".join(dict.fromkeys([*one["summary"].split("; "), other["summary"]])),
        "parameters": list(parameters.values()),
        "responses": {**other["responses"], **one["responses"], "200": {**one["responses"]["200"], "content": content}},
    }


def _cases(schemas: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [case for schema in schemas for case in (schema["anyOf"] if schema.keys() == {"anyOf"} else [schema])]


def _reading(kind: Kind, base: str, tag: str, operation: str, *, who: str, served: Served | None) -> dict[str, Any]:
    paths = {}
    for reading in kind.readings:
        responses = _responses(reading.schema, *reading.problems)
        responses["304"] = {"description": "Unchanged since the ETag in If-None-Match"}
        item: dict[str, Any] = {
            "tags": [tag],
            "operationId": f"{operation}_{reading.name}",
            "summary": reading.summary.format(who=who),
            "parameters": reading.parameters(served),
            "responses": responses,
        }
        if reading.lines is not None:
            responses["200"]["content"]["application/x-ndjson"] = {"schema": {"type": "string"}}
            item["description"] = "With `Accept: application/x-ndjson` all rows at once, one JSON object a line."
        paths[base + reading.path.replace(":path}", "}")] = {"get": item}
    return paths


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


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


# One object for all operations: a thousand versions have fifty thousand of them.
_PROBLEM: Final = {code: {"description": text, "content": _json(ref("Problem"))} for code, text in PROBLEMS.items()}


def _problems(*codes: str) -> dict[str, Any]:
    return {code: _PROBLEM[code] for code in codes}


def _with_access_problems(path: str, item: dict[str, Any], with_key: bool) -> dict[str, Any]:
    """Add to every operation what a request gets that may not ask; nobody needs a key for what is open."""
    content = _json(ref("InferenceProblem" if path.startswith("/v2") else "Problem"))
    codes = [] if path in OPEN else ["401", "403"] if with_key else ["403"]
    for operation in (operation for name, operation in item.items() if name != "parameters"):
        operation["responses"] |= {code: {"description": PROBLEMS[code], "content": content} for code in codes}
        if with_key and path in OPEN:
            operation["security"] = []
    return item
