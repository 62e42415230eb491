"""Finding and ending the processes of a service, by the mark in their environment.

A mark finds what a process group does not: children that made a group of their own, and orphans whose parent
was killed. Only processes that carry the mark are ever touched.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import time

import psutil

from infra.layout import MARK_VARIABLE


def marked(mark: str) -> list[psutil.Process]:
    """Return the living processes, but this one, whose mark begins with ``mark``."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(MARK_VARIABLE, "").startswith(mark):
                found.append(process)
    return found


def descendants(pid: int) -> list[psutil.Process]:
    """Return the living children of ``pid``, theirs included; none if it is gone."""
    with contextlib.suppress(psutil.Error):
        return [child for child in psutil.Process(pid).children(recursive=True) if alive(child)]
    return []


def alive(process: psutil.Process) -> bool:
    """Return whether the process still runs; one that only waits to be reaped does not."""
    with contextlib.suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def end(mark: str, *, patience_s: float, deadline_s: float = 20.0) -> list[int]:
    """End all processes of ``mark``: asked first, killed after ``patience_s``; return their ids.

    Raises
    ------
    TimeoutError: some were still there after ``deadline_s``.
    """
    ended: set[int] = set()
    begun = time.monotonic()
    # Again and again: one that is just starting a child may have been read before the child was there.
    while processes := marked(mark):
        ended.update(process.pid for process in processes)
        waited_s = time.monotonic() - begun
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill() if waited_s >= patience_s else process.terminate()
        psutil.wait_procs(processes, timeout=min(1.0, max(0.2, patience_s - waited_s)))
        if time.monotonic() - begun > patience_s + deadline_s:
            raise TimeoutError(f"processes {sorted(process.pid for process in processes)} do not end")
    return sorted(ended)


def port_is_free(host: str, port: int) -> bool:
    """Return whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        # On macOS a bind to 127.0.0.1 succeeds beside somebody's 0.0.0.0, so ask by connecting first.
        if probe.connect_ex((host, port)) == 0:
            return False
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return False
            raise
    return True


def wait_for_port(host: str, port: int, timeout_s: float) -> bool:
    """Return whether the port became free within ``timeout_s``."""
    deadline = time.monotonic() + timeout_s
    while not port_is_free(host, port):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def listener_of(port: int) -> str | None:
    """Return who listens on ``port``, as ``name, process 123``, if this user may know."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            for connection in process.net_connections(kind="tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                    return f"{process.name()}, process {process.pid}"
    return None
