"""The one list of `SWATHE_…` environment variables, so that a misspelt name is refused and never swallowed.

For every setting of every command, empty means unset: each loader of settings begins with :func:`settle`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, MutableMapping

from contract.errors import ConfigurationError

PREFIX = "SWATHE_"

KNOWN: Mapping[str, str] = {
    "SWATHE_CACHE": "directory of downloaded parts, shared by all clones (default ~/.cache/swathe)",
    "SWATHE_DATA": "directory of the services' data, logs and credentials (default .local)",
    "SWATHE_LOGS": "directory of what Spark and MLflow say (default: logs in SWATHE_DATA or SWATHE_CACHE)",
    "SWATHE_PORT_KAFKA": "port of the Kafka broker (default 19092)",
    "SWATHE_PORT_KAFKA_CONTROLLER": "port of the KRaft controller (default 19093)",
    "SWATHE_PORT_MINIO": "port of MinIO's S3 API (default 19000)",
    "SWATHE_PORT_MINIO_CONSOLE": "port of MinIO's console (default 19001)",
    "SWATHE_PORT_MLFLOW": "port of the MLflow server (default 15000)",
    "SWATHE_PORT_SERVING": "port of the prediction server that `infra up` starts (default 18000)",
    "SWATHE_PORT_SUPERVISOR": "port of the process supervisor's control channel (default 19010)",
    "SWATHE_KAFKA_HEAP": "Java heap of the Kafka broker (default 512m)",
    "SWATHE_MLFLOW_BACKEND_URI": "SQLAlchemy URI of MLflow's store (default: SQLite in the data directory)",
    "SWATHE_LAND_STREAM": "stream file that a supervised `land` lands beside the services (default: none)",
    "SWATHE_MLFLOW_APP": "basic-auth: the MLflow server asks for a name and a password (default: it asks nobody)",
    "SWATHE_WATCH_STREAM": "stream file that a supervised `watch` trains beside the services (default: none)",
    "SWATHE_BUCKET": "bucket of batches and results (default batches)",
    "SWATHE_STORE_URL": "S3 endpoint, if not the one in AWS_ENDPOINT_URL_S3",
    "SWATHE_SCHEMA_REGISTRY_USERNAME": "name that the schema registry asks for (default: none)",
    "SWATHE_SCHEMA_REGISTRY_PASSWORD": "password or token that goes with the name",
    "SWATHE_SCHEMA_REGISTRY_CA_FILE": "PEM file of who signed the schema registry's certificate (default: system's)",
    "SWATHE_SCHEMA_REGISTRY_CERTIFICATE_FILE": "PEM file of our certificate, where the schema registry asks for one",
    "SWATHE_SCHEMA_REGISTRY_KEY_FILE": "PEM file of its key, if it is not in the same file; it has no phrase",
    "SWATHE_SPARK_JARS": "comma-separated jars that let Spark read s3a://",
    "SWATHE_SPARK_MEMORY": "memory of Spark's driver (default 2g)",
    "SWATHE_SERVING_HOST": "address the prediction server listens on (default 127.0.0.1)",
    "SWATHE_SERVING_PORT": "port the prediction server listens on (default 18000)",
    "SWATHE_SERVING_URL": "where people and tools find the prediction server",
    "SWATHE_MLFLOW_URL": "where people find MLflow's pages (default: MLFLOW_TRACKING_URI)",
    "SWATHE_SERVING_CACHE": "directory of the prediction server's checked local copies",
    "SWATHE_SERVING_MODELS": "comma-separated registered models to serve (default: all)",
    "SWATHE_SERVING_DEFAULT_MODEL": "model behind the assignment's own paths (default: the first or oldest)",
    "SWATHE_SERVING_ARTIFACTS": "where the tracking server keeps artifacts, to read them there: s3://bucket/prefix",
    "SWATHE_SERVING_POLL_S": "seconds between two looks at the registry (default 1)",
    "SWATHE_SERVING_API_KEY": "key that requests carry in X-API-Key, 16 characters or more; required beyond loopback",
    "SWATHE_SERVING_ALLOWED_HOSTS": "comma-separated names that requests may be addressed to (default: loopback's own)",
    "SWATHE_SERVING_BASE_PATH": "path below which a proxy shows the server (default: what X-Forwarded-Prefix says)",
    "SWATHE_SERVING_GRACE_S": "seconds that a version deleted from the registry is still served (default 60)",
    "SWATHE_SERVING_MAX_BODY_BYTES": "largest body that is read, in bytes (default 33554432)",
    "SWATHE_SERVING_BODIES_BYTES": "all bodies read or worked on at once, in bytes (default: eight of the largest)",
    "SWATHE_SERVING_RESULTS_CACHE_BYTES": "stored results kept locally, in bytes (default 1073741824)",
    "SWATHE_SERVING_WORKERS": "worker processes for large requests (default 2)",
    "SWATHE_SERVING_QUEUE": "large or stored-row requests worked on at once; more get 429 (default 64)",
    "SWATHE_SERVING_DEADLINE_S": "seconds after which such a request gets 504 (default 30)",
    "SWATHE_SERVING_CANARY_SHARE": "share of a champion's requests that the challenger gets too (default 0)",
    "SWATHE_SERVING_CANARY_MODE": "who answers them: send = challenger, mirror = champion (default send)",
    "SWATHE_SERVING_LOG": "log lines as text or json (default text)",
    "SWATHE_SERVING_ACCESS_LOG": "requests that are logged: errors or all (default errors)",
    "SWATHE_SERVING_CORS_ORIGINS": "comma-separated origins whose pages may call the server (default: none)",
    "SWATHE_TEST_SERVICES": "tests only: file with the environment of running services to use",
    "SWATHE_FAULT": "tests only: the named point at which the process kills itself",
}

OPEN_PREFIXES: Mapping[str, str] = {
    "SWATHE_KAFKA_": "any librdkafka setting: SWATHE_KAFKA_SECURITY_PROTOCOL is security.protocol",
}

OF_OTHERS: Mapping[str, str] = {
    "AWS_ENDPOINT_URL_S3": "address of the object store",
    "AWS_ENDPOINT_URL": "the same, where AWS_ENDPOINT_URL_S3 is not set",
    "AWS_ACCESS_KEY_ID": "name of the key that the object store asks for",
    "AWS_SECRET_ACCESS_KEY": "secret that goes with the key",
    "AWS_DEFAULT_REGION": "region of the bucket; most stores but AWS take any",
    "MLFLOW_TRACKING_URI": "address of the MLflow server: runs, artifacts, registry",
    "MLFLOW_TRACKING_USERNAME": "name that the MLflow server asks for",
    "MLFLOW_TRACKING_PASSWORD": "password that goes with the name",
    "MLFLOW_TRACKING_TOKEN": "token instead of name and password",
    "SPARK_MASTER": "where Spark runs: `local[*]` is this machine with all cores, `spark://host:7077` a cluster",
}

# Read by us under their makers' names, by the makers' libraries too.
_EMPTY_IS_UNSET = (PREFIX, "AWS_", "MLFLOW_", "SPARK_MASTER")

KAFKA_NOT_LIBRDKAFKA = frozenset({"SWATHE_KAFKA_HEAP"})


def settle(environ: MutableMapping[str, str]) -> None:
    """Refuse unknown names, and take empty variables out of ``environ``, also for libraries and child processes.

    Raises
    ------
    ConfigurationError: as :func:`check`.
    """
    check(environ)
    for name in [name for name, value in environ.items() if not value and name.startswith(_EMPTY_IS_UNSET)]:
        del environ[name]


def check(environ: Mapping[str, str]) -> None:
    """Refuse any `SWATHE_…` name that no part of Swathe reads.

    Raises
    ------
    ConfigurationError: names the variable and the nearest known one.
    """
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name in KNOWN or name.startswith(tuple(OPEN_PREFIXES)):
            continue
        near = difflib.get_close_matches(name, KNOWN, n=1)
        hint = f"; did you mean {near[0]}?" if near else "; `docs/settings.md` lists the known ones"
        raise ConfigurationError(f"unknown environment variable {name}{hint}")


def librdkafka(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the librdkafka settings in ``environ``: ``SWATHE_KAFKA_SASL_USERNAME`` → ``sasl.username``."""
    prefix = "SWATHE_KAFKA_"
    return {
        name[len(prefix) :].lower().replace("_", "."): value
        for name, value in environ.items()
        if value and name.startswith(prefix) and name not in KAFKA_NOT_LIBRDKAFKA
    }
