"""Spark's classes, kept in an archive of the JVM's own, so that the next JVM need not read, check and link them anew.

Java calls it class data sharing. The archive is written by `jcmd` from a JVM that has trained (a JRE has none, and
goes without); later JVMs map it, and ignore one that is not of their Java, their jars or their place.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

logger = logging.getLogger(__name__)

# In the Python environment: the archive knows Spark's jars by their paths in it, and goes when they go.
DIRECTORY: Final = Path(sys.prefix) / "share" / "swathe"
_PATIENCE_S: Final = 120.0


class ClassArchive:
    """The archive of one Java and its ``jars`` in ``directory``: used where it is there, else written on demand."""

    def __init__(self, jars: Iterable[str], directory: Path = DIRECTORY) -> None:
        java = _java()
        self._jcmd = java.with_name("jcmd")
        self.path = directory / f"{_key(java, jars)}.jsa"

    def is_missing(self) -> bool:
        """Whether there is none, and one can be made."""
        return not self.path.is_file() and self._jcmd.is_file()

    def option(self, *, writes: bool) -> str:
        """Return a JVM's option to use the archive, or where there is none, and the JVM ``writes`` it, to make it."""
        if self.path.is_file():
            return f"-XX:SharedArchiveFile={self.path}"
        return "-XX:+RecordDynamicDumpInfo" if writes and self.is_missing() else ""

    def write(self, pid: int) -> None:
        """Keep what the JVM of process ``pid`` has loaded, in some seconds; those of another Java or other jars go."""
        # A name of this JVM's own: where two write, the second replaces the first, whole by whole.
        part = self.path.with_suffix(f".{pid}")
        asked = (str(self._jcmd), str(pid), "VM.cds", "dynamic_dump", str(part))
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(asked, capture_output=True, timeout=_PATIENCE_S, check=True)  # noqa: S603 - all of it is ours
            part.replace(self.path)
            for other in set(part.parent.iterdir()) - {self.path}:
                other.unlink(missing_ok=True)
        except (OSError, subprocess.SubprocessError) as error:
            # An environment that is not ours to write into, a full disk: later starts are no slower than this one.
            logger.info("no archive of classes path=%s reason=%s", self.path, error)


def _java() -> Path:
    """Return the Java that PySpark will start."""
    home = os.environ.get("JAVA_HOME", "")
    return Path(shutil.which(f"{home}/bin/java" if home else "java") or "java").resolve()


def _key(java: Path, jars: Iterable[str]) -> str:
    release = java.parent.parent / "release"
    known = [str(java), release.read_text(errors="replace") if release.is_file() else "", *jars]
    return hashlib.sha256("\n".join(known).encode()).hexdigest()[:16]
