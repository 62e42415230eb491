"""Which error of ours a chain of Java causes is: the rows' own, a service's, or one that stops the line."""

from __future__ import annotations

import errno

import pytest
from py4j.protocol import Py4JError, Py4JNetworkError  # type: ignore[import-untyped]

from contract.errors import (
    AccessDeniedError,
    ChainError,
    DataError,
    ServiceDownError,
    StopError,
    SwatheError,
)
from pipeline.train.read.spark_errors import Cause, meaning, spark_errors

STORE = "http://store:9000"
JOB = Cause("org.apache.spark.SparkException", "Job aborted due to stage failure: Task 0 in stage 2.0 failed 1 times")
S3A = "org.apache.hadoop.fs.s3a"


@pytest.mark.parametrize(
    ("kind", "said", "expected", "words"),
    [
        ("java.io.IOException", "No space left on device", StopError, "make room"),
        ("java.io.IOException", "Disk quota exceeded", StopError, "TMPDIR"),
        ("java.io.FileNotFoundException", "/tmp/blockmgr/1 (Read-only file system)", StopError, "SPARK_LOCAL_DIRS"),
        ("org.apache.hadoop.util.DiskChecker$DiskErrorException", "No space available", StopError, "make room"),
        ("java.lang.OutOfMemoryError", "Java heap space", StopError, "SWATHE_SPARK_MEMORY"),
        (
            "org.apache.spark.memory.SparkOutOfMemoryError",
            "[UNABLE_TO_ACQUIRE_MEMORY]",
            StopError,
            "raise SWATHE_SPARK",
        ),
        ("org.apache.spark.SparkException", "bigger than spark.driver.maxResultSize (1024.0 MiB)", StopError, "memory"),
        (f"{S3A}.AWSStatus500Exception", "XMinioStorageFull: Storage backend is full", StopError, "store:9000 is full"),
        ("java.nio.file.AccessDeniedException", "s3a://b/k: (Status Code: 403)", AccessDeniedError, "refuses Spark"),
        (f"{S3A}.RemoteFileChangedException", "open `s3a://b/k': ETag change", ChainError, "restore it"),
        ("java.io.FileNotFoundException", "No such file or directory: s3a://b/k", ChainError, "went or changed"),
        ("org.apache.spark.sql.AnalysisException", "[PATH_NOT_FOUND] Path: s3a://b/k", ChainError, "went or changed"),
        (f"{S3A}.AWSClientIOException", "open s3a://b/k: Unable to execute", ServiceDownError, "minio does not answer"),
        ("software.amazon.awssdk.core.exception.SdkClientException", "Read timed out", ServiceDownError, STORE),
        (
            "org.apache.spark.SparkRuntimeException",
            "[USER_RAISED_EXCEPTION] Vector values MUST NOT be NaN or Infinity, but got [NaN,1.0]",
            DataError,
            "got [NaN,1.0]",
        ),
        (
            "java.lang.IllegalArgumentException",
            "Both norms should be greater or equal to 0.0, found",
            DataError,
            "norms",
        ),
    ],
)
def test_a_known_cause_is_told_as_what_it_is(kind: str, said: str, expected: type[SwatheError], words: str) -> None:
    found = meaning([JOB, Cause(kind, said)], STORE)
    assert type(found) is expected and words in str(found)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("java.lang.StackOverflowError", ""),
        ("java.lang.NullPointerException", "Cannot invoke"),
        # A cluster's own connections are not the object store's.
        ("java.net.ConnectException", "Connection refused: spark-master:7077"),
        ("org.apache.spark.SparkRuntimeException", "[USER_RAISED_EXCEPTION] something else"),
        ("org.apache.spark.SparkException", "NaN"),
    ],
)
def test_any_other_is_not_known_and_never_the_rows_fault(kind: str, said: str) -> None:
    assert meaning([JOB, Cause(kind, said)], STORE) is None


def test_the_features_of_a_row_that_spark_shows_are_named() -> None:
    shown = "[USER_RAISED_EXCEPTION] Vector values MUST NOT be NaN or Infinity, but got [1.0,NaN,-Infinity]"
    rows = Cause("org.apache.spark.SparkRuntimeException", shown)
    found = str(meaning([JOB, rows], STORE, ("a", "b", "c")))
    assert "but got feature 'b' scaled to NaN, feature 'c' scaled to -Infinity" in found
    # Not a row of these features.
    assert "got [1.0,NaN,-Infinity]" in str(meaning([rows], STORE, ("a", "b")))


@pytest.mark.parametrize("key", ["results/m/r1/by-id/_temporary/0", "_spark/x/metadata"])
def test_what_goes_while_it_is_written_is_no_part_to_restore(key: str) -> None:
    gone = Cause("java.io.FileNotFoundException", f"No such file or directory: s3a://batches/{key}")
    found = meaning([JOB, gone], STORE)
    assert type(found) is StopError and "was writing" in str(found) and "restore" not in str(found)


def test_what_the_machine_lacks_comes_before_the_rows() -> None:
    rows = Cause("org.apache.spark.SparkRuntimeException", "Vector values MUST NOT be NaN or Infinity, but got [NaN]")
    full = Cause("java.io.IOException", "No space left on device")
    assert type(meaning([rows, full], STORE)) is StopError


def test_an_unknown_error_asks_the_store_first_and_then_stops_the_line() -> None:
    asked = []
    with pytest.raises(StopError, match="Spark failed: something new"), spark_errors(STORE, lambda: asked.append(1)):
        raise Py4JError("something new\n\tat java")
    assert asked == [1]
    with pytest.raises(StopError, match=r"JVM has ended.*SWATHE_SPARK_MEMORY"), spark_errors(STORE):
        raise Py4JNetworkError("Answer from Java side is empty")

    def down() -> None:
        raise ServiceDownError("minio", STORE, "refused")

    with pytest.raises(ServiceDownError), spark_errors(STORE, down):
        raise Py4JError("something new")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_disk_that_takes_no_more_stops_the_line_in_python_too(number: int) -> None:
    with pytest.raises(StopError, match=r"a disk is full or takes no more.*TMPDIR"), spark_errors(STORE):
        raise OSError(number, "made for a test", "/tmp/swathe-artifact")
    with pytest.raises(StopError, match="takes no more"), spark_errors(STORE):
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")


def test_a_fault_of_our_own_stays_what_it_is() -> None:
    with pytest.raises(ZeroDivisionError), spark_errors(STORE):
        raise ZeroDivisionError
    with pytest.raises(PermissionError), spark_errors(STORE):
        raise PermissionError(errno.EACCES, "no")
    with pytest.raises(StopError, match="too little memory"), spark_errors(STORE):
        raise MemoryError
