"""The model registry and its artifacts over MLflow's REST API: importing mlflow would cost seconds and 176 MB."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from contract.decoding import Decoder, shortened, too_large
from contract.errors import AccessDeniedError, ModelArtifactError, ServiceDownError, UnreadableAnswerError
from contract.model_version import TAG_RESTORING
from contract.tracking import TrackingServer
from serving.versions import registry_answers as answers
from serving.versions.ends import Ends
from serving.versions.head_deadline import HeadDeadline
from serving.versions.registered import RegisteredVersion, Stretch, faulty, in_order, read, too_many

T = TypeVar("T")

_API: Final = "/api/2.0/mlflow"
_ARTIFACTS: Final = "/api/2.0/mlflow-artifacts/artifacts"
_PAGE: Final = 200
_MOST_PAGES: Final = 1000
# Of an answer of which the ends alone are kept.
_MOST_DROPPED: Final = 2**30
# An answer that drips goes on for ever without one of its bytes being late.
_DEADLINE_S: Final = 60.0
_LEAST_BYTES_A_SECOND: Final = 2 * 2**20
_PROXIED: Final = "mlflow-artifacts:"
_LOGGED_MODEL: Final = "models:/"


@dataclass(frozen=True)
class RegisteredModel:
    """A registered model; while it ``is_restoring``, its versions and aliases come back one by one.

    ``created_ms`` tells it from one of the same name that was there before; None where that cannot be read.
    """

    aliases: Mapping[str, int]
    is_restoring: bool
    created_ms: int | None = None


@dataclass(frozen=True)
class Location:
    """Where a version's artifact is: its path below the server's artifact proxy."""

    path: str
    experiment_id: str | None


@dataclass(frozen=True)
class _Answer:
    status: int
    body: bytes


class Registry:
    """Reads one tracking server. Safe to share between threads.

    Every method raises :class:`ServiceDownError` when the server does not answer, :class:`UnreadableAnswerError`
    when it answers an error, more than it may, or something else than is meant, and :class:`AccessDeniedError` when
    it refuses us. ``transport`` stands for the network in tests.
    """

    def __init__(
        self, server: TrackingServer, *, timeout_s: float = 10.0, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.uri = server.uri
        # Compressed answers would be of any size after a bound on what came in.
        headers = {**server.headers, "accept-encoding": "identity"}
        self._http = httpx.Client(timeout=httpx.Timeout(timeout_s, connect=2.0), headers=headers, transport=transport)
        self._head = HeadDeadline(self._http)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def model_names(self) -> list[str]:
        """Return the names of all registered models that have one which can be read."""
        names: list[str | None] = []
        for page in self._pages("registered-models/search", {}, answers.MODELS):
            if isinstance(page, Ends):
                names.append(page.model_name())
            else:
                found = [_decoded(answers.MODEL, entry) for entry in page.registered_models]
                names += [model.name for model in found if model is not None]
        return [name for name in names if name is not None]

    def model(self, name: str) -> RegisteredModel | None:
        """Return the registered model ``name``, or None where there is none. A search leaves its aliases out."""
        path, fields = "registered-models/get", {"name": name}
        try:
            answer = self._get(path, fields, answers.ALIASES, absent_ok=True)
        except _TooLargeError:
            # It repeats the newest version, which may have tags of any size.
            answer = self._decode(answers.ALIASES, self._ends(path, fields).model_answer(TAG_RESTORING), path)
        if answer is None:
            return None
        found = [_decoded(answers.ALIAS, entry) for entry in answer.registered_model.aliases]
        tags = [_decoded(answers.MODEL_TAG, entry) for entry in answer.registered_model.tags]
        return RegisteredModel(
            aliases={entry.alias: int(entry.version) for entry in found if entry is not None},
            is_restoring=any(tag is not None and tag.key == TAG_RESTORING for tag in tags),
            created_ms=answer.registered_model.creation_timestamp,
        )

    def versions(
        self, model: str, *, below: int | None = None, down_to: int = 1, most: int = _PAGE, room: int | None = None
    ) -> Stretch:
        """Return the versions of ``model`` that are newer than ``down_to``, and those that come along with them.

        They are asked for ``most`` at a time, so that there are about so many at least; only those with a number
        ``below``, where it is given. ``room`` is for so many bytes of entries, the newest first.
        """
        asked = f"name={_quoted(model)}" + ("" if below is None else f" and version_number < {below}")
        found: list[RegisteredVersion] = []
        room = answers.MOST_LISTED if room is None else room
        for versions, is_last in self._versions(model, asked, most):
            for version in versions:
                room -= version.size
                found.append(version if room >= 0 else too_many(version))
            first = min((version.number for version in found), default=1)
            if not is_last and found and first <= down_to:
                return Stretch(first, in_order(found))
        return Stretch(1, in_order(found))

    def versions_of_runs(self, model: str, runs: Iterable[str]) -> list[RegisteredVersion]:
        """Return the versions of ``model`` that these ``runs`` made; no id of a run has a quote in it."""
        asked = f"name={_quoted(model)} and run_id IN ({','.join(map(_quoted, runs))})"
        return [version for versions, _ in self._versions(model, asked, _PAGE) for version in versions]

    def _versions(self, model: str, asked: str, most: int) -> Iterator[tuple[list[RegisteredVersion], bool]]:
        """Yield pages of what is ``asked`` for, the newest first, and whether there are no more."""
        fields = {"filter": asked, "order_by": "version_number DESC"}
        for page in self._pages("model-versions/search", fields, answers.VERSIONS, most):
            if isinstance(page, Ends):
                too_large = f"it has more than {answers.VERSIONS.most_bytes:,} bytes"
                found = [faulty(model, page.version_number(), too_large)]
            else:
                found = [read(model, bytes(entry)) for entry in page.model_versions]
            yield [version for version in found if version is not None], not page.next_page_token

    def locate(self, source: str) -> Location:
        """Return where the artifact of a version with this ``source`` is.

        Raises
        ------
        ModelArtifactError: not an artifact that the tracking server passes on.
        """
        uri, experiment = source, None
        if source.startswith(_LOGGED_MODEL):
            name = quote(source.removeprefix(_LOGGED_MODEL), safe="")
            answer = self._get(f"logged-models/{name}", {}, answers.LOGGED_MODEL, absent_ok=True)
            if answer is None:
                raise ModelArtifactError(f"the registry has no logged model {shortened(source)}")
            uri, experiment = answer.model.info.artifact_uri, answer.model.info.experiment_id
        if not uri.startswith(_PROXIED):
            raise ModelArtifactError(
                f"artifact {shortened(uri)} is not behind the tracking server's proxy; "
                f"`mlflow server` needs --serve-artifacts"
            )
        try:
            path = httpx.URL(uri).path.strip("/")
        except httpx.InvalidURL as error:
            raise ModelArtifactError(f"artifact {shortened(uri)} is no address: {error}") from error
        return Location(path, experiment)

    def file_sizes(self, location: Location, directory: str) -> dict[str, int | None]:
        """Return an artifact's files in ``directory`` by their name, ``directory`` included; empty if it is not there.

        The size in bytes is None where the server does not tell it. The proxy answers 500 to the download of a file
        that is not there, so ask before.
        """
        answer = self._send(_ARTIFACTS, {"path": f"{location.path}/{directory}"}, answers.FILES.most_bytes)
        self._refuse_artifact(answer, directory)
        listed = self._decode(answers.FILES, answer.body, _ARTIFACTS)
        return {f"{directory}/{entry.path}": entry.file_size for entry in listed.files if not entry.is_dir}

    def download(self, location: Location, name: str, most_bytes: int) -> bytes:
        """Return the bytes of file ``name`` of an artifact.

        Raises
        ------
        ModelArtifactError: there is no such file, or it has more than ``most_bytes``; no more of it is read.
        """
        return b"".join(self.chunks(location, name, most_bytes))

    def chunks(self, location: Location, name: str, most_bytes: int, expected: int = 0) -> Generator[bytes]:
        """Yield the bytes of file ``name`` of an artifact as they come; so many are ``expected``, and may take longer.

        Raises
        ------
        ModelArtifactError: as :meth:`download`.
        """
        path = f"{_ARTIFACTS}/{quote(location.path)}/{quote(name)}"
        try:
            with self._answering(path, {}) as answer:
                if answer.is_success:
                    yield from _chunks(answer, path, most_bytes, _DEADLINE_S + expected / _LEAST_BYTES_A_SECOND)
        except _TooLargeError as error:
            raise ModelArtifactError(f"{name}: {error.reason}") from error
        self._refuse_artifact(_Answer(answer.status_code, b""), name)

    def _pages(
        self, path: str, fields: Mapping[str, Any], decoder: Decoder[answers.P], most: int = _PAGE
    ) -> Iterator[answers.P | Ends]:
        """Yield the pages of a listing; of one with a single entry that is too large only how it begins and ends."""
        token, size, count = "", most, 0
        while True:
            asked = {**fields, "max_results": size, "page_token": token}
            page: answers.P | Ends | None
            try:
                page = self._get(path, asked, decoder)
            except _TooLargeError:
                if size > 1:
                    size //= 2
                    continue
                page = self._ends(path, asked)
            size = min(most, 2 * size)
            if page is None:
                return
            yield page
            count += 1
            if not page.next_page_token:
                return
            if page.next_page_token == token or count >= _MOST_PAGES:
                raise UnreadableAnswerError("mlflow", path, f"its pages do not end, after {count}")
            token = page.next_page_token

    def _ends(self, path: str, fields: Mapping[str, Any]) -> Ends:
        """Return how an answer begins and ends; the rest is read and dropped."""
        with self._answering(f"{_API}/{path}", fields) as answer:
            ends = Ends()
            if answer.is_success:
                for chunk in _chunks(answer, path, _MOST_DROPPED):
                    ends.take(chunk)
        self._refuse(_Answer(answer.status_code, b""), path)
        return ends

    def _get(self, path: str, fields: Mapping[str, Any], decoder: Decoder[T], *, absent_ok: bool = False) -> T | None:
        answer = self._send(f"{_API}/{path}", fields, decoder.most_bytes)
        if absent_ok and answer.status == 404:
            return None
        self._refuse(answer, path)
        return self._decode(decoder, answer.body, path)

    def _decode(self, decoder: Decoder[T], body: bytes, path: str) -> T:
        try:
            return decoder.decode(body)
        except ValueError as error:
            raise UnreadableAnswerError("mlflow", path, str(error)) from error

    def _send(self, path: str, fields: Mapping[str, Any], most_bytes: int) -> _Answer:
        with self._answering(path, fields) as answer:
            # What an error says is not looked at.
            body = b"".join(_chunks(answer, path, most_bytes)) if answer.is_success else b""
            return _Answer(answer.status_code, body)

    @contextmanager
    def _answering(self, path: str, fields: Mapping[str, Any]) -> Iterator[httpx.Response]:
        try:
            with ExitStack() as stack:
                with self._head.within(_DEADLINE_S):
                    question = self._http.stream("GET", f"{self.uri}{path}", params=dict(fields))
                    answer = stack.enter_context(question)
                yield answer
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ServiceDownError("mlflow", self.uri, f"{type(error).__name__}: {error}") from error

    def _refuse(self, answer: _Answer, path: str) -> None:
        if answer.status in {401, 403}:
            raise AccessDeniedError(
                f"the tracking server at {self.uri} refuses {path} ({answer.status}); check MLFLOW_TRACKING_USERNAME "
                "and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
            )
        if not 200 <= answer.status < 300:
            raise UnreadableAnswerError("mlflow", path, f"status {answer.status}")

    def _refuse_artifact(self, answer: _Answer, name: str) -> None:
        if answer.status == 404:
            raise ModelArtifactError(f"the artifact has no file {name}")
        if answer.status in {400, 405, 414}:
            # Its own check of paths: such an artifact is not there and will not be.
            raise ModelArtifactError(f"the tracking server takes no such path to {name} ({answer.status})")
        self._refuse(answer, name)


class _TooLargeError(UnreadableAnswerError):
    """An answer is longer than it may be."""


def _chunks(answer: httpx.Response, path: str, most_bytes: int, deadline_s: float = _DEADLINE_S) -> Iterator[bytes]:
    """Yield what an answer holds; no more is read than may be."""
    told = answer.headers.get("content-length", "")
    if told.isascii() and told.isdigit() and len(told) < 19 and int(told) > most_bytes:
        raise _TooLargeError("mlflow", path, too_large(int(told), most_bytes))
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise UnreadableAnswerError("mlflow", path, "it is compressed, which was not asked for")
    began, size = time.monotonic(), 0
    for chunk in answer.iter_raw():
        size += len(chunk)
        if size > most_bytes:
            raise _TooLargeError("mlflow", path, f"it has more than {most_bytes:,} bytes")
        if time.monotonic() - began > deadline_s:
            raise UnreadableAnswerError("mlflow", path, f"it took longer than {deadline_s:.0f} s")
        yield chunk


def _quoted(text: str) -> str:
    # MLflow knows two kinds of quotes, and no way to escape one.
    return f"'{text}'" if "'" not in text else f'"{text}"'


def _decoded(decoder: Decoder[T], entry: msgspec.Raw) -> T | None:
    try:
        return decoder.decode(bytes(entry))
    except ValueError:
        return None
