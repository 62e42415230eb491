"""The Open Inference Protocol's part of the OpenAPI page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

from contract.errors import UnknownNameError
from serving.kinds.kind import Kind, Served
from serving.kinds.openapi_words import ref
from serving.rows_in.named_tensors import DATATYPES
from serving.rows_in.tensors import DATATYPE, INPUT, example
from serving.versions.catalogue import Catalogue, ServedModel, Version

_TAG: Final = "Open Inference Protocol"
_OBJECT: Final = {"type": "object"}
_INFER_PROBLEMS: Final = ("400", "404", "409", "413", "415", "422", "429", "503", "504")


def inference_paths(catalogue: Catalogue, texts: dict[str, str]) -> dict[str, Any]:
    """Return the paths under /v2; ``texts`` say what an error is, by its code."""
    problems = _as_told(texts)
    paths = _server(problems)
    for model in catalogue.models.values():
        base, operation = f"/v2/models/{quote(model.name, safe='')}", f"v2_{model.name}"
        champion = _champion(model)
        if champion is not None:
            paths |= _ready(base, f"{operation}_champion", f"the champion of {model.name}", problems, champion)
        for number, version in model.versions.items():
            if version.numbers is not None:
                who = f"{version.name} of {model.name}"
                paths |= _ready(f"{base}/versions/{number}", f"{operation}_{number}", who, problems, version)
    return paths


def client_paths(kinds: Mapping[str, Kind], texts: dict[str, str]) -> dict[str, Any]:
    """Return the paths under /v2 with one operation per route."""
    problems = _as_told(texts)
    model, version = (
        {"name": name, "in": "path", "required": True, "schema": schema}
        for name, schema in (("model", {"type": "string", "minLength": 1}), ("version", {"type": "integer"}))
    )
    champion = _version("/v2/models/{model}", "v2_champion", "the champion", problems, kinds=kinds.values())
    numbered = _version(
        "/v2/models/{model}/versions/{version}", "v2_version", "a version", problems, kinds=kinds.values()
    )
    for paths, parameters in ((champion, [model]), (numbered, [model, version])):
        for item in paths.values():
            for operation in item.values():
                operation["parameters"] = parameters
    return _server(problems) | champion | numbered


def _server(problems: dict[str, Any]) -> dict[str, Any]:
    index = _operation("v2_index", "Every version with its state", {"type": "array", "items": _OBJECT})
    body = _body({"type": "object", "properties": {"ready": {"type": "boolean"}}}, {"ready": True})
    index["requestBody"] = body | {"required": False}
    index["responses"] |= _told(problems, "400", "413", "415", "422", "504")
    return {
        "/v2": _get(problems, "v2_server", "Who answers"),
        "/v2/health/live": _get(problems, "v2_live", "The process answers"),
        "/v2/health/ready": _get(problems, "v2_ready", "The registry was read", "503"),
        "/v2/repository/index": {"post": index},
    }


def _ready(base: str, name: str, who: str, problems: dict[str, Any], version: Version) -> dict[str, Any]:
    numbers = version.required_numbers()
    return _version(base, name, who, problems, kinds=[numbers.kind], shown=_example(numbers.served))


def _version(
    base: str,
    name: str,
    who: str,
    problems: dict[str, Any],
    *,
    kinds: Iterable[Kind],
    shown: dict[str, Any] | None = None,
) -> dict[str, Any]:
    predicted = dict.fromkeys(each.summary for kind in kinds for each in kind.postings if each.name == "predict")
    infer = _operation(f"{name}_infer", f"{'; '.join(predicted)}, by {who}", _OBJECT)
    infer["requestBody"] = _body(ref("InferenceRequest"), shown)
    infer["responses"]["200"]["content"]["application/octet-stream"] = {"schema": {"type": "string"}}
    infer["responses"] |= _told(problems, *_INFER_PROBLEMS)
    return {
        f"{base}/infer": {"post": infer},
        f"{base}/ready": _get(problems, f"{name}_ready", f"Whether {who} is ready", "404", "409"),
        base: _get(problems, f"{name}_metadata", f"The tensors of {who}", "404", "409"),
    }


def _told(problems: dict[str, Any], *codes: str) -> dict[str, Any]:
    return {code: problems[code] for code in codes}


def _as_told(problems: dict[str, str]) -> dict[str, Any]:
    """Return the error responses by code, each one object for all operations."""
    content = {"application/json": {"schema": ref("InferenceProblem")}}
    return {code: {"description": text, "content": content} for code, text in problems.items()}


def _get(problems: dict[str, Any], name: str, summary: str, *codes: str) -> dict[str, Any]:
    operation = _operation(name, summary, _OBJECT)
    operation["responses"] |= _told(problems, *codes)
    return {"get": operation}


def _champion(model: ServedModel) -> Version | None:
    try:
        champion = model.champion()
    except UnknownNameError:
        return None
    return champion if champion.numbers is not None else None


def _operation(name: str, summary: str, answer: dict[str, Any]) -> dict[str, Any]:
    return {"tags": [_TAG], "operationId": name, "summary": summary, "responses": _answered(answer)}


def _answered(schema: dict[str, Any]) -> dict[str, Any]:
    return {"200": {"description": "Answered", "content": {"application/json": {"schema": schema}}}}


def _body(schema: dict[str, Any], shown: dict[str, Any] | None) -> dict[str, Any]:
    told = {} if shown is None else {"example": shown}
    return {"required": True, "content": {"application/json": {"schema": schema, **told}}}


def _example(served: Served) -> dict[str, Any]:
    return {"inputs": example([*served.example.values()], served.inputs)}


_NUMBERS: Final = {"type": "array", "items": {"type": ["number", "null"]}}
_CELLS: Final = {"type": "array", "items": {"type": ["number", "string", "boolean", "null"]}}


def _tensor(name: dict[str, Any], datatype: dict[str, Any], dimensions: tuple[int, int], cells: Any) -> dict[str, Any]:
    least, most = dimensions
    size = {"type": "integer", "minimum": 1}
    return {
        "type": "object",
        "required": ["name", "shape", "datatype", "data"],
        "properties": {
            "name": name,
            "datatype": datatype,
            "shape": {"type": "array", "items": size, "minItems": least, "maxItems": most},
            "data": {"anyOf": [cells, {"type": "array", "items": cells}]},
        },
    }


def _inputs() -> dict[str, Any]:
    """Return what a request sends: one tensor of numbers, or one for each input where they are of several types."""
    rows = _tensor({"const": INPUT}, {"const": DATATYPE}, (2, 2), _NUMBERS)
    named = _tensor({"type": "string"}, {"enum": list(dict.fromkeys(DATATYPES.values()))}, (1, 2), _CELLS)
    return {
        "anyOf": [
            {"type": "array", "minItems": 1, "maxItems": 1, "items": rows},
            {"type": "array", "minItems": 1, "items": named},
        ]
    }


def components(kinds: Iterable[Kind]) -> dict[str, Any]:
    """Return the schemas by name, with the outputs of all ``kinds``."""
    outputs = list(dict.fromkeys(name for kind in kinds for name in kind.outputs))
    return {
        "InferenceProblem": {
            "allOf": [
                {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]},
                {"type": "object", "required": ["code", "message", "errors", "request_id"]},
            ]
        },
        "InferenceRequest": {
            "type": "object",
            "required": ["inputs"],
            "properties": {
                "id": {"type": "string"},
                "inputs": _inputs(),
                "outputs": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {"name": {"enum": outputs}},
                    },
                },
            },
        },
    }
