"""Real Java exceptions: a disk that is full, a store that fails inside Spark, rows that Spark refuses."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.ml.functions import array_to_vector
from pyspark.sql.functions import col

from contract.errors import DataError, ServiceDownError, StopError
from contract.kinds.kmeans import KMeans
from pipeline.object_store import ObjectStore
from pipeline.train.kinds.clusters.prepared import SCALED
from pipeline.train.kinds.kmeans.fit import fit_kmeans
from pipeline.train.read.spark_errors import spark_errors
from pipeline.train.read.spark_session import SparkOnDemand
from tests.fault.proxy import Fault, faulty_proxy
from tests.integration.train.conftest import COMMAND_S, ROOT, Lab, batch
from tests.integration.train.test_parity import stream

STORE = "http://store:9000"


def test_what_a_real_jvm_says_is_told_as_what_it_is(spark: SparkOnDemand) -> None:
    session = spark.session()
    jvm: Any = session.sparkContext._jvm
    with pytest.raises(StopError, match="IOException: No space left on device"), spark_errors(STORE):
        jvm.java.io.FileOutputStream("/dev/full").write(1)
    values = session.sql("SELECT array(double(n), if(n = 1, double('NaN'), 0)) AS v FROM VALUES (0), (1), (2) AS t(n)")
    rows = values.select(array_to_vector(col("v")).alias(SCALED))
    with pytest.raises(DataError, match="Vector values MUST NOT be NaN or Infinity"), spark_errors(STORE):
        fit_kmeans(rows, stream(1, 2).section(KMeans), 2, 1)
    with pytest.raises(StopError, match="Spark failed: ExtendedAnalysisException"), spark_errors(STORE):
        session.sql("SELECT nothing FROM nowhere")


@pytest.mark.parametrize("fault", ["500", pytest.param("silence", marks=pytest.mark.long)])
def test_a_store_that_fails_inside_spark_is_a_service_that_fails(
    spark: SparkOnDemand, make_lab: Callable[..., Lab], fault: Fault
) -> None:
    """By the name of a bucket of its own, which Spark is told to find elsewhere."""
    settings = make_lab().store_settings.model_copy(update={"bucket": f"t-{uuid.uuid4().hex[:12]}"})
    ObjectStore(settings).ensure_bucket()
    session = spark.session()
    context: Any = session.sparkContext._jsc
    hadoop = context.hadoopConfiguration()
    with faulty_proxy(settings.endpoint_url, [fault] * 100, "results/") as proxy:
        hadoop.set(f"fs.s3a.bucket.{settings.bucket}.endpoint", proxy.url)
        with pytest.raises(ServiceDownError, match=r"minio does not answer at .*inside Spark"), spark_errors(STORE):
            session.range(10).write.parquet(f"s3a://{settings.bucket}/results/x")
        assert proxy.met
    hadoop.set(f"fs.s3a.bucket.{settings.bucket}-down.endpoint", "http://127.0.0.1:9")
    with pytest.raises(ServiceDownError, match="inside Spark"), spark_errors(STORE):
        session.read.parquet(f"s3a://{settings.bucket}-down/results/x").count()


def test_a_disk_that_takes_no_more_stops_the_line_and_spends_no_number(lab: Lab) -> None:
    """A limit on the size of files is the full disk that needs no rights."""
    lab.land(batch(400, 1))
    # The log of libraries takes no more either, which must not be what is told.
    with (Path(lab.environ["SWATHE_DATA"]) / "logs" / "train-libraries.log").open("a") as log:
        log.write("a line\n" * 10_000)
    done = subprocess.run(
        ["bash", "-c", 'ulimit -f 64; exec "$@"', "-", sys.executable, "-m", "pipeline", "train", "--stream", lab.file],
        cwd=ROOT,
        env=lab.environ,
        capture_output=True,
        text=True,
        timeout=COMMAND_S,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 1 and "full or takes no more" in said and "Traceback" not in said, said
    assert "TMPDIR" in said and lab.versions() == {}
    assert [run["info"]["status"] for run in lab.started_runs()] == ["FAILED"]
