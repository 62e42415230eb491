"""Starting Spark's JVM with its output in a pipe that is read to its end: all of it goes to the log of libraries."""

from __future__ import annotations

import logging
import os
import re
import threading
from collections import deque
from collections.abc import Mapping
from typing import Final

from console.library_log import JVM

_WORD: Final = re.compile(r"\b(\w*Error|\w*Exception|Terminating|Unrecognized|Unable|[Ii]nvalid)\b")
_KEPT: Final = 200
_SHOWN: Final = 300
_lines: deque[str] = deque(maxlen=_KEPT)


def launch(configuration: Mapping[str, str]) -> None:
    """Start the JVM with ``configuration``, unless this process has one: what PySpark then begins, it begins there."""
    from pyspark import SparkConf, SparkContext  # noqa: PLC0415 - seconds that nothing-to-do must not cost
    from pyspark.java_gateway import launch_gateway  # noqa: PLC0415 - as above

    if SparkContext._gateway is not None:
        return
    _lines.clear()
    reading, writing = os.pipe()
    # Before the JVM is there: one that says more than a pipe holds would wait for a reader, and we for it.
    threading.Thread(target=_read, args=(reading,), name="jvm-output", daemon=True).start()
    try:
        asked = SparkConf(loadDefaults=False).setAll(list(configuration.items()))
        gateway = launch_gateway(asked, {"stdout": writing, "stderr": writing})  # type: ignore[no-untyped-call]
    finally:
        os.close(writing)
    SparkContext._ensure_initialized(gateway=gateway)


def last_words() -> str:
    """Return what the JVM said last of an error, in one line; empty where it said none."""
    return next((line.strip()[:_SHOWN] for line in reversed(_lines) if _WORD.search(line)), "")


def _read(descriptor: int) -> None:
    heard = logging.getLogger(JVM)
    with os.fdopen(descriptor, errors="backslashreplace") as output:
        for line in output:
            _lines.append(line)
            heard.info("%s", line.rstrip())
