"""The thread that parses, encodes and PUTs, while the consumer's thread keeps the group membership alive."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

from pipeline.land.fetched_records import FetchedRecords
from pipeline.land.lander import Lander
from pipeline.land.patient_store import StoppedError

QUEUED_FETCHES = 4
PATIENCE_S = 0.5


@dataclass(frozen=True)
class PartitionEnd:
    """The partition ends at ``offset``; ``position`` as in :class:`FetchedRecords`."""

    lane: int
    epoch: int
    position: int
    offset: int


T = TypeVar("T")
Work = FetchedRecords | PartitionEnd | Callable[[], None]


class LanderThread(threading.Thread):
    """Runs a :class:`Lander`; an error ends the thread and is raised in the consumer's."""

    def __init__(self, lander: Lander, exit_when_idle_s: float | None, stop: threading.Event) -> None:
        super().__init__(name="lander", daemon=True)
        self.lander = lander
        self.work: queue.Queue[Work] = queue.Queue(maxsize=QUEUED_FETCHES)
        self.error: BaseException | None = None
        self.done = threading.Event()
        self.came_to_end = False
        """Whether it ended because the topic was idle, with everything landed."""
        self._exit_when_idle_s = exit_when_idle_s
        self._stop_asked = stop

    def ask(self, call: Callable[..., T], *given: object) -> T:
        """Run ``call`` with what is ``given`` in the lander's thread and return its answer.

        Raises
        ------
        StoppedError: the lander has ended; why is in ``error``, and is for :meth:`GroupMember.run` alone to raise.
        """
        answer: Future[T] = Future()
        while not self.done.is_set():
            try:
                self.work.put(lambda: answer.set_result(call(*given)), timeout=PATIENCE_S)
                break
            except queue.Full:
                continue
        while not answer.done() and not self.done.is_set():
            threading.Event().wait(0.005)
        if answer.done():
            return answer.result()
        raise StoppedError

    def run(self) -> None:
        """Work until told to stop, until the topic has been idle for long enough, or until an error."""
        try:
            while not self._stop_asked.is_set():
                self._step()
        except StoppedError:
            pass
        except BaseException as error:
            self.error = error
        finally:
            self.done.set()

    def _step(self) -> None:
        try:
            item = self.work.get(timeout=0.1)
        except queue.Empty:
            if self._exit_when_idle_s is not None and self.lander.idle_for() >= self._exit_when_idle_s:
                if self.lander.land_tail():
                    self.came_to_end = True
                    self._stop_asked.set()
                return
            self.lander.tick()
            return
        if isinstance(item, FetchedRecords):
            self.lander.take(item)
            self.lander.tick()
        elif isinstance(item, PartitionEnd):
            self.lander.reach_end(item.lane, item.epoch, item.position, item.offset)
        else:
            item()
