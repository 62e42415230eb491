"""The Open Inference Protocol's part of the OpenAPI page."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from scoring.kmeans import Scoring
from serving.catalogue import Catalogue, Version
from serving.inference_protocol import DATATYPE, INPUT, OUTPUTS
from serving.openapi_schemas import example, ref

_TAG: Final = "Open Inference Protocol"
_OBJECT: Final = {"type": "object"}
_INFER_PROBLEMS: Final = ("400", "404", "409", "413", "422", "429", "503", "504")


def inference_paths(catalogue: Catalogue, problems: dict[str, Any]) -> dict[str, Any]:
    """Return the paths under /v2; ``problems`` are the error responses by code."""

    def told(codes: tuple[str, ...]) -> dict[str, Any]:
        content = {"application/json": {"schema": ref("InferenceProblem")}}
        return {code: {"description": problems[code], "content": content} for code in codes}

    def get(name: str, summary: str, *codes: str) -> dict[str, Any]:
        return {"get": _operation(name, summary, _OBJECT) | {"responses": _answered(_OBJECT) | told(codes)}}

    paths: dict[str, Any] = {
        "/v2": get("v2_server", "Who answers"),
        "/v2/health/live": get("v2_live", "The process answers"),
        "/v2/health/ready": get("v2_ready", "The registry was read", "503"),
    }
    index = _operation("v2_index", "Every version with its state", {"type": "array", "items": _OBJECT})
    index["requestBody"] = _body({"type": "object", "properties": {"ready": {"type": "boolean"}}}, {"ready": True})
    index["responses"] |= told(("400", "413", "422", "504"))
    paths["/v2/repository/index"] = {"post": index}
    for version in _ready(catalogue):
        base = f"/v2/models/{quote(version.model, safe='')}/versions/{version.number}"
        name = f"v2_{version.model}_{version.number}"
        infer = _operation(f"{name}_infer", f"The cluster of each row, by {version.name} of {version.model}", _OBJECT)
        scoring = version.required_numbers().scoring
        infer["requestBody"] = _body(ref("InferenceRequest"), _example(scoring))
        infer["responses"] |= told(_INFER_PROBLEMS)
        paths[f"{base}/infer"] = {"post": infer}
        paths[f"{base}/ready"] = get(f"{name}_ready", f"{version.name} of {version.model} is ready", "404", "409")
        paths[base] = get(f"{name}_metadata", f"The tensors of {version.name} of {version.model}", "404", "409")
    return paths


def _ready(catalogue: Catalogue) -> list[Version]:
    models = catalogue.models.values()
    return [version for model in models for version in model.versions.values() if version.numbers is not None]


def _operation(name: str, summary: str, answer: dict[str, Any]) -> dict[str, Any]:
    return {"tags": [_TAG], "operationId": name, "summary": summary, "responses": _answered(answer)}


def _answered(schema: dict[str, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": schema}, "application/octet-stream": {"schema": {"type": "string"}}}
    return {"200": {"description": "Answered", "content": content}}


def _body(schema: dict[str, Any], shown: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema, "example": shown}}}


def _example(scoring: Scoring) -> dict[str, Any]:
    row = list(example(scoring).values())
    return {"inputs": [{"name": INPUT, "shape": [1, len(row)], "datatype": DATATYPE, "data": row}]}


_NUMBERS: Final = {"type": "array", "items": {"type": ["number", "null"]}}
COMPONENTS: Final[dict[str, Any]] = {
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
            "inputs": {
                "type": "array",
                "minItems": 1,
                "maxItems": 1,
                "items": {
                    "type": "object",
                    "required": ["name", "shape", "datatype", "data"],
                    "properties": {
                        "name": {"const": INPUT},
                        "datatype": {"const": DATATYPE},
                        "shape": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2},
                        "data": {"anyOf": [_NUMBERS, {"type": "array", "items": _NUMBERS}]},
                    },
                },
            },
            "outputs": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {"name": {"enum": list(OUTPUTS)}},
                },
            },
        },
    },
}
