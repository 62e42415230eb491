"""One MinIO server over one directory, on loopback."""

from __future__ import annotations

from functools import partial

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from contract.errors import ServiceDownError
from contract.store_answer import StoreAnswer
from infra.credentials import Credentials
from infra.http_probe import probe
from infra.service import HOST, Command, Service, Start
from infra.settings import Settings

NAME = "minio"
REGION = "us-east-1"
MLFLOW_BUCKET = "mlflow"


def endpoint(settings: Settings) -> str:
    """Return the URL of the S3 API."""
    return f"http://{HOST}:{settings.port_minio}"


def service(settings: Settings) -> Service:
    """Return the object store as these settings describe it."""
    return Service(
        name=NAME,
        title="MinIO",
        address=endpoint(settings),
        ports={
            "SWATHE_PORT_MINIO": settings.port_minio,
            "SWATHE_PORT_MINIO_CONSOLE": settings.port_minio_console,
        },
        probe=partial(probe, "minio", f"{endpoint(settings)}/minio/health/live"),
        prepare=_prepare,
    )


def _prepare(start: Start) -> Command:
    directory = start.layout.data / "minio"
    directory.mkdir(exist_ok=True)
    settings, credentials = start.settings, start.credentials
    return Command(
        argv=(
            *(str(start.toolchain.minio()), "server"),
            *("--address", f"{HOST}:{settings.port_minio}"),
            *("--console-address", f"{HOST}:{settings.port_minio_console}"),
            str(directory),
        ),
        environment={
            "MINIO_ROOT_USER": credentials.minio_user,
            "MINIO_ROOT_PASSWORD": credentials.minio_password,
            "MINIO_UPDATE": "off",
        },
    )


def make_buckets(settings: Settings, credentials: Credentials) -> None:
    """Make the buckets of batches and of MLflow's artifacts, unless they are there.

    Raises
    ------
    SwatheError: MinIO does not do it; the reason says why.
    """
    client = boto3.client(
        "s3",
        endpoint_url=endpoint(settings),
        region_name=REGION,
        aws_access_key_id=credentials.minio_user,
        aws_secret_access_key=credentials.minio_password,
        config=Config(connect_timeout=5, read_timeout=10, retries={"max_attempts": 3}, proxies={}),
    )
    for bucket in (settings.bucket, MLFLOW_BUCKET):
        try:
            client.create_bucket(Bucket=bucket)
        except (client.exceptions.BucketAlreadyOwnedByYou, client.exceptions.BucketAlreadyExists):
            continue
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            said = error.response.get("Error", {})
            answer = StoreAnswer(status, said.get("Code", ""), said.get("Message", ""))
            raise answer.error(endpoint(settings), bucket) from error
        except BotoCoreError as error:
            raise ServiceDownError("minio", endpoint(settings), f"bucket {bucket!r}: {error}") from error
