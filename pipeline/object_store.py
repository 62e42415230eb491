"""The object store, and nothing else that knows boto3: conditional writes, and errors in our own words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Never

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    ParamValidationError,
    ProxyConnectionError,
    SSLError,
)

from contract.errors import ChainError, ConfigurationError, ServiceDownError, ServiceUnwellError
from contract.store_answer import StoreAnswer
from pipeline.settings import StoreSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PROBE_PREFIX = "_probe/"
# A person who asks for something learns within ten seconds that the store does not answer.
FIRST_ANSWER_S = 7.0


class ConflictError(ServiceDownError):
    """Another conditional write of the same key was under way; this one may be tried again."""


@dataclass(frozen=True)
class StoredObject:
    """An object as LIST or HEAD shows it; ``metadata`` is empty in a listing, and the time is there only."""

    key: str
    etag: str
    bytes: int
    metadata: Mapping[str, str]
    modified_at_s: float = 0.0


class ObjectStore:
    """One bucket. Safe to share between threads.

    Every method raises :class:`ServiceDownError` when the store does not answer (after the client's own
    retries), its :class:`ServiceUnwellError` when it has no room or answers 5xx, and a :class:`StopError` when it
    refuses us: keys, permissions, a clock that is wrong, a bucket that is not there.
    """

    tells_writers_apart = False
    """Whether it was probed; see :mod:`pipeline.store_probe`."""

    def __init__(self, settings: StoreSettings, *, attempts: int = 3, read_timeout_s: float = 30) -> None:
        self.bucket = settings.bucket
        self.endpoint_url = settings.endpoint_url
        self._client: S3Client = _client(
            settings.endpoint_url,
            aws_access_key_id=settings.access_key.get_secret_value(),
            aws_secret_access_key=settings.secret_key.get_secret_value(),
            region_name=settings.region,
            config=Config(
                # Other stores than AWS refuse the newer default checksums.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                retries={"mode": "standard", "total_max_attempts": attempts},
                s3={"addressing_style": "path"},
                connect_timeout=3,
                read_timeout=read_timeout_s,
                max_pool_connections=8,
            ),
        )

    @classmethod
    def answering(cls, settings: StoreSettings) -> ObjectStore:
        """Return a store that has just answered; one that hangs is given up after ``FIRST_ANSWER_S`` seconds."""
        cls(settings, attempts=1, read_timeout_s=FIRST_ANSWER_S).head(f"{PROBE_PREFIX}answers")
        return cls(settings)

    def ensure_bucket(self) -> None:
        """Create the bucket if it is not there."""
        try:
            self._client.create_bucket(Bucket=self.bucket)
        except ClientError as error:
            if _code(error) not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
                self._raise(error)
        except (BotoCoreError, HTTPClientError) as error:
            self._raise(error)

    def put_if_absent(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> str | None:
        """Write ``key`` unless it exists; return its ETag, or None where it does."""
        return self._put(key, body, metadata, {"IfNoneMatch": "*"})

    def put_if_match(self, key: str, body: bytes, etag: str) -> str | None:
        """Replace ``key`` if its ETag still is ``etag``; return the new one, or None where it is not."""
        return self._put(key, body, None, {"IfMatch": etag})

    def put(self, key: str, body: bytes) -> str:
        """Write ``key`` whatever was there; return its ETag."""
        etag = self._put(key, body, None, {})
        assert etag is not None  # noqa: S101 - without a condition there is no refusal
        return etag

    def head(self, key: str) -> StoredObject | None:
        """Return the object's size, ETag and metadata, or None where there is none."""
        try:
            answer = self._client.head_object(Bucket=self.bucket, Key=key)
        except (ClientError, BotoCoreError, HTTPClientError) as error:
            if _missing(error):
                return None
            self._raise(error)
        return StoredObject(key, answer["ETag"].strip('"'), answer["ContentLength"], answer["Metadata"])

    def get(self, key: str) -> tuple[bytes, str] | None:
        """Return the object's bytes and ETag, or None where there is none."""
        try:
            answer = self._client.get_object(Bucket=self.bucket, Key=key)
            return answer["Body"].read(), answer["ETag"].strip('"')
        except (ClientError, BotoCoreError, HTTPClientError) as error:
            if _missing(error):
                return None
            self._raise(error)

    def get_tail(self, key: str, size: int) -> bytes:
        """Return the last ``size`` bytes of the object, or all of it if it has fewer.

        Raises
        ------
        ChainError: there is none.
        """
        try:
            answer = self._client.get_object(Bucket=self.bucket, Key=key, Range=f"bytes=-{size}")
            return answer["Body"].read()
        except (ClientError, BotoCoreError, HTTPClientError) as error:
            if _missing(error):
                raise ChainError(f"{key} is not in bucket {self.bucket!r}; restore that object") from error
            self._raise(error)

    def list_objects(self, prefix: str, *, after: str = "") -> Iterator[StoredObject]:
        """Yield the objects under ``prefix`` in key order, those behind ``after`` only."""
        pages = self._client.get_paginator("list_objects_v2")
        try:
            for page in pages.paginate(Bucket=self.bucket, Prefix=prefix, StartAfter=after):
                for entry in page.get("Contents", []):
                    at_s = entry["LastModified"].timestamp()
                    yield StoredObject(entry["Key"], entry["ETag"].strip('"'), entry["Size"], {}, at_s)
        except (ClientError, BotoCoreError, HTTPClientError) as error:
            if _missing(error):
                return
            self._raise(error)

    def list_folders(self, prefix: str) -> list[str]:
        """Return the names of the folders right below ``prefix``, which ends in a slash."""
        pages = self._client.get_paginator("list_objects_v2")
        try:
            return [
                folder["Prefix"][len(prefix) : -1]
                for page in pages.paginate(Bucket=self.bucket, Prefix=prefix, Delimiter="/")
                for folder in page.get("CommonPrefixes", [])
            ]
        except (ClientError, BotoCoreError, HTTPClientError) as error:
            if _missing(error):
                return []
            self._raise(error)

    def delete(self, key: str) -> None:
        """Remove ``key``; no error where there is none."""
        try:
            self._client.delete_object(Bucket=self.bucket, Key=key)
        except (ClientError, BotoCoreError, HTTPClientError) as error:
            self._raise(error)

    def _put(
        self, key: str, body: bytes, metadata: Mapping[str, str] | None, condition: Mapping[str, str]
    ) -> str | None:
        extra: dict[str, Any] = dict(condition)
        try:
            answer = self._client.put_object(
                Bucket=self.bucket, Key=key, Body=body, Metadata=dict(metadata or {}), **extra
            )
        except (ClientError, BotoCoreError, HTTPClientError) as error:
            if isinstance(error, ClientError) and _code(error) in {"PreconditionFailed", "412"}:
                return None
            self._raise(error)
        return answer["ETag"].strip('"')

    def _raise(self, error: ClientError | BotoCoreError | HTTPClientError) -> Never:
        if isinstance(error, ClientError):
            if _code(error) == "403":
                error = self._with_words(error)
            if _code(error) == "ConditionalRequestConflict":
                raise ConflictError("minio", self.endpoint_url, str(error).splitlines()[0]) from error
            raise _answer(error).error(self.endpoint_url, self.bucket) from error
        if isinstance(error, ParamValidationError):
            raise ConfigurationError(f"bucket {self.bucket!r}: {str(error).splitlines()[-1]}") from error
        reason = str(error).splitlines()[0]
        if isinstance(error, SSLError):
            remedy = "Correct http or https in its address, or name its certificate's authority in AWS_CA_BUNDLE"
            raise ServiceUnwellError("minio", self.endpoint_url, reason, remedy) from error
        if isinstance(error, ProxyConnectionError):
            remedy = "Unset HTTP_PROXY and HTTPS_PROXY, or name its host in NO_PROXY"
            raise ServiceUnwellError("minio", self.endpoint_url, reason, remedy) from error
        raise ServiceDownError("minio", self.endpoint_url, reason) from error

    def _with_words(self, refused: ClientError) -> ClientError:
        """Return the refusal of a HEAD with its cause: its answer has no body, that of a listing has."""
        try:
            self._client.list_objects_v2(Bucket=self.bucket, MaxKeys=1)
        except ClientError as error:
            return error
        except (BotoCoreError, HTTPClientError):
            return refused
        return refused


def _client(endpoint_url: str, **settings: Any) -> S3Client:
    try:
        return boto3.client("s3", endpoint_url=endpoint_url, **settings)
    except ValueError as error:
        raise ConfigurationError(
            f"{endpoint_url!r} is no address of an object store ({error}); SWATHE_STORE_URL or AWS_ENDPOINT_URL_S3 is "
            f"http://host:port"
        ) from error


def _answer(error: ClientError) -> StoreAnswer:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return StoreAnswer(status, _code(error), error.response.get("Error", {}).get("Message", ""))


def _code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")


def _missing(error: Exception) -> bool:
    return isinstance(error, ClientError) and _code(error) in {"404", "NoSuchKey", "NoSuchBucket", "NotFound"}
