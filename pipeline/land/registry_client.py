"""One question to a schema registry that speaks Confluent's protocol, and what its answer means."""

from __future__ import annotations

import contextlib
import ssl
import threading
import time
from concurrent.futures import Future, wait
from typing import Final, NoReturn
from urllib.parse import quote

import httpx
import msgspec
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from contract.decoding import Decoder
from contract.errors import AccessDeniedError, ConfigurationError, ServiceUnwellError
from pipeline.land.formats.avro.schema import MOST_BYTES, UnreadableSchemaError
from pipeline.land.patient_store import StoppedError

TIMEOUT_S: Final = 6.0
_LONGEST_ANSWER_S: Final = 30.0
_LOOKS_EVERY_S: Final = 0.2
# Of what a registry says of a question, these are about us, or about now.
_REFUSED: Final = frozenset({401, 403})
_LATER: Final = frozenset({408, 429})
# The last two are of a connection that was closed because another question had no answer.
_NO_ANSWER: Final = (httpx.HTTPError, httpx.InvalidURL, OSError, RuntimeError, ValueError)
_MOST_REFERENCES: Final = 100
# A schema is text within JSON: its quotes are escaped.
_MOST_ANSWERED: Final = 2 * MOST_BYTES + 65_536
_REMEDY: Final = "Records wait for their schemas: start the registry, or correct `records.schema_registry`"


class RegistrySettings(BaseSettings):
    """How the schema registry is spoken with; its address is the stream file's."""

    model_config = SettingsConfigDict(frozen=True, env_prefix="SWATHE_SCHEMA_REGISTRY_")

    username: str | None = None
    password: SecretStr = SecretStr("")
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None


class _Reference(msgspec.Struct):
    name: str
    subject: str
    version: int


class _Answer(msgspec.Struct):
    schema: str
    schemaType: str | None = None  # noqa: N815 - the registry's own word
    references: list[_Reference] | None = None


class _Refusal(msgspec.Struct):
    error_code: int
    message: str = ""


class RegisteredSchema(msgspec.Struct, frozen=True):
    """The text of a schema, and of those that it refers to, in the order of their use."""

    text: str
    referred: tuple[str, ...] = ()


_ANSWERS: Final = Decoder[_Answer](_Answer, most_bytes=_MOST_ANSWERED, most_values=_MOST_ANSWERED)
_REFUSALS: Final = Decoder[_Refusal](_Refusal, most_bytes=65_536, most_values=10_000)


class RegistryClient:
    """Asks the registry at ``url``; each call is one try. Safe to share between threads.

    Parameters
    ----------
    stop: whoever waits for an answer gives up when this is set
    """

    def __init__(self, url: str, settings: RegistrySettings, stop: threading.Event | None = None) -> None:
        self.url = url
        self._settings = settings
        self._trusted = _trusted(settings)
        self._stop = stop
        self._client = _client(settings, self._trusted)
        self._has_answered = False
        """Whether what is at the address has spoken as a registry does."""

    def check(self) -> None:
        """Say what is wrong with the registry, or its address; raises as :meth:`schema`."""
        # Whether there is such a schema, or who may read it, is not the question.
        with contextlib.suppress(UnreadableSchemaError):
            self._fetched("schemas/ids/1", may_be_forbidden=True)

    def schema(self, number: int) -> RegisteredSchema:
        """Return the schema of id ``number``, and those that it refers to.

        Raises
        ------
        UnreadableSchemaError: the registry has none, or not one of Avro.
        ServiceDownError: it does not answer, or with what is no answer.
        AccessDeniedError: it refuses us.
        ConfigurationError: there is no registry at the address.
        StoppedError: the process was told to stop meanwhile.
        """
        answer = self._fetched(f"schemas/ids/{number}")
        if (kind := answer.schemaType or "AVRO").upper() != "AVRO":
            raise UnreadableSchemaError(f"the registry has it as {kind[:20]}, and the stream file says `format: avro`")
        referred: dict[tuple[str, int], str] = {}
        self._refer(answer, referred, 0)
        return RegisteredSchema(answer.schema, tuple(referred.values()))

    def _refer(self, answer: _Answer, referred: dict[tuple[str, int], str], depth: int) -> None:
        for each in answer.references or ():
            key = each.subject, each.version
            if key in referred:
                continue
            if depth > _MOST_REFERENCES or len(referred) >= _MOST_REFERENCES:
                raise UnreadableSchemaError(f"it refers to more than {_MOST_REFERENCES} schemas")
            found = self._fetched(f"subjects/{quote(each.subject, safe='')}/versions/{each.version}")
            # Those that it refers to stand before it.
            self._refer(found, referred, depth + 1)
            referred[key] = found.schema

    def _fetched(self, path: str, *, may_be_forbidden: bool = False) -> _Answer:
        """Return what the registry has at ``path``."""
        try:
            status, location, body = self._get(path)
        except _NO_ANSWER as error:
            self._is_down(f"{type(error).__name__}: {error}")
        if status == 403 and may_be_forbidden:
            raise UnreadableSchemaError("it is not for us")
        if status in _REFUSED:
            raise AccessDeniedError(
                f"the schema registry at {self.url} answers {path} with {status}: set "
                f"SWATHE_SCHEMA_REGISTRY_USERNAME and SWATHE_SCHEMA_REGISTRY_PASSWORD to a name that may read schemas"
            )
        if 300 <= status < 400:
            self._is_none(path, f"{status}, which leads to {location!r:.200}")
        if 400 <= status < 500 and status not in _LATER:
            self._is_not_there(path, status, body)
        if status != 200:
            self._is_down(f"HTTP {status}")
        return self._decoded(path, body)

    def _decoded(self, path: str, body: bytes) -> _Answer:
        try:
            found = _ANSWERS.decode(body)
        except ValueError as error:
            if len(body) > _MOST_ANSWERED:
                raise UnreadableSchemaError(f"its schema has more than {MOST_BYTES:,} bytes") from error
            self._is_down(f"answers {path} with what is no schema: {error}")
        self._has_answered = True
        return found

    def _is_not_there(self, path: str, status: int, body: bytes) -> NoReturn:
        try:
            refusal = _REFUSALS.decode(body)
        except ValueError:
            self._is_none(path, f"{status}, and not in a registry's words")
        self._has_answered = True
        said = f" ({refusal.message[:100]})" if refusal.message else ""
        raise UnreadableSchemaError(f"the registry at {self.url} does not know it{said}")

    def _is_none(self, path: str, said: str) -> NoReturn:
        """Say that this was no registry's answer: a wrong address, or what stands before a registry that was there."""
        if self._has_answered:
            self._is_down(f"answers {path} with {said}")
        raise ConfigurationError(
            f"there is no schema registry at {self.url}: it answers {path} with {said}; `records.schema_registry` is "
            f"the address below which /schemas/ids/1 is, as in http://127.0.0.1:8081, or "
            f"http://127.0.0.1:8080/apis/ccompat/v7 of Apicurio"
        )

    def _is_down(self, reason: str) -> NoReturn:
        raise ServiceUnwellError("schema registry", self.url, reason[:300], _REMEDY)

    def _get(self, path: str) -> tuple[int, str, bytes]:
        """Return status, where a redirection leads, and body; asked beside, as reading has no end that is its own."""
        found: Future[tuple[int, str, bytes]] = Future()
        client = self._client
        asking = threading.Thread(target=_ask, args=(client, f"{self.url}/{path}", found), daemon=True)
        deadline = time.monotonic() + _LONGEST_ANSWER_S
        asking.start()
        while True:
            if wait([found], max(0.0, min(_LOOKS_EVERY_S, deadline - time.monotonic()))).done:
                return found.result()
            stopped = self._stop is not None and self._stop.is_set()
            if stopped or time.monotonic() > deadline:
                # Whoever still reads meets a closed connection.
                self._client = _client(self._settings, self._trusted)
                client.close()
                if stopped:
                    raise StoppedError
                raise httpx.ReadTimeout(f"no whole answer within {_LONGEST_ANSWER_S:.0f} s")


def _ask(client: httpx.Client, url: str, found: Future[tuple[int, str, bytes]]) -> None:
    """Put status, location and body into ``found``; no more of the body is read than is taken."""
    body = bytearray()
    try:
        with client.stream("GET", url) as answer:
            for piece in answer.iter_bytes():
                body += piece
                if len(body) > _MOST_ANSWERED:
                    break
            found.set_result((answer.status_code, answer.headers.get("Location", ""), bytes(body)))
    except Exception as error:  # raised again where it is waited for
        if not found.done():
            found.set_exception(error)


def _no_phrase() -> str:
    raise ConfigurationError(
        "SWATHE_SCHEMA_REGISTRY_KEY_FILE: the key is encrypted, and nobody is there to be asked for its phrase: name a "
        "key without one (openssl pkey -in KEY -out OTHER), which only this user may read"
    )


def _trusted(settings: RegistrySettings) -> ssl.SSLContext:
    trusted = ssl.create_default_context()
    try:
        if settings.ca_file is not None:
            trusted = ssl.create_default_context(cafile=settings.ca_file)
        if settings.certificate_file is not None:
            trusted.load_cert_chain(settings.certificate_file, settings.key_file, _no_phrase)
    except (OSError, ssl.SSLError) as error:
        named = settings.ca_file if settings.certificate_file is None else settings.certificate_file
        raise ConfigurationError(
            f"SWATHE_SCHEMA_REGISTRY_…_FILE: {named!r} cannot be read as a certificate: {error}"
        ) from error
    return trusted


def _client(settings: RegistrySettings, trusted: ssl.SSLContext) -> httpx.Client:
    auth = None
    if settings.username is None and settings.password.get_secret_value():
        raise ConfigurationError(
            "SWATHE_SCHEMA_REGISTRY_PASSWORD is set, and SWATHE_SCHEMA_REGISTRY_USERNAME is not: it goes with a name"
        )
    if settings.username is not None:
        auth = httpx.BasicAuth(settings.username, settings.password.get_secret_value())
    return httpx.Client(
        auth=auth, verify=trusted, timeout=TIMEOUT_S, follow_redirects=False,
        headers={"Accept": "application/vnd.schemaregistry.v1+json, application/json", "Accept-Encoding": "identity"},
    )  # fmt: skip
