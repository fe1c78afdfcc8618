"""Keeps several processes going that do the same, each forked from this one: what it has imported is there at once.

A fork costs milliseconds where importing everything again costs seconds, and the processes share the memory of what was
imported. This process must have neither threads nor connections by then, since neither survive in the others.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess
from time import monotonic
from typing import Final

import structlog

log = structlog.get_logger("pipeyard.web")

#: Seconds before a process that died is replaced: none, unless it died within HEALTHY_AFTER seconds of its beginning.
REPLACE_AFTER: Final = 1.0
HEALTHY_AFTER: Final = 10.0
#: Seconds that the processes get to stop by themselves; less than the supervisor gives all of them.
STOP_WITHIN: Final = 10.0
_STOPPING: Final = (signal.SIGTERM, signal.SIGINT)


class Processes:
    """So many processes of one kind.

    work: what each does. It is given its number, from 0, and a file descriptor that can be read once it is to stop:
    because this process was told to, or has died. died: called with the number of one that has died.
    """

    def __init__(self, count: int, work: Callable[[int, int], None], died: Callable[[int], None]) -> None:
        self._work = work
        self._died = died
        self._context = multiprocessing.get_context("fork")
        #: Nothing is ever written: when `_held` is closed, by us or by our end, `_end` can be read by all.
        self._end, self._held = os.pipe()
        #: The processes that run, by number, and when each began.
        self._running: dict[int, tuple[ForkProcess, float]] = {}
        #: When those that do not run are to begin, by number.
        self._due: dict[int, float] = dict.fromkeys(range(count), 0.0)

    def run(self) -> None:
        """Keeps the processes going until SIGTERM or SIGINT, then stops them.

        Raises RuntimeError where this process has threads.
        """
        if threading.active_count() > 1:
            raise RuntimeError(
                f"These threads would be missing in the processes: {threading.enumerate()[1:]}."
            )
        with _told_to_stop() as told:
            while not self._one_round(told):
                pass
        os.close(self._held)
        self._stop()

    def _one_round(self, told: socket.socket) -> bool:
        """Starts what is due and waits for something to happen; True when told to stop."""
        for number, due in list(self._due.items()):
            if due <= monotonic():
                self._start(number, told)
        pause = max(0.0, min(self._due.values()) - monotonic()) if self._due else None
        numbers = {process.sentinel: number for number, (process, _) in self._running.items()}
        happened = wait([told, *numbers], pause)
        if told in happened:
            return True
        for sentinel, number in numbers.items():
            if sentinel in happened:
                self._bury(number)
        return False

    def _start(self, number: int, told: socket.socket) -> None:
        del self._due[number]
        process = self._context.Process(target=self._begin, args=(number, told), name=f"web-{number}")
        process.start()
        self._running[number] = process, monotonic()

    def _begin(self, number: int, told: socket.socket) -> None:
        """What a process does."""
        signal.set_wakeup_fd(-1)
        for name in _STOPPING:
            signal.signal(name, signal.SIG_DFL)
        told.close()
        os.close(self._held)
        self._work(number, self._end)

    def _bury(self, number: int) -> None:
        """Says that a process has died, and when another one takes its place."""
        process, began = self._running.pop(number)
        process.join()
        self._died(number)
        delay = 0.0 if monotonic() - began > HEALTHY_AFTER else REPLACE_AFTER
        self._due[number] = monotonic() + delay
        log.error(
            "web process died", process=process.pid, exit_code=process.exitcode, replaced_in_seconds=delay
        )
        process.close()

    def _stop(self) -> None:
        deadline = monotonic() + STOP_WITHIN
        for process, _ in self._running.values():
            process.join(max(0.0, deadline - monotonic()))
            if process.is_alive():
                log.error("web process did not stop and is killed", process=process.pid)
                process.kill()
                process.join()


@contextmanager
def _told_to_stop() -> Iterator[socket.socket]:
    """A socket that can be read once SIGTERM or SIGINT has come."""
    told, telling = socket.socketpair()
    telling.setblocking(False)
    before = {name: signal.signal(name, lambda *_: None) for name in _STOPPING}
    signal.set_wakeup_fd(telling.fileno())
    try:
        yield told
    finally:
        signal.set_wakeup_fd(-1)
        for name, handler in before.items():
            signal.signal(name, handler)
        told.close()
        telling.close()
