"""`infra env`: the environment of the running services, for a shell to source."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from infra import credentials
from infra.bring import java, toolchain
from infra.layout import Layout
from infra.services.client_environment import UNSET, client_environment
from infra.settings import Settings


def variables(settings: Settings, layout: Layout) -> dict[str, str]:
    """Return the variables by which clients find the services of ``layout``.

    Raises
    ------
    ConfigurationError: no services were ever started with this data directory.
    """
    found = client_environment(settings, layout, credentials.load(layout))
    java_home = java.find(settings.cache)
    if java_home is not None:
        found["JAVA_HOME"] = str(java_home)
    jars = toolchain.spark_jars(settings)
    if jars:
        found["SWATHE_SPARK_JARS"] = ",".join(map(str, jars))
    found["SWATHE_CACHE"] = str(settings.cache)
    return found


def path(environ: Mapping[str, str] = os.environ) -> str:
    """Return PATH with this project's programs in front."""
    programs = str(Path(sys.executable).parent)
    rest = [entry for entry in environ.get("PATH", "").split(os.pathsep) if entry and entry != programs]
    return os.pathsep.join([programs, *rest])


def shell_lines(found: Mapping[str, str]) -> str:
    """Return ``found`` as lines that any POSIX shell can source."""
    lines = [f"unset {' '.join(UNSET)}", *(f"export {name}={shlex.quote(value)}" for name, value in found.items())]
    return "\n".join(lines)
