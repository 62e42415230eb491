"""LitServe's processes, supervised: a killed API process comes back, and none outlives the main one."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from litserve import LitServer

from serving.processes.liveness import watch_parent

logger = logging.getLogger(__name__)

_LOOK_S: Final = 0.2
_PAUSE_S: Final = 1.0


class SupervisedServer(LitServer):  # type: ignore[misc] # litserve has no types
    """A LitServer that starts its API process again when it dies: alone, it would hold the port and answer nobody.

    Its manager process holds all queues, so without it there is nothing to mend: the server ends.
    """

    _stopping = False
    _sockets: tuple[Any, ...] = ()
    _manager: Any = None
    _start_again: Callable[[], Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._starting = threading.Lock()
        """Held while a process is started, and when the stop begins: what starts after that would never be ended."""

    def _init_manager(self, *args: Any, **kwargs: Any) -> Any:
        self._manager = super()._init_manager(*args, **kwargs)
        return self._manager

    def _manager_ended(self) -> bool:
        if self._manager is None:
            return False
        # Its connections close a moment before it is gone.
        self._manager._process.join(_LOOK_S)
        return not self._manager._process.is_alive()

    def run(self, *args: Any, **kwargs: Any) -> None:
        """Serve until interrupted.

        Raises
        ------
        SystemExit: the manager process ended, 1.
        """
        try:
            super().run(*args, **kwargs)
        except (EOFError, OSError) as error:
            if not self._manager_ended():
                raise
            logger.critical("LitServe's manager process ended, and all queues with it: the server ends")
            raise SystemExit(1) from error

    def _start_server(self, *args: Any, **kwargs: Any) -> dict[int, Any]:
        self._sockets = tuple(next(value for value in args if isinstance(value, list)))
        self._start_again = lambda: super(SupervisedServer, self)._start_server(*args, **kwargs)
        processes: dict[int, Any] = self._start_again()
        return processes

    def _start_worker_monitoring(self, manager: Any, uvicorn_workers: dict[int, Any]) -> None:  # noqa: ARG002
        """In the place of LitServe's, which may start a worker while the server stops, and then waits for its end."""
        threading.Thread(target=self._watch, args=(uvicorn_workers,), name="process-watch", daemon=True).start()

    def _watch(self, api_processes: dict[int, Any]) -> None:
        while not self._stopping:
            time.sleep(_LOOK_S)
            try:
                with self._starting:
                    if self._stopping:
                        return
                    started = self._start_dead(api_processes)
            except (EOFError, OSError):
                # Without the manager nothing can be started; the main thread meets the same, and ends.
                if not self._manager_ended():
                    raise
                return
            if started:
                # What dies at once must not be started as often as there is time.
                time.sleep(_PAUSE_S)

    def _start_dead(self, api_processes: dict[int, Any]) -> bool:
        started = False
        for index, process in list(api_processes.items()):
            if not process.is_alive():
                logger.error("API process ended exit_code=%s, starting another", process.exitcode)
                api_processes[index] = self._start_again()[0]
                started = True
        for index, worker in enumerate(self.inference_workers):
            if not worker.is_alive():
                logger.error("inference worker ended exit_code=%s, starting another", worker.exitcode)
                self.inference_workers[index] = self.launch_single_inference_worker(self.lit_api, index)
                started = True
        return started

    def _perform_graceful_shutdown(self, *args: Any, **kwargs: Any) -> None:
        with self._starting:
            self._stopping = True
        # Without this, new connections would wait in the backlog until the last request is drained.
        for socket in self._sockets:
            socket.close()
        # LitServe's own way asks the manager; whoever called ends what is left.
        if not self._manager_ended():
            super()._perform_graceful_shutdown(*args, **kwargs)


@contextlib.contextmanager
def stopping_in_order() -> Any:
    """Turn SIGTERM into LitServe's way to stop, and end whatever is left, also when the start is interrupted."""
    # LitServe stops in order on SIGINT only; its children end on SIGTERM as usual, and when this process is killed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.register_at_fork(after_in_child=_begin_child)
    multiprocessing.set_start_method("fork", force=True)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for child in multiprocessing.active_children():
            child.kill()


def _begin_child() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    watch_parent()
