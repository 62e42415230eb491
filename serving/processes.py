"""LitServe's processes, supervised: a killed API process comes back, and none outlives the main one."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import threading
import time
from typing import Any, Final

from litserve import LitServer

from serving.liveness import watch_parent

logger = logging.getLogger(__name__)

_LOOK_S: Final = 0.2


class SupervisedServer(LitServer):  # type: ignore[misc] # litserve has no types
    """A LitServer that starts its API process again when it dies: alone, it would hold the port and answer nobody.

    Its manager process holds all queues, so without it there is nothing to mend: the server ends.
    """

    _stopping = False
    _sockets: tuple[Any, ...] = ()
    _manager: Any = None

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
        processes: dict[int, Any] = super()._start_server(*args, **kwargs)
        self._sockets = tuple(next(value for value in args if isinstance(value, list)))

        def watch() -> None:
            while not self._stopping:
                time.sleep(_LOOK_S)
                for index, process in list(processes.items()):
                    if not process.is_alive() and not self._stopping:
                        logger.error("API process ended exit_code=%s, starting another", process.exitcode)
                        processes[index] = super(SupervisedServer, self)._start_server(*args, **kwargs)[0]

        threading.Thread(target=watch, name="api-watch", daemon=True).start()
        return processes

    def _perform_graceful_shutdown(self, *args: Any, **kwargs: Any) -> None:
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
