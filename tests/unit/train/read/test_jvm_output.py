"""The output of a JVM is read to its end, and its last words of an error are found in it."""

from __future__ import annotations

import os
import threading

import pytest

from pipeline.train.read import jvm_output

STARTED = 'WARNING: Using incubator modules: jdk.incubator.vector\nSetting default log level to "WARN".\n'


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (STARTED, ""),
        (
            f"{STARTED}java.lang.OutOfMemoryError: heap\nTerminating due to java.lang.OutOfMemoryError: Java heap\n",
            "Terminating due to java.lang.OutOfMemoryError: Java heap",
        ),
        ("Unrecognized VM option 'Foo'\nError: Could not create the Java Virtual Machine.\n", "Error: Could"),
        ("x" * 100_000 + "\nInvalid maximum heap size: -Xmx9z \xff", "Invalid maximum heap size"),
    ],
)  # fmt: skip
def test_its_last_words(said: str, words: str, caplog: pytest.LogCaptureFixture) -> None:
    jvm_output._lines.clear()
    caplog.set_level("INFO", "jvm")
    reading, writing = os.pipe()
    # More than a pipe holds: somebody has to read meanwhile.
    beside = threading.Thread(target=jvm_output._read, args=(reading,))
    beside.start()
    with os.fdopen(writing, "wb") as jvm:
        jvm.write(said.encode("latin-1"))
    beside.join(10)
    assert jvm_output.last_words().startswith(words) and bool(words) == bool(jvm_output.last_words())
    assert len(caplog.messages) == len(said.splitlines())
    jvm_output._lines.clear()
