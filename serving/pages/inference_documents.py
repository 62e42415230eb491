"""What the Open Inference Protocol tells of the server, of a model, and of all versions."""

from __future__ import annotations

from typing import Any

from serving.rows_in import tensors
from serving.versions.catalogue import Catalogue, ServedModel, Version


def server_metadata() -> dict[str, Any]:
    """Return who answers."""
    return {"name": "swathe", "version": "1", "extensions": ["model_repository(index)", "binary_tensor_data"]}


def model_metadata(model: ServedModel, version: Version) -> dict[str, Any]:
    """Return the tensors of a version."""
    numbers = version.required_numbers()
    ready = [str(number) for number, known in model.versions.items() if known.state == "ready"]
    return {
        "name": model.name,
        "versions": ready,
        "platform": numbers.kind.platform,
        "inputs": tensors.described(numbers.served.inputs),
        "outputs": numbers.served.outputs,
        "parameters": {"features": list(numbers.served.inputs), **version.chain},
    }


def repository_index(catalogue: Catalogue, *, only_ready: bool) -> list[dict[str, str]]:
    """Return every version with its state."""
    return [
        {
            "name": model.name,
            "version": str(version.number),
            "state": "READY" if version.state == "ready" else "UNAVAILABLE",
            "reason": version.reason or "",
        }
        for model in catalogue.models.values()
        for version in model.versions.values()
        if version.state == "ready" or not only_ready
    ]
