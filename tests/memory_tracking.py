"""A tracking server in memory, for thousands of registries; it passes the same suite as the real one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import httpx

_API = "/api/2.0/mlflow/"
_ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
_QUOTED = re.compile(
    r"""name=(['"])(.*?)\1(?: and version_number < ([0-9]+))?(?: and run_id IN \(([^()]*)\))?""", re.DOTALL
)


@dataclass
class _Model:
    aliases: dict[str, str] = field(default_factory=dict)
    versions: list[dict[str, Any]] = field(default_factory=list)
    created_ms: int = 1


class MemoryTracking(httpx.BaseTransport):
    """Stands for the network and the server behind it.

    ``before`` sees each request first: what it returns is the answer, and what it raises is what happened on the way.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.before: Callable[[str], httpx.Response | None] = lambda _url: None
        self.files: dict[str, bytes] = {}
        self._models: dict[str, _Model] = {}
        self._runs = self._made = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        url = unquote(str(request.url))
        self.asked.append(url)
        given = self.before(url)
        if given is not None:
            return given
        path = unquote(request.url.path)
        if path.startswith(_ARTIFACTS):
            return self._artifact(request, path.removeprefix(_ARTIFACTS).strip("/"))
        name = f"{request.method} {path.removeprefix(_API)}"
        if name.startswith("GET logged-models/"):
            return _refused(404)
        fields = dict(request.url.params) if request.method == "GET" else json.loads(request.read())
        return _CALLS[name](self, fields)

    def versions(self, model: str, count: int, state: str = "ready") -> None:
        """Register so many versions at once, without artifacts."""
        for _ in range(count):
            self._runs += 1
            tags = [{"key": "state", "value": state}]
            self._create_version({"name": model, "run_id": f"{self._runs:032x}", "source": "", "tags": tags})

    def _artifact(self, request: httpx.Request, path: str) -> httpx.Response:
        if request.method == "PUT":
            self.files[path] = request.read()
            return _json({})
        if not path:
            return self._listed(request.url.params["path"])
        if ".." in path.split("/"):
            return _refused(400)
        return answer(200, self.files[path]) if path in self.files else _refused(500)

    def _listed(self, directory: str) -> httpx.Response:
        if ".." in directory.split("/"):
            return _refused(400)
        below = {
            n.removeprefix(f"{directory}/"): len(b) for n, b in self.files.items() if n.startswith(f"{directory}/")
        }
        files = [{"path": name, "is_dir": False, "file_size": size} for name, size in below.items() if "/" not in name]
        folders = [{"path": name, "is_dir": True} for name in {name.split("/")[0] for name in below if "/" in name}]
        return _json({"files": [*folders, *files]})

    def _create_model(self, fields: dict[str, Any]) -> httpx.Response:
        self._made += 1
        self._models.setdefault(fields["name"], _Model(created_ms=self._made))
        return _json({})

    def _delete_model(self, fields: dict[str, Any]) -> httpx.Response:
        del self._models[fields["name"]]
        return _json({})

    def _experiment(self, fields: dict[str, Any]) -> httpx.Response:
        return _json({"experiment": {"experiment_id": "1"}})

    def _create_run(self, fields: dict[str, Any]) -> httpx.Response:
        self._runs += 1
        facts = {"run_id": f"{self._runs:032x}", "artifact_uri": f"mlflow-artifacts:/1/{self._runs:032x}/artifacts"}
        return _json({"run": {"info": facts}})

    def _create_version(self, fields: dict[str, Any]) -> httpx.Response:
        versions = self._models[fields["name"]].versions
        # In the order of the real one's fields.
        number = int(versions[-1]["version"]) + 1 if versions else 1
        entry = {"name": fields["name"], "version": str(number), "creation_timestamp": 1, **fields}
        versions.append(entry)
        return _json({"model_version": entry})

    def _set_alias(self, fields: dict[str, Any]) -> httpx.Response:
        self._models[fields["name"]].aliases[fields["alias"]] = fields["version"]
        return _json({})

    def _set_tag(self, fields: dict[str, Any]) -> httpx.Response:
        (entry,) = (each for each in self._models[fields["name"]].versions if each["version"] == fields["version"])
        kept = [tag for tag in entry["tags"] if tag["key"] != fields["key"]]
        entry["tags"] = [*kept, {"key": fields["key"], "value": fields["value"]}]
        return _json({})

    def _delete_version(self, fields: dict[str, Any]) -> httpx.Response:
        model = self._models[fields["name"]]
        model.versions = [each for each in model.versions if each["version"] != fields["version"]]
        model.aliases = {alias: number for alias, number in model.aliases.items() if number != fields["version"]}
        return _json({})

    def _model(self, fields: dict[str, Any]) -> httpx.Response:
        model = self._models.get(fields["name"])
        if model is None:
            return _refused(404)
        return _json({"registered_model": _shown(fields["name"], model)})

    def _search_models(self, fields: dict[str, Any]) -> httpx.Response:
        match = _QUOTED.fullmatch(fields.get("filter", ""))
        found = [_shown(name, self._models[name]) for name in sorted(self._models) if not match or name == match[2]]
        return _page("registered_models", found, fields)

    def _version(self, fields: dict[str, Any]) -> httpx.Response:
        versions = self._models.get(fields["name"], _Model()).versions
        found = [each for each in versions if each["version"] == fields["version"]]
        return _json({"model_version": found[0]}) if found else _refused(404)

    def _search_versions(self, fields: dict[str, Any]) -> httpx.Response:
        match = _QUOTED.fullmatch(fields["filter"])
        assert match is not None
        _, name, below, runs = match.groups()
        newest_first = self._models.get(name, _Model()).versions[::-1]
        found = [each for each in newest_first if below is None or int(each["version"]) < int(below)]
        wanted = None if runs is None else [run.strip("'") for run in runs.split(",")]
        return _page("model_versions", [each for each in found if wanted is None or each["run_id"] in wanted], fields)


_CALLS: dict[str, Callable[[MemoryTracking, dict[str, Any]], httpx.Response]] = {
    "POST registered-models/create": MemoryTracking._create_model,
    "POST experiments/create": MemoryTracking._experiment,
    "GET experiments/get-by-name": MemoryTracking._experiment,
    "POST runs/create": MemoryTracking._create_run,
    "POST model-versions/create": MemoryTracking._create_version,
    "POST model-versions/set-tag": MemoryTracking._set_tag,
    "POST registered-models/alias": MemoryTracking._set_alias,
    "DELETE registered-models/delete": MemoryTracking._delete_model,
    "DELETE model-versions/delete": MemoryTracking._delete_version,
    "GET registered-models/get": MemoryTracking._model,
    "GET registered-models/search": MemoryTracking._search_models,
    "GET model-versions/search": MemoryTracking._search_versions,
    "GET model-versions/get": MemoryTracking._version,
}


def _shown(name: str, model: _Model) -> dict[str, Any]:
    aliases = [{"alias": alias, "version": version} for alias, version in model.aliases.items()]
    facts = {"name": name, "creation_timestamp": model.created_ms}
    return {**facts, **({"aliases": aliases} if aliases else {})}


def _page(name: str, entries: list[Any], fields: dict[str, Any]) -> httpx.Response:
    begin = int(fields.get("page_token") or 0)
    end = begin + int(fields["max_results"])
    page: dict[str, Any] = {name: entries[begin:end]} if entries[begin:end] else {}
    if end < len(entries):
        page["next_page_token"] = str(end)
    return _json(page)


def answer(status: int, *chunks: bytes, **headers: str) -> httpx.Response:
    """Return an answer that arrives in ``chunks``."""
    named = {"content-length": str(sum(map(len, chunks))), **headers}
    return httpx.Response(status, headers=named, stream=_Chunks(chunks))


class _Chunks(httpx.SyncByteStream):
    def __init__(self, chunks: Sequence[bytes]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        yield from self._chunks


def _json(fields: Any) -> httpx.Response:
    # Escaped, so that halves of surrogate pairs are sent.
    return answer(200, json.dumps(fields).encode())


def _refused(status: int) -> httpx.Response:
    return answer(status, b'{"error_code": "REFUSED"}')
