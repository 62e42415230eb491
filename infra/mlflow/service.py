"""The MLflow server: SQLite unless told otherwise, artifacts passed on to MinIO, on loopback."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from infra.credentials import Credentials
from infra.files import write_private
from infra.http_probe import probe
from infra.minio.service import MLFLOW_BUCKET, REGION, endpoint
from infra.service import HOST, Command, Service, Start
from infra.settings import Settings

_ADMIN = "swathe"


def tracking_uri(settings: Settings) -> str:
    """Return the URL of the server, for clients and for people."""
    return f"http://{HOST}:{settings.port_mlflow}"


def login(settings: Settings, credentials: Credentials) -> dict[str, str]:
    """Return the variables by which clients say who asks; none where nobody is asked."""
    if settings.mlflow_app is None:
        return {}
    return {"MLFLOW_TRACKING_USERNAME": _ADMIN, "MLFLOW_TRACKING_PASSWORD": credentials.mlflow_password}


def service(settings: Settings) -> Service:
    """Return the server as these settings describe it."""
    return Service(
        name="mlflow",
        title="MLflow server",
        address=tracking_uri(settings),
        ports={"SWATHE_PORT_MLFLOW": settings.port_mlflow},
        probe=partial(probe, "mlflow", f"{tracking_uri(settings)}/health"),
        prepare=_prepare,
        start_s=120,
    )


def _prepare(start: Start) -> Command:
    directory = start.layout.data / "mlflow"
    directory.mkdir(exist_ok=True)
    settings = start.settings
    store = settings.mlflow_backend_uri or f"sqlite:///{directory / 'mlflow.db'}"
    return Command(
        # One worker and no job runner: 650 MB less, and nothing here uses either.
        argv=(
            *(str(start.python), "-m", "mlflow", "server", "--workers", "1"),
            *("--host", HOST, "--port", str(settings.port_mlflow)),
            *("--serve-artifacts", "--artifacts-destination", f"s3://{MLFLOW_BUCKET}"),
            *(("--app-name", settings.mlflow_app) if settings.mlflow_app else ()),
        ),
        environment={
            # By the environment, not as an argument: the URI may hold a password.
            "MLFLOW_BACKEND_STORE_URI": store,
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_S3_ENDPOINT_URL": endpoint(settings),
            "AWS_ACCESS_KEY_ID": start.credentials.minio_user,
            "AWS_SECRET_ACCESS_KEY": start.credentials.minio_password,
            "AWS_DEFAULT_REGION": REGION,
            **(_asking(start, directory) if settings.mlflow_app else {}),
        },
    )


def _asking(start: Start, directory: Path) -> dict[str, str]:
    """Return what MLflow's own app needs to ask who asks; its first user is the one that all parts ask as."""
    configuration = directory / "basic_auth.ini"
    users = f"sqlite:///{directory / 'users.db'}".replace("%", "%%")
    write_private(configuration, f"[mlflow]\ndefault_permission = READ\ndatabase_uri = {users}\n")
    return {
        "MLFLOW_AUTH_CONFIG_PATH": str(configuration),
        "MLFLOW_AUTH_ADMIN_USERNAME": _ADMIN,
        "MLFLOW_AUTH_ADMIN_PASSWORD": start.credentials.mlflow_password,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": start.credentials.mlflow_secret,
    }
