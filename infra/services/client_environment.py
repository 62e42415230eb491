"""The environment by which every part, and every person's own tool, finds the services."""

from __future__ import annotations

import os

from infra.credentials import Credentials
from infra.layout import Layout
from infra.minio.service import MLFLOW_BUCKET, REGION, endpoint
from infra.mlflow.service import login, tracking_uri
from infra.service import HOST
from infra.settings import Settings

# Set by other tools for other services; next to our keys they make every call fail.
UNSET = (
    *("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_ROLE_ARN"),
    *("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"),
)


def client_environment(settings: Settings, layout: Layout, credentials: Credentials) -> dict[str, str]:
    """Return the variables that point clients at the services of ``layout``."""
    hosts = [HOST, "localhost", *(os.environ.get("NO_PROXY") or os.environ.get("no_proxy", "")).split(",")]
    without_proxy = ",".join(dict.fromkeys(host for host in hosts if host))
    serving = f"http://{HOST}:{settings.port_serving}"
    return {
        "SWATHE_DATA": str(layout.data),
        "SWATHE_BUCKET": settings.bucket,
        "SWATHE_KAFKA_BOOTSTRAP_SERVERS": f"{HOST}:{settings.port_kafka}",
        "AWS_ENDPOINT_URL_S3": endpoint(settings),
        # Older parts of MLflow look at their own variable only.
        "MLFLOW_S3_ENDPOINT_URL": endpoint(settings),
        "AWS_ACCESS_KEY_ID": credentials.minio_user,
        "AWS_SECRET_ACCESS_KEY": credentials.minio_password,
        "AWS_DEFAULT_REGION": REGION,
        "MLFLOW_TRACKING_URI": tracking_uri(settings),
        **login(settings, credentials),
        # `mlflow run` logs its launcher runs here, away from the batch runs that are to be compared.
        "MLFLOW_EXPERIMENT_NAME": "swathe-launches",
        # A dead server is told within seconds instead of minutes; a slow answer still has half a minute.
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
        "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
        "SWATHE_SERVING_URL": serving,
        "SWATHE_SERVING_HOST": HOST,
        "SWATHE_SERVING_PORT": str(settings.port_serving),
        # What MLflow passes on lies there: a hundred new versions are read without asking it five hundred times.
        "SWATHE_SERVING_ARTIFACTS": f"s3://{MLFLOW_BUCKET}",
        "SWATHE_SERVING_CACHE": str(layout.data / "serving"),
        "SWATHE_PORT_KAFKA": str(settings.port_kafka),
        "SWATHE_PORT_KAFKA_CONTROLLER": str(settings.port_kafka_controller),
        "SWATHE_PORT_MINIO": str(settings.port_minio),
        "SWATHE_PORT_MINIO_CONSOLE": str(settings.port_minio_console),
        "SWATHE_PORT_MLFLOW": str(settings.port_mlflow),
        "SWATHE_PORT_SERVING": str(settings.port_serving),
        "SWATHE_PORT_SUPERVISOR": str(settings.port_supervisor),
        "NO_PROXY": without_proxy,
        "no_proxy": without_proxy,
    }
