"""Starting Spark: one session for all batches, begun in the background while other imports go on."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from console import progress
from pipeline.settings import StoreSettings
from pipeline.train.read.class_archive import ClassArchive
from pipeline.train.read.jvm_output import launch
from pipeline.train.settings import SparkSettings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

logger = logging.getLogger(__name__)

_CONF = {
    "spark.app.name": "swathe",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
    "spark.sql.session.timeZone": "UTC",
    # Not the 96 bits of before, which other readers take for nanoseconds, and cannot hold the year 1600.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.shuffle.partitions": "1",
    # Partitions are laid out by hand, so that the same batch is always summed up in the same order.
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
}

# No stream or model has such a name.
_SCRATCH = "_spark"

# A JVM without memory half lives: Python would wait for ever for the thread that died of it.
_ALWAYS = "-XX:+ExitOnOutOfMemoryError"
# Most of a first version is the JVM warming up, and a collector that works beside it takes a tenth of that for itself.
# By Java's own ratios the heap grows until two fifths of it are free; with a fifth there is no more work to see.
_COLLECTOR = "-XX:+UseSerialGC -XX:MinHeapFreeRatio=20 -XX:MaxHeapFreeRatio=40"


@contextmanager
def _unless_it_dies() -> Iterator[None]:
    """A JVM that was ended by a signal leaves nothing to stop."""
    from py4j.protocol import Py4JError  # type: ignore[import-untyped]  # noqa: PLC0415 - as pyspark, below

    try:
        yield
    except (Py4JError, OSError) as error:
        logger.info("the JVM is gone reason=%r", error)


class SparkOnDemand:
    """Spark, started when first asked for and kept until closed.

    ``archives``: where there is no archive of Java's classes yet, this one can be told to write it.
    """

    def __init__(self, settings: SparkSettings, store: StoreSettings, *, archives: bool = False) -> None:
        self._settings, self._store, self._archives = settings, store, archives
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="spark-start")
        self._directory: str | None = None
        self._session: Future[SparkSession] | None = None
        self._classes = ClassArchive(settings.jars.split(","))

    def start(self) -> None:
        """Begin to start Spark, and return at once; a start that failed is made again."""
        if self._session is None or (self._session.done() and self._session.exception() is not None):
            self._session = self._pool.submit(self._open)

    def session(self) -> SparkSession:
        """Return the session, waiting until it is there.

        Raises
        ------
        StopError: Spark could not be started.
        """
        self.start()
        assert self._session is not None  # noqa: S101 - start() has set it
        return self._session.result()

    def scratch(self, local: str) -> str:
        """Return where every process of Spark's can write: ``local``, or on a cluster the object store."""
        return local if self._is_local else f"s3a://{self._store.bucket}/{_SCRATCH}"

    @property
    def _is_local(self) -> bool:
        return self._settings.master.startswith("local")

    def is_starting(self) -> bool:
        """Whether Spark was asked for and is not there yet."""
        return self._session is not None and not self._session.done()

    def has_died(self) -> bool:
        """Whether the JVM was started and has ended since."""
        if not self._is_open():
            return False
        gateway = self._gateway()
        return gateway is None or gateway.proc.poll() is not None

    def cancel(self) -> None:
        """Cancel the jobs that run, if Spark was started."""
        if self._session is not None and self._is_open():
            with _unless_it_dies():
                self._session.result().sparkContext.cancelAllJobs()

    def archive_classes(self) -> None:
        """Let later JVMs start in less time, by what this one has loaded; nothing where that was done before."""
        gateway = self._gateway()
        if gateway is not None and gateway.proc.poll() is None and self._classes.is_missing():
            with progress.step("keeping Spark's classes, once: later JVMs start with less work"):
                self._classes.write(gateway.proc.pid)

    def close(self) -> None:
        """Stop Spark if it was started."""
        if self._session is not None and self._session.exception() is None:
            with _unless_it_dies():
                self._session.result().stop()
        self._pool.shutdown()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)

    def _gateway(self) -> Any:
        """Return what PySpark has started; None where there is nothing."""
        if not self._is_open():
            return None
        from pyspark import SparkContext  # noqa: PLC0415 - as below

        return SparkContext._gateway

    def _is_open(self) -> bool:
        started = self._session
        return started is not None and started.done() and started.exception() is None

    def _open(self) -> SparkSession:
        from pipeline.train.read.spark_errors import spark_errors  # noqa: PLC0415 - as below

        with spark_errors(self._store.endpoint_url):
            return self._open_session()

    def _open_session(self) -> SparkSession:
        from pyspark.sql import SparkSession  # noqa: PLC0415 - seconds that nothing-to-do must not cost

        # It prints each error's stack as JSON before we can say it in one line.
        logging.getLogger("DataFrameQueryContextLogger").setLevel(logging.CRITICAL)
        configuration = self._configuration()
        launch(configuration)
        builder = SparkSession.Builder()
        for key, value in configuration.items():
            builder = builder.config(key, value)
        session = builder.getOrCreate()
        self._let_it_read_the_store(session)
        return session

    def _configuration(self) -> dict[str, str]:
        local = self._is_local
        found = {key: value for key, value in _CONF.items() if local or not key.startswith("spark.driver.")}
        # In one place, and known by its name and ours: a JVM that is killed leaves all of it.
        self._directory = self._directory or tempfile.mkdtemp(prefix=f"swathe-spark-{os.getpid()}-")
        if local:
            found["spark.local.dir"] = self._directory
        archive = self._classes.option(writes=self._archives)
        return found | {
            "spark.driver.extraJavaOptions": f"-Djava.io.tmpdir={self._directory} {_ALWAYS} {_COLLECTOR} {archive}",
            "spark.master": self._settings.master,
            "spark.jars": self._settings.jars,
            "spark.driver.memory": self._settings.memory,
        }

    def _let_it_read_the_store(self, session: SparkSession) -> None:
        # Set after the start: what the session is built with stands on the JVM's command line for all to read.
        hadoop = session.sparkContext._jsc.hadoopConfiguration()
        for key, value in self._hadoop_conf().items():
            hadoop.set(key, value)

    def _hadoop_conf(self) -> dict[str, str]:
        # On a cluster mlflow's client copies a model to here from the default file system, wherever it was written.
        default = {} if self._is_local else {"fs.defaultFS": f"s3a://{self._store.bucket}"}
        return default | {
            "fs.s3a.endpoint": self._store.endpoint_url,
            "fs.s3a.endpoint.region": self._store.region,
            "fs.s3a.path.style.access": "true",
            "fs.s3a.connection.ssl.enabled": str(self._store.endpoint_url.startswith("https")).lower(),
            "fs.s3a.access.key": self._store.access_key.get_secret_value(),
            "fs.s3a.secret.key": self._store.secret_key.get_secret_value(),
            "fs.s3a.aws.credentials.provider": "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider",
            "fs.s3a.attempts.maximum": "2",
            "fs.s3a.retry.limit": "2",
            "fs.s3a.connection.establish.timeout": "5s",
            # A store that takes a request and never answers is given up as soon as by the rest of the pipeline.
            "fs.s3a.connection.timeout": "30s",
            "fs.s3a.fast.upload.buffer": "bytebuffer",
            "fs.s3a.create.performance": "true",
            "mapreduce.fileoutputcommitter.algorithm.version": "2",
            "mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
        }
