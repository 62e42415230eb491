"""A PostgreSQL server of a test's own, from Debian's package, as an unprivileged user."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from infra.run.processes import port_is_free
from tests.debian import program

STRANGER = "nobody"
PASSWORD = "of a test, p@ss/word"
UP_S = 60.0


def programs() -> Path:
    """Return the directory of initdb and postgres; root installs Debian's package where it is missing."""
    return program(_newest, "postgresql")


def _newest() -> Path | None:
    on_path = shutil.which("initdb")
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return Path(on_path).parent if on_path else packaged[-1].parent if packaged else None


def run(arguments: Sequence[str | Path], directory: Path) -> subprocess.Popen[bytes]:
    """Start one of its programs; root is refused by all of them."""
    log = (directory / "log").open("ab")
    user = STRANGER if os.geteuid() == 0 else None
    with log:
        return subprocess.Popen(
            [str(each) for each in arguments], cwd=directory, stdout=log, stderr=subprocess.STDOUT, user=user
        )


@contextlib.contextmanager
def postgresql(port: int) -> Iterator[str]:
    """Give the host, port and database of a running server, as `127.0.0.1:5432/postgres`; user `swathe`, PASSWORD."""
    binaries = programs()
    with tempfile.TemporaryDirectory(prefix="postgresql-") as name:
        directory = Path(name)
        secret = directory / "password"
        secret.write_text(PASSWORD)
        if os.geteuid() == 0:
            owner = pwd.getpwnam(STRANGER)
            for path in (directory, secret):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        flags = ["--username=swathe", f"--pwfile={secret}", "--auth=scram-sha-256", "--encoding=UTF8", "--no-sync"]
        made = run([binaries / "initdb", "-D", directory / "data", *flags], directory)
        assert made.wait(UP_S) == 0, (directory / "log").read_text()
        server = run(
            [binaries / "postgres", "-D", directory / "data", "-p", str(port), "-h", "127.0.0.1", "-k", directory],
            directory,
        )
        try:
            deadline = time.monotonic() + UP_S
            while port_is_free("127.0.0.1", port):
                assert server.poll() is None and time.monotonic() < deadline, (directory / "log").read_text()
                time.sleep(0.1)
            yield f"127.0.0.1:{port}/postgres"
        finally:
            # A fast shutdown: it does not wait for clients that are still connected.
            server.send_signal(2)
            server.wait(UP_S)
