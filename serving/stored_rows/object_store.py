"""The object store of results and artifacts, and nothing else that knows boto3. Reads only."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import TYPE_CHECKING, Final, Never

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, ParamValidationError

from contract import remedies
from contract.decoding import shortened, too_large
from contract.errors import ConfigurationError, ModelArtifactError, ServiceDownError
from contract.store_answer import StoreAnswer
from serving.settings import ServingSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CHUNK: Final = 256 * 1024


class ObjectStore:
    """One bucket. Safe to share between threads.

    Every method raises :class:`ServiceDownError` when the store does not answer or answers 5xx,
    a :class:`StopError` when it refuses us, and :class:`ModelArtifactError` when the object is not the
    one that was meant.
    """

    def __init__(self, settings: ServingSettings, bucket: str | None = None) -> None:
        if settings.store_url is None:
            raise ConfigurationError(f"AWS_ENDPOINT_URL_S3 is not set; {remedies.set_environment()} sets it")
        self.bucket, self.endpoint_url = bucket or settings.bucket, settings.store_url
        self._client: S3Client = boto3.client(
            "s3",
            endpoint_url=settings.store_url,
            aws_access_key_id=settings.access_key.get_secret_value(),
            aws_secret_access_key=settings.secret_key.get_secret_value(),
            region_name=settings.region,
            config=Config(
                response_checksum_validation="when_required",
                retries={"mode": "standard", "total_max_attempts": 2},
                s3={"addressing_style": "path"},
                connect_timeout=2,
                read_timeout=min(10.0, settings.deadline_s),
                max_pool_connections=16,
            ),
        )

    def sizes(self, prefix: str) -> dict[str, int]:
        """Return the sizes of the objects directly below ``prefix``, by the rest of their keys; a thousand at most."""
        try:
            listed = self._client.list_objects_v2(Bucket=self.bucket, Prefix=prefix, Delimiter="/")
        except (ClientError, BotoCoreError, HTTPClientError) as error:
            self._raise(prefix, error)
        return {each["Key"].removeprefix(prefix): each["Size"] for each in listed.get("Contents", [])}

    def get(self, key: str, most_bytes: int) -> bytes:
        """Return the bytes of ``key``, which may have ``most_bytes``; of a larger one none are read."""
        return b"".join(self.chunks(key, most_bytes))

    def chunks(self, key: str, most_bytes: int) -> Generator[bytes]:
        """Yield the bytes of ``key`` as they come; of one with more than ``most_bytes`` none are."""
        try:
            answer = self._client.get_object(Bucket=self.bucket, Key=key)
            with closing(answer["Body"]) as body:
                if answer["ContentLength"] > most_bytes:
                    raise ModelArtifactError(
                        f"{shortened(key)} in bucket {self.bucket!r}: {too_large(answer['ContentLength'], most_bytes)}"
                    )
                yield from body.iter_chunks(_CHUNK)
        except (ClientError, BotoCoreError, HTTPClientError) as error:
            self._raise(key, error)

    def get_range(self, key: str, etag: str, first: int, after: int) -> bytes:
        """Return bytes ``first`` ≤ b < ``after`` of ``key``, whose ETag must be ``etag``."""
        try:
            answer = self._client.get_object(
                Bucket=self.bucket, Key=key, IfMatch=f'"{etag}"', Range=f"bytes={first}-{after - 1}"
            )
            # A store that does not know ranges sends all of it.
            body = answer["Body"].read(after - first + 1)
            answer["Body"].close()
        except (ClientError, BotoCoreError, HTTPClientError) as error:
            self._raise(key, error)
        if len(body) != after - first:
            raise ModelArtifactError(f"{key} in bucket {self.bucket!r} does not give bytes {first} to {after}")
        return body

    def _raise(self, key: str, error: Exception) -> Never:
        if isinstance(error, ParamValidationError):
            raise ModelArtifactError(f"{shortened(key)!r} is no key of an object") from error
        if isinstance(error, ClientError):
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            said = error.response.get("Error", {})
            answer = StoreAnswer(status, said.get("Code", ""), said.get("Message", ""))
            if status in {404, 412, 416} or (status not in {401, 403} and not answer.transient):
                raise ModelArtifactError(
                    f"{shortened(key)} is not in bucket {self.bucket!r}, or is not what it was"
                ) from error
            raise answer.error(self.endpoint_url, self.bucket) from error
        raise ServiceDownError("minio", self.endpoint_url, shortened(str(error))) from error
